/**
 * Figures of the whole fleet: what is in the queues and what is promised. They cost queries, so one process at a time
 * asks (`sampler.ts`), API or worker: what waits must be seen above all when no worker is left.
 */
import type { LedgerQueue } from '../queue/ledgerQueue.ts';
import { countPending, oldestPendingMs } from '../store/ledger/pendingOperations.ts';
import type { Pool } from '../store/database/pool.ts';
import { withDeadline } from '../time.ts';
import { seriesKey } from './sample.ts';
import type { Totals } from './sample.ts';

/** For all queues together. A queue that is away costs its figures, not the sample. */
const QUEUES_DEADLINE_MS = 2_000;

export type CountFleet = () => Promise<Totals['figures']>;

/** Never rejects: what cannot be known now is left out. */
export function createFleetCount({ pool, queues }: { pool: Pool; queues: readonly LedgerQueue[] }): CountFleet {
  return async () => {
    const inQueues = withDeadline(countQueues(queues), QUEUES_DEADLINE_MS, 'the queue did not answer in time');
    const parts = await Promise.allSettled([inQueues, countPromises(pool)]);
    return Object.assign(
      {},
      ...parts.map((part) => (part.status === 'fulfilled' ? part.value : {})),
    ) as Totals['figures'];
  };
}

/** One partition after the other: there may be many, and nobody waits for this. */
async function countQueues(queues: readonly LedgerQueue[]): Promise<Totals['figures']> {
  const figures: Totals['figures'] = {};
  for (const queue of queues) {
    const { partition } = queue;
    const [counts, oldestAtMs, isPaused] = await Promise.all([queue.counts(), queue.oldestAtMs(), queue.isPaused()]);
    for (const [state, count] of Object.entries(counts)) {
      figures[seriesKey('saldo_queue_jobs', { partition, state })] = count;
    }
    // Made by an API process's clock, compared with ours.
    const ageMs = oldestAtMs === undefined ? 0 : Math.max(0, Date.now() - oldestAtMs);
    figures[seriesKey('saldo_queue_oldest_age_seconds', { partition })] = ageMs / 1_000;
    figures[seriesKey('saldo_queue_paused', { partition })] = isPaused ? 1 : 0;
  }
  return figures;
}

async function countPromises(pool: Pool): Promise<Totals['figures']> {
  return {
    saldo_pending_operations: await countPending(pool),
    saldo_pending_oldest_age_seconds: (await oldestPendingMs(pool)) / 1_000,
  };
}
