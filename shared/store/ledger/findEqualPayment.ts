/**
 * Whether a payment like one that is asked for has just been made: the same amount from the same wallet to the same one,
 * under way still, or applied within a few minutes. Of a very busy wallet only the newest movements are looked at.
 */
import type { Pool } from '../database/pool.ts';

export interface EqualPayment {
  id: string;
  payeeWalletId: bigint;
  amountMinor: bigint;
  agoMs: number;
  isPending: boolean;
}

const MINUTES = 5;
const LOOKED_AT = 200;

const FIND_EQUAL_PAYMENT = {
  name: 'find-equal-payment',
  text: `SELECT id, is_pending, extract(epoch FROM clock_timestamp() - at)::float8 * 1000 AS ago_ms
         FROM (
           SELECT id, created_at AS at, true AS is_pending FROM (
             SELECT id, created_at, amount, command FROM pending_operation WHERE debit_wallet_id = $1
             ORDER BY created_at DESC, id DESC LIMIT ${LOOKED_AT}) p
           WHERE amount = $3 AND command ->> 'credit' = $2::bigint::text
           UNION ALL
           SELECT o.id, e.created_at, false FROM (
             SELECT operation_id, amount, created_at FROM entry WHERE wallet_id = $1
             ORDER BY seq DESC LIMIT ${LOOKED_AT}) e
           JOIN operation o ON o.id = e.operation_id
           WHERE e.amount = -$3::bigint AND o.credit_wallet_id = $2 AND e.created_at > now() - interval '${MINUTES} minutes'
         ) equal
         WHERE id <> $4 AND NOT EXISTS (SELECT FROM operation WHERE id = $4)
           AND NOT EXISTS (SELECT FROM pending_operation WHERE id = $4)
         ORDER BY at DESC LIMIT 1`,
};

/** The newest one, unless the payment itself (`id`) is known already: then it is only sent once more. */
export async function findEqualPayment(
  pool: Pool,
  payment: { id: string; payerWalletId: bigint; payeeWalletId: bigint; amountMinor: bigint },
): Promise<EqualPayment | undefined> {
  const { id, payerWalletId, payeeWalletId, amountMinor } = payment;
  const { rows } = await pool.query<{ id: string; is_pending: boolean; ago_ms: number }>({
    ...FIND_EQUAL_PAYMENT,
    values: [payerWalletId, payeeWalletId, amountMinor, id],
  });
  const [row] = rows;
  return row && { id: row.id, payeeWalletId, amountMinor, agoMs: row.ago_ms, isPending: row.is_pending };
}
