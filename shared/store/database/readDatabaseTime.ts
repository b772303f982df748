/** The time by the database's clock: also the cheapest question that proves that the database answers. */
import { Fault } from '../../errors/fault.ts';
import type { Pool } from './pool.ts';

export async function readDatabaseTime(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  if (!rows[0]) throw new Fault('the database did not say what time it is');
  return rows[0].now.getTime();
}
