/**
 * Says again and again that a partition runs one envelope at a time. The limit lives in the queue's own store, so a
 * wiped or replaced one has forgotten it; safety does not depend on it, only order and the database's peace do.
 */
import type { LedgerQueue } from '../../shared/queue/ledgerQueue.ts';
import { withDeadline } from '../../shared/time.ts';
import { startRounds } from '../../shared/rounds.ts';
import type { Rounds } from '../../shared/rounds.ts';

const PAUSE_MS = 2_000;
const DEADLINE_MS = 2_000;

export function keepSerial(deps: { queues: readonly LedgerQueue[]; onFailure: (error: unknown) => void }): Rounds {
  const assertAll = () => {
    const asserted = Promise.all(deps.queues.map((queue) => queue.assertSerial()));
    return withDeadline(asserted, DEADLINE_MS, 'the queue did not answer in time');
  };
  return startRounds({ pauseMs: PAUSE_MS, work: assertAll, onFailure: deps.onFailure });
}
