/**
 * The promise of a payment that a person makes on a page, unless it may be a mistake: one just like it, the same amount from
 * the same wallet to the same one, is under way or was made within minutes. Looking for that one and storing the promise are
 * one step (`promise_payment` in prisma/migrations/), so of several that are sent at once one is made and the others are
 * asked about.
 */
import type { Pool } from '../database/pool.ts';
import { toColumns } from './pendingOperations.ts';
import type { Promised, PromiseRefusal, PromiseRoom } from './pendingOperations.ts';

/** The newest payment that is just like another one. */
export interface EqualPayment {
  state: 'equal';
  id: string;
  payeeWalletId: bigint;
  amountMinor: bigint;
  agoMs: number;
  isPending: boolean;
}

interface Row {
  reason: PromiseRefusal;
  /** Null beside a reason; else beside these two. */
  equal_id: string | null;
  is_pending: boolean;
  ago_ms: number;
}

const PROMISE_PAYMENT = {
  name: 'promise-payment',
  text: `SELECT reason, equal_id, is_pending, ago_ms FROM promise_payment(
           $1::uuid[], $2::uuid[], $3::int[], $4::jsonb[], $5::text[], $6::int[], $7::bigint[], $8, $9)`,
};

/**
 * Commits the promise, as `insertPending` does, and answers why not. `confirmed` is the equal payment that its sender has
 * been asked about and means to repeat.
 */
export async function promisePayment(
  pool: Pool,
  promised: Promised,
  { partitions, room, confirmed }: PromiseRoom & { confirmed: string | undefined },
): Promise<PromiseRefusal | EqualPayment | undefined> {
  const values = [...toColumns([promised], partitions), room, confirmed];
  const [row] = (await pool.query<Row>({ ...PROMISE_PAYMENT, values })).rows;
  if (!row) return undefined;
  if (row.equal_id === null) return row.reason;
  const { creditWalletId: payeeWalletId, amountMinor } = promised.command;
  return { state: 'equal', id: row.equal_id, payeeWalletId, amountMinor, agoMs: row.ago_ms, isPending: row.is_pending };
}
