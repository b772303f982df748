/**
 * Whether a worker works, as the whole fleet sees it: each that does holds a shared advisory lock on a session that ends
 * with it (worker/presence.ts). So one that was killed is gone at once, a frozen one within seconds, and no clock and no
 * table has a part in it.
 */
import { ADVISORY_LOCKS } from '../database/advisoryLocks.ts';
import type { Pool } from '../database/pool.ts';

// A key of one bigint is shown as its upper and its lower half, with 1 as the third part (pg_locks).
const COUNT_WORKERS = `
  SELECT count(*)::int AS workers FROM pg_locks
  WHERE locktype = 'advisory' AND classid = 0 AND objid = $1 AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

export async function countWorkers(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ workers: number }>(COUNT_WORKERS, [ADVISORY_LOCKS.workerPresent]);
  return rows[0]?.workers ?? 0;
}
