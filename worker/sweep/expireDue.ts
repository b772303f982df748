/**
 * Frees what is held for longer than it may be and nobody has asked about: a timer in every worker, of which the one acts
 * that leads the sweep. It only tidies up: what is due is available from its moment on, freed or not. A round that finds
 * much goes on at once, with a bound; what is left has the next one.
 */
import { createHealthLog } from '../../shared/logger.ts';
import type { Logger } from '../../shared/logger.ts';
import { startRounds } from '../../shared/rounds.ts';
import type { Rounds } from '../../shared/rounds.ts';
import { EXPIRY_BATCH, expireDueHolds } from '../../shared/store/ledger/expireHolds.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import type { Leadership } from '../leadership.ts';

const PAUSE_MS = 1_000;
const MAX_BATCHES = 200;

interface ExpireDeps {
  pool: Pool;
  logger: Logger;
  leadership: Pick<Leadership, 'isLeader'>;
}

export function startExpiring({ pool, logger, leadership }: ExpireDeps): Rounds {
  const health = createHealthLog(logger, 'hold expiry');
  const work = async () => {
    if (!leadership.isLeader()) return;
    await expireOnce(pool, leadership.isLeader);
    health.up();
  };
  return startRounds({ pauseMs: PAUSE_MS, work, onFailure: health.down });
}

/** One round, as long as `mayGoOn`. */
export async function expireOnce(pool: Pool, mayGoOn: () => boolean = () => true): Promise<void> {
  for (let batch = 0; batch < MAX_BATCHES && mayGoOn() && (await expireDueHolds(pool)) === EXPIRY_BATCH; batch++);
}
