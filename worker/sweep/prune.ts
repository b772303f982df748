/**
 * Removes what has had its time (`shared/store/fleet/prune.ts`): a timer in every worker, of which the one acts that leads the
 * sweep. A round that finds much goes on at once, with a bound; what is left has the next one.
 */
import { createHealthLog } from '../../shared/logger.ts';
import type { Logger } from '../../shared/logger.ts';
import { startRounds } from '../../shared/rounds.ts';
import type { Rounds } from '../../shared/rounds.ts';
import { PRUNERS, PRUNE_BATCH } from '../../shared/store/fleet/prune.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import type { Leadership } from '../leadership.ts';

const PRUNE_PAUSE_MS = 10_000;
/** Batches of each kind in one round: 20,000 rows a second is more than the service can write. */
const MAX_BATCHES = 200;

interface PruneDeps {
  pool: Pool;
  logger: Logger;
  leadership: Pick<Leadership, 'isLeader'>;
}

export function startPruning({ pool, logger, leadership }: PruneDeps): Rounds {
  const health = createHealthLog(logger, 'prune');
  const work = async () => {
    if (!leadership.isLeader()) return;
    await pruneOnce(pool, leadership.isLeader);
    health.up();
  };
  return startRounds({ pauseMs: PRUNE_PAUSE_MS, work, onFailure: health.down });
}

/** One round, as long as `mayGoOn`. Throws what the first of those that failed has thrown; the others have their turn. */
export async function pruneOnce(pool: Pool, mayGoOn: () => boolean = () => true): Promise<void> {
  const failures: unknown[] = [];
  for (const prune of PRUNERS) {
    try {
      for (let batch = 0; batch < MAX_BATCHES && mayGoOn() && (await prune(pool)) === PRUNE_BATCH; batch++);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
