/**
 * Says again and again that a partition runs one envelope at a time. The limit lives in the queue's own store, so a
 * wiped or replaced one has forgotten it; safety does not depend on it, only order and the database's peace do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LedgerQueue } from '../shared/queue/ledgerQueue.ts';
import { withDeadline } from '../shared/time.ts';

const PAUSE_MS = 2_000;
const DEADLINE_MS = 2_000;

export function keepSerial(deps: { queues: readonly LedgerQueue[]; onFailure: (error: unknown) => void }): {
  stop: () => Promise<void>;
} {
  const stopping = new AbortController();
  const run = async () => {
    while (!stopping.signal.aborted) {
      const asserted = Promise.all(deps.queues.map((queue) => queue.assertSerial()));
      await withDeadline(asserted, DEADLINE_MS, 'the queue did not answer in time').catch(deps.onFailure);
      await sleep(PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
