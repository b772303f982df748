/**
 * Whether anything about wallets has changed, for pages that are looked at: one look-up by index for all the wallets that
 * are asked about at the same moment. A mark is a short text that differs whenever the wallet does, or the newest of the
 * promises to move money out of it. One that is refused after a hundred newer ones were promised is not noticed before
 * the next change; when nothing is promised any more, that is.
 */
import type { Pool } from '../database/pool.ts';
import { PENDING_LISTED } from './readWalletPage.ts';

const READ_WALLET_MARKS = {
  name: 'read-wallet-marks',
  text: `SELECT id, concat_ws('.', id, version, held, is_frozen::int, p.digest) AS mark
         FROM wallet w
         LEFT JOIN LATERAL (
           SELECT md5(string_agg(n.id::text, '')) AS digest FROM (
             SELECT p.id FROM pending_operation p WHERE p.debit_wallet_id = w.id
             ORDER BY p.created_at DESC, p.id DESC LIMIT ${PENDING_LISTED}) n
         ) p ON true
         WHERE w.id = ANY($1::bigint[])`,
};

export async function readWalletMarks(pool: Pool, ids: readonly bigint[]): Promise<Map<bigint, string>> {
  const { rows } = await pool.query<{ id: bigint; mark: string }>({ ...READ_WALLET_MARKS, values: [ids] });
  return new Map(rows.map(({ id, mark }) => [id, mark]));
}
