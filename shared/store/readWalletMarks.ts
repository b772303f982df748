/**
 * Whether anything about wallets has changed, for pages that are looked at: one primary-key look-up for all the wallets
 * that are asked about at the same moment. A mark is a short text that differs whenever the wallet does.
 */
import type { Pool } from './pool.ts';

const READ_WALLET_MARKS = {
  name: 'read-wallet-marks',
  text: `SELECT id, concat_ws('.', id, version, held, is_frozen::int) AS mark FROM wallet WHERE id = ANY($1::bigint[])`,
};

export async function readWalletMarks(pool: Pool, ids: readonly bigint[]): Promise<Map<bigint, string>> {
  const { rows } = await pool.query<{ id: bigint; mark: string }>({ ...READ_WALLET_MARKS, values: [ids] });
  return new Map(rows.map(({ id, mark }) => [id, mark]));
}
