/**
 * Everything that the database knows of one operation, for an operator: the outcome with its entries, the promise that
 * is still open, and which request it came with. One statement, and so one snapshot.
 */
import { KINDS } from '../../ledger/kinds.ts';
import { fromWire } from '../../queue/contracts.ts';
import type { Pool } from '../database/pool.ts';
import { decidedView, promisedView } from '../ledger/operationView.ts';
import type { OperationView, OutcomeRow } from '../ledger/operationView.ts';

export interface OperationTrail extends OperationView {
  requestId: string;
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

interface DecidedRow extends OutcomeRow {
  request_id: string;
  debit_seq: bigint | null;
  credit_seq: bigint | null;
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
    ...decidedView(id, row),
    requestId: row.request_id,
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
  return { ...promisedView(id, command), requestId: command.requestId, entries: [] };
}
