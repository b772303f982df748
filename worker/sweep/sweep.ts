/**
 * Keeps the promises of 202: brings promised commands that have no outcome back into their queue until they have one.
 *
 * A timer in every worker, of which the leader acts. Nothing about it lives in the queue's store, which may be wiped.
 * It never multiplies a backlog: a partition has at most one sweep envelope at a time, a paused one gets none, and what
 * was swept once is left alone for 30 s, then a minute, then two. A sweep envelope that has failed stays where operators
 * look, with its reason, while the next ones have their turn: a partition has several places for them.
 */
import { createHealthLog } from '../../shared/logger.ts';
import type { Logger } from '../../shared/logger.ts';
import { startRounds } from '../../shared/rounds.ts';
import type { Rounds } from '../../shared/rounds.ts';
import { MAX_ENVELOPE_COMMANDS, packEnvelope, sweepJobIds } from '../../shared/queue/contracts.ts';
import type { WireCommand } from '../../shared/queue/contracts.ts';
import type { LedgerQueue } from '../../shared/queue/ledgerQueue.ts';
import { claimDue, clearKept, duePartitions } from '../../shared/store/ledger/pendingOperations.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { withDeadline } from '../../shared/time.ts';
import type { Leadership } from '../leadership.ts';

const SWEEP_PAUSE_MS = 1_000;
/** While a partition has more that is due than one envelope takes, as when no worker worked for a while. */
const BACKLOG_PAUSE_MS = 100;
const QUEUE_DEADLINE_MS = 2_000;
const MAX_FAILED_ROUNDS = 3;
/** States in which no sweep envelope is on its way in a place. */
const OVER = [undefined, 'completed', 'failed'];

export interface SweepDeps {
  pool: Pool;
  /** By partition. */
  queues: readonly LedgerQueue[];
  logger: Logger;
}

/** Sweeps every second, or oftener while there is a backlog, while this process leads, until `stop`. A leader that cannot sweep lets another one try. */
export function startSweep(
  deps: SweepDeps & {
    leadership: Pick<Leadership, 'isLeader' | 'resign'>;
    onRound?: (round: { swept: number; failed: unknown[] }) => void;
  },
): Rounds {
  const health = createHealthLog(deps.logger, 'sweep');
  let failures = 0;
  let backlogAtMs = -Infinity;
  const sweepRound = async () => {
    const round = await sweepOnce(deps).catch((error: unknown) => ({ swept: 0, failed: [error] }));
    deps.onRound?.(round);
    if (round.swept >= MAX_ENVELOPE_COMMANDS) backlogAtMs = performance.now();
    const { failed } = round;
    if (failed.length === 0) health.up();
    else health.down(failed[0]);
    failures = failed.length === 0 ? 0 : failures + 1;
    if (failures < MAX_FAILED_ROUNDS) return;
    failures = 0;
    deps.leadership.resign();
  };
  const work = async () => {
    if (deps.leadership.isLeader()) await sweepRound();
  };
  const pauseMs = () => (performance.now() - backlogAtMs < SWEEP_PAUSE_MS ? BACKLOG_PAUSE_MS : SWEEP_PAUSE_MS);
  return startRounds({ pauseMs, work, onFailure: health.down });
}

/**
 * One round over the promises that are due: removes those that are kept and sends out the rest. Answers how many it sent
 * and what went wrong, which in one partition does not keep the others from their turn. Throws when the database is away.
 */
export async function sweepOnce(deps: SweepDeps): Promise<{ swept: number; failed: unknown[] }> {
  let swept = 0;
  const failed: unknown[] = [];
  for (const partition of await duePartitions(deps.pool, deps.queues.length)) {
    const queue = deps.queues[partition];
    if (!queue) continue;
    try {
      swept += await sweepPartition(deps, queue);
    } catch (error) {
      failed.push(error);
    }
  }
  return { swept, failed };
}

async function sweepPartition(deps: SweepDeps, queue: LedgerQueue): Promise<number> {
  await clearKept(deps.pool, queue.partition, MAX_ENVELOPE_COMMANDS);
  const place = await withDeadline(findPlace(queue), QUEUE_DEADLINE_MS, 'the queue did not answer in time');
  if (!place) return 0;
  const due = await claimDue(deps.pool, queue.partition, MAX_ENVELOPE_COMMANDS);
  if (due.length === 0) return 0;
  const { jobId, isTaken } = place;
  if (isTaken) await withDeadline(queue.remove(jobId), QUEUE_DEADLINE_MS, 'the queue did not answer in time');
  // What cannot be read is for the worker to report: it says so in the failed set, where an operator looks.
  const envelope = packEnvelope(due.map(({ command }) => command as WireCommand));
  const adding = queue.add(jobId, envelope, { keepCompleted: false });
  await withDeadline(adding, QUEUE_DEADLINE_MS, 'the queue did not take a sweep envelope in time');
  const swept = { envelope_id: jobId, partition: queue.partition, commands: due.length };
  deps.logger.info(swept, 'swept promised operations into their queue');
  return due.length;
}

/**
 * Where the partition's next sweep envelope goes: a free place or, if all have a failed one, that which failed first.
 * Undefined when it may have none now. Sweepers that look at the same moment find the same place, and what is added there
 * once is not added again.
 */
async function findPlace(queue: LedgerQueue): Promise<{ jobId: string; isTaken: boolean } | undefined> {
  const jobIds = sweepJobIds(queue.partition);
  const [isPaused, states] = await Promise.all([queue.isPaused(), Promise.all(jobIds.map(queue.stateOf))]);
  if (isPaused || states.some((state) => !OVER.includes(state))) return undefined;
  const free = jobIds.find((_jobId, place) => states[place] === undefined);
  if (free !== undefined) return { jobId: free, isTaken: false };
  const endedAtMs = await Promise.all(jobIds.map(queue.endedAtMs));
  const oldest = jobIds[endedAtMs.indexOf(Math.min(...endedAtMs))];
  return oldest === undefined ? undefined : { jobId: oldest, isTaken: true };
}
