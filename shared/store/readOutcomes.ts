/**
 * Reads what is known of operations: the only place an answer to a client comes from. One statement, and so one
 * snapshot, over outcomes and promises: an operation that moves from promised to decided is never seen as absent.
 */
import type { OperationKind, RejectionReason } from '../ledger/command.ts';
import { bareArray } from './bareArray.ts';
import type { Pool } from './pool.ts';

interface Identified {
  id: string;
  requestHash: string;
}

export type KnownOutcome =
  /** `balanceMinor` is the balance after it of the wallet that the client is told about (see `answeredWallet`); null where no money moved. */
  | (Identified & { state: 'applied'; requestId: string; balanceMinor: bigint | null })
  | (Identified & { state: 'rejected'; requestId: string; reason: RejectionReason })
  | (Identified & { state: 'pending' });

/** The wallet whose balance answers a client: the credited one of a deposit, otherwise the payer's. */
export function answeredWallet(command: {
  kind: OperationKind;
  debitWalletId: bigint;
  creditWalletId: bigint;
}): bigint {
  return command.kind === 'deposit' ? command.creditWalletId : command.debitWalletId;
}

const READ_OUTCOMES = {
  name: 'read-outcomes',
  text: `SELECT o.id, o.status AS state, o.reason, o.request_id, encode(o.request_hash, 'hex') AS request_hash,
           e.balance_after, extract(epoch FROM clock_timestamp())::float8 * 1000 AS now_ms
         FROM operation o
         LEFT JOIN entry e ON o.status = 'applied'
           AND e.wallet_id = CASE o.kind WHEN 'deposit' THEN o.credit_wallet_id ELSE o.debit_wallet_id END
           AND e.seq = CASE o.kind WHEN 'deposit' THEN o.credit_seq ELSE o.debit_seq END
         WHERE o.id = ANY($1::uuid[])
         UNION ALL
         SELECT p.id, 'pending', NULL, NULL, encode(p.request_hash, 'hex'), NULL, extract(epoch FROM clock_timestamp())::float8 * 1000
         FROM pending_operation p
         WHERE p.id = ANY($1::uuid[]) AND NOT EXISTS (SELECT FROM operation o WHERE o.id = p.id)`,
};

interface Row {
  id: string;
  state: 'applied' | 'rejected' | 'pending';
  reason: RejectionReason | null;
  request_id: string | null;
  request_hash: string;
  balance_after: bigint | null;
  now_ms: number;
}

/** What is known of `ids`, by id. `onClock` is told the database's time whenever a row brought it. */
export async function readOutcomes(
  pool: Pool,
  ids: readonly string[],
  onClock?: (databaseNowMs: number) => void,
): Promise<Map<string, KnownOutcome>> {
  const { rows } = await pool.query<Row>({ ...READ_OUTCOMES, values: [bareArray(ids)] });
  const [first] = rows;
  if (first) onClock?.(first.now_ms);
  return new Map(rows.map((row) => [row.id, toOutcome(row)]));
}

function toOutcome(row: Row): KnownOutcome {
  const { id, state, request_hash: requestHash, reason } = row;
  if (state === 'pending') return { id, requestHash, state };
  const requestId = row.request_id ?? '';
  if (state === 'applied') return { id, requestHash, state, requestId, balanceMinor: row.balance_after };
  if (reason === null) throw new Error(`rejected operation ${id} has no reason`);
  return { id, requestHash, state, requestId, reason };
}
