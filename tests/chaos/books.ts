/**
 * The database as the checker sees it: every row that has to do with money, read with plain SQL once nothing runs any
 * more. Amounts are integers well below 2^53 here, so plain numbers carry them exactly; one that is not is an error.
 */
import type pg from 'pg';

export interface OperationRow {
  id: string;
  kind: string;
  status: string;
  reason: string | null;
  debitWalletId: number;
  creditWalletId: number;
  amountMinor: number;
  details: string | null;
  externalId: string | null;
  /** The HTTP request that it was decided for, as the service called it. */
  requestId: string;
  debitSeq: number | null;
  creditSeq: number | null;
  acceptedAtMs: number;
  appliedAtMs: number;
}

export interface EntryRow {
  walletId: number;
  seq: number;
  operationId: string;
  amountMinor: number;
  balanceAfterMinor: number;
}

export interface WalletRow {
  id: number;
  kind: string;
  currency: string;
  balanceMinor: number;
  /** The number of its entries, as the service counts them. */
  version: number;
  isFrozen: boolean;
}

export interface Books {
  operations: OperationRow[];
  entries: EntryRow[];
  wallets: WalletRow[];
  /** Promises that are still there. */
  pendingIds: string[];
}

type Query = <T extends pg.QueryResultRow>(text: string) => Promise<T[]>;

export async function readBooks(query: Query): Promise<Books> {
  const operations = await query<Record<string, string | number | null>>(
    `SELECT id, kind, status, reason, debit_wallet_id, credit_wallet_id, amount, details, external_id, request_id, debit_seq, credit_seq,
       extract(epoch FROM accepted_at)::float8 * 1000 AS accepted_ms, extract(epoch FROM applied_at)::float8 * 1000 AS applied_ms
     FROM outcome`,
  );
  const entries = await query<Record<string, string>>(
    'SELECT wallet_id, seq, operation_id, amount, balance_after FROM entry ORDER BY wallet_id, seq',
  );
  const wallets = await query<Record<string, string | boolean>>(
    'SELECT id, kind, currency, balance, version, is_frozen FROM wallet',
  );
  const pending = await query<{ id: string }>('SELECT id FROM pending_operation');
  return {
    operations: operations.map((row) => ({
      id: text(row['id']),
      kind: text(row['kind']),
      status: text(row['status']),
      reason: row['reason'] === null ? null : text(row['reason']),
      debitWalletId: integer(row['debit_wallet_id']),
      creditWalletId: integer(row['credit_wallet_id']),
      amountMinor: integer(row['amount']),
      details: row['details'] === null ? null : text(row['details']),
      externalId: row['external_id'] === null ? null : text(row['external_id']),
      requestId: text(row['request_id']),
      debitSeq: row['debit_seq'] === null ? null : integer(row['debit_seq']),
      creditSeq: row['credit_seq'] === null ? null : integer(row['credit_seq']),
      acceptedAtMs: Number(row['accepted_ms']),
      appliedAtMs: Number(row['applied_ms']),
    })),
    entries: entries.map((row) => ({
      walletId: integer(row['wallet_id']),
      seq: integer(row['seq']),
      operationId: text(row['operation_id']),
      amountMinor: integer(row['amount']),
      balanceAfterMinor: integer(row['balance_after']),
    })),
    wallets: wallets.map((row) => ({
      id: integer(row['id']),
      kind: text(row['kind']),
      currency: text(row['currency']),
      balanceMinor: integer(row['balance']),
      version: integer(row['version']),
      isFrozen: row['is_frozen'] === true,
    })),
    pendingIds: pending.map(({ id }) => id),
  };
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`not a text: ${String(value)}`);
  return value;
}

function integer(value: unknown): number {
  const number = Number(value);
  if (value === null || !Number.isSafeInteger(number)) throw new Error(`not an integer: ${String(value)}`);
  return number;
}
