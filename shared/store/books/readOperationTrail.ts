/**
 * Everything that the database knows of one operation, for an operator: the outcome with its entries, the promise that
 * is still open, and which request it came with. One statement, and so one snapshot.
 */
import type { KindName } from '../../ledger/command.ts';
import { KINDS } from '../../ledger/kinds.ts';
import { fromWire } from '../../queue/contracts.ts';
import type { Pool } from '../database/pool.ts';

export interface OperationTrail {
  id: string;
  state: 'applied' | 'rejected' | 'pending';
  kind: KindName;
  reason: string | null;
  debitWalletId: bigint;
  creditWalletId: bigint;
  amountMinor: bigint;
  currency: string;
  details: string | null;
  externalId: string | null;
  initiatorId: bigint;
  requestId: string;
  acceptedAt: Date;
  /** Null while it is pending. */
  decidedAt: Date | null;
  /** The debit before the credit; one where both are of one wallet. */
  entries: TrailEntry[];
  /** What a 202 has promised and is not kept yet. A kept promise leaves nothing behind. */
  promise: { attempts: number; nextAttemptAt: Date; createdAt: Date } | null;
}

/** A promise that will be kept, but that this process cannot read: another version has written it, or it is damaged. */
export interface UnreadableTrail {
  id: string;
  state: 'unreadable';
  /** What is wrong with it. */
  problem: string;
  promise: OperationTrail['promise'];
}

interface TrailEntry {
  /** What the wallet's journal calls it. */
  word: string;
  walletId: bigint;
  seq: bigint;
  amountMinor: bigint;
  balanceAfterMinor: bigint;
}

const READ_OPERATION_TRAIL = {
  name: 'read-operation-trail',
  text: `SELECT o.status, o.kind, o.reason, o.debit_wallet_id, o.credit_wallet_id, o.amount, o.currency, o.details,
           o.external_id, o.initiator_id, o.request_id, o.debit_seq, o.credit_seq, o.accepted_at, o.applied_at,
           d.amount AS debited, d.balance_after AS debit_balance, c.amount AS credited, c.balance_after AS credit_balance,
           p.command, p.attempts, p.next_attempt_at, p.created_at AS promised_at
         FROM (SELECT $1::uuid AS id) k
         LEFT JOIN outcome o ON o.id = k.id
         LEFT JOIN pending_operation p ON p.id = k.id
         LEFT JOIN entry d ON d.wallet_id = o.debit_wallet_id AND d.seq = o.debit_seq
         LEFT JOIN entry c ON c.wallet_id = o.credit_wallet_id AND c.seq = o.credit_seq
         WHERE o.id IS NOT NULL OR p.id IS NOT NULL`,
};

interface DecidedRow {
  status: 'applied' | 'rejected';
  kind: KindName;
  reason: string | null;
  debit_wallet_id: bigint;
  credit_wallet_id: bigint;
  amount: bigint;
  currency: string;
  details: string | null;
  external_id: string | null;
  initiator_id: bigint;
  request_id: string;
  debit_seq: bigint | null;
  credit_seq: bigint | null;
  accepted_at: Date;
  applied_at: Date;
  debited: bigint | null;
  debit_balance: bigint | null;
  credited: bigint | null;
  credit_balance: bigint | null;
}
interface PromiseColumns {
  command: unknown;
  attempts: number | null;
  next_attempt_at: Date | null;
  promised_at: Date | null;
}
type Row = (DecidedRow | { status: null }) & PromiseColumns;

/** Undefined when neither an outcome nor a promise is there. */
export async function readOperationTrail(
  pool: Pool,
  id: string,
): Promise<OperationTrail | UnreadableTrail | undefined> {
  const { rows } = await pool.query<Row>({ ...READ_OPERATION_TRAIL, values: [id] });
  const [row] = rows;
  if (!row) return undefined;
  const promise = promiseOf(row);
  return row.status === null ? { ...pending(id, row.command), promise } : { ...decided(id, row), promise };
}

function promiseOf({ attempts, next_attempt_at, promised_at }: PromiseColumns): OperationTrail['promise'] {
  if (attempts === null || next_attempt_at === null || promised_at === null) return null;
  return { attempts, nextAttemptAt: next_attempt_at, createdAt: promised_at };
}

function decided(id: string, row: DecidedRow): Omit<OperationTrail, 'promise'> {
  const { oneWallet, journal } = KINDS[row.kind];
  const debit = [journal.debit, row.debit_wallet_id, row.debit_seq, row.debited, row.debit_balance] as const;
  const credit = [journal.credit, row.credit_wallet_id, row.credit_seq, row.credited, row.credit_balance] as const;
  const sides = oneWallet ? [debit] : [debit, credit];
  return {
    id,
    state: row.status,
    kind: row.kind,
    reason: row.reason,
    debitWalletId: row.debit_wallet_id,
    creditWalletId: row.credit_wallet_id,
    amountMinor: row.amount,
    currency: row.currency,
    details: row.details,
    externalId: row.external_id,
    initiatorId: row.initiator_id,
    requestId: row.request_id,
    acceptedAt: row.accepted_at,
    decidedAt: row.applied_at,
    entries: sides.flatMap(([word, walletId, seq, amountMinor, balanceAfterMinor]) =>
      seq === null || amountMinor === null || balanceAfterMinor === null
        ? []
        : [{ word, walletId, seq, amountMinor, balanceAfterMinor }],
    ),
  };
}

function pending(id: string, wire: unknown): Omit<OperationTrail, 'promise'> | Omit<UnreadableTrail, 'promise'> {
  const read = fromWire(wire);
  if (!read.ok) return { id, state: 'unreadable', problem: read.problem };
  const { command } = read;
  return {
    ...{ id, state: 'pending', reason: null, decidedAt: null, entries: [] },
    kind: command.kind,
    debitWalletId: command.debitWalletId,
    creditWalletId: command.creditWalletId,
    amountMinor: command.amountMinor,
    currency: command.currency,
    details: command.details,
    externalId: command.externalId,
    initiatorId: command.initiatorId,
    requestId: command.requestId,
    acceptedAt: new Date(command.acceptedAtMs),
  };
}
