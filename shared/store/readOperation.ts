/**
 * One operation in full, decided or promised, for whoever asks for it by id. One statement over both tables, so that an
 * operation on its way from promised to decided is never absent.
 */
import type { OperationKind, RejectionReason } from '../ledger/command.ts';
import { fromWire } from '../queue/contracts.ts';
import type { Pool } from './pool.ts';

export interface OperationView {
  id: string;
  state: 'applied' | 'rejected' | 'pending';
  kind: OperationKind;
  reason: RejectionReason | null;
  debitWalletId: bigint;
  creditWalletId: bigint;
  amountMinor: bigint;
  currency: string;
  details: string | null;
  externalId: string | null;
  initiatorId: bigint;
  acceptedAt: Date;
  /** When it was decided; null while pending. */
  decidedAt: Date | null;
}

const READ_OPERATION = {
  name: 'read-operation',
  text: `SELECT status AS state, kind, reason, debit_wallet_id, credit_wallet_id, amount, currency, details, external_id,
           initiator_id, accepted_at, applied_at, NULL::jsonb AS command
         FROM operation WHERE id = $1
         UNION ALL
         SELECT 'pending', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, command
         FROM pending_operation p WHERE p.id = $1 AND NOT EXISTS (SELECT FROM operation o WHERE o.id = p.id)`,
};

interface StoredRow {
  state: 'applied' | 'rejected';
  kind: OperationKind;
  reason: RejectionReason | null;
  debit_wallet_id: bigint;
  credit_wallet_id: bigint;
  amount: bigint;
  currency: string;
  details: string | null;
  external_id: string | null;
  initiator_id: bigint;
  accepted_at: Date;
  applied_at: Date;
}
type Row = StoredRow | { state: 'pending'; command: unknown };

export async function readOperation(pool: Pool, id: string): Promise<OperationView | undefined> {
  const { rows } = await pool.query<Row>({ ...READ_OPERATION, values: [id] });
  const [row] = rows;
  if (!row) return undefined;
  return row.state === 'pending' ? pendingView(id, row.command) : storedView(id, row);
}

function storedView(id: string, row: StoredRow): OperationView {
  return {
    id,
    state: row.state,
    kind: row.kind,
    reason: row.reason,
    debitWalletId: row.debit_wallet_id,
    creditWalletId: row.credit_wallet_id,
    amountMinor: row.amount,
    currency: row.currency,
    details: row.details,
    externalId: row.external_id,
    initiatorId: row.initiator_id,
    acceptedAt: row.accepted_at,
    decidedAt: row.applied_at,
  };
}

function pendingView(id: string, wire: unknown): OperationView {
  const read = fromWire(wire);
  if (!read.ok) throw new Error(`pending operation ${id} cannot be read: ${read.problem}`);
  const { command } = read;
  return {
    id,
    state: 'pending',
    kind: command.kind,
    reason: null,
    debitWalletId: command.debitWalletId,
    creditWalletId: command.creditWalletId,
    amountMinor: command.amountMinor,
    currency: command.currency,
    details: command.details,
    externalId: command.externalId,
    initiatorId: command.initiatorId,
    acceptedAt: new Date(command.acceptedAtMs),
    decidedAt: null,
  };
}
