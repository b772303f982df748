/** What the owner of a wallet is called. */
import type { Pool } from '../database/pool.ts';

const READ_OWNER_NAME = {
  name: 'read-owner-name',
  text: 'SELECT u.name FROM wallet w JOIN app_user u ON u.id = w.owner_id WHERE w.id = $1',
};

export async function readOwnerName(pool: Pool, walletId: bigint): Promise<string | undefined> {
  const { rows } = await pool.query<{ name: string }>({ ...READ_OWNER_NAME, values: [walletId] });
  return rows[0]?.name;
}
