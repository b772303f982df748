/** Whether there is anybody whom a customer could pay. */
import type { Pool } from '../database/pool.ts';

const HAS_OTHER_CUSTOMERS = {
  name: 'has-other-customers',
  text: `SELECT EXISTS (SELECT FROM wallet WHERE kind = 'customer' AND id <> $1) AS has_others`,
};

export async function hasOtherCustomers(pool: Pool, walletId: bigint): Promise<boolean> {
  const { rows } = await pool.query<{ has_others: boolean }>({ ...HAS_OTHER_CUSTOMERS, values: [walletId] });
  return rows[0]?.has_others ?? false;
}
