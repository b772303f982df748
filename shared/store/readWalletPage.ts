/**
 * A wallet with its latest entries. One statement is one snapshot, so the balance is always the one after the newest
 * entry listed, without a transaction; and entries are an index range read backwards.
 */
import type { MovementKind } from '../ledger/command.ts';
import type { Pool } from './pool.ts';

export interface WalletPage {
  walletId: bigint;
  ownerId: bigint;
  currency: string;
  balanceMinor: bigint;
  heldMinor: bigint;
  isFrozen: boolean;
  /** Newest first. */
  entries: WalletEntry[];
}

export interface WalletEntry {
  operationId: string;
  seq: bigint;
  kind: MovementKind;
  amountMinor: bigint;
  balanceAfterMinor: bigint;
  counterpartyWalletId: bigint;
  details: string | null;
  createdAt: Date;
}

interface Row {
  id: bigint;
  owner_id: bigint;
  currency: string;
  balance: bigint;
  held: bigint;
  is_frozen: boolean;
  /** Null, and everything below with it, on the one row of a wallet without entries. */
  seq: bigint | null;
  operation_id: string;
  amount: bigint;
  balance_after: bigint;
  created_at: Date;
  kind: MovementKind;
  details: string | null;
  counterparty: bigint;
}

const READ_WALLET_PAGE = {
  name: 'read-wallet-page',
  text: `SELECT w.id, w.owner_id, w.currency, w.balance, w.held, w.is_frozen,
           e.seq, e.operation_id, e.amount, e.balance_after, e.created_at, o.kind, o.details,
           CASE o.debit_wallet_id WHEN w.id THEN o.credit_wallet_id ELSE o.debit_wallet_id END AS counterparty
         FROM wallet w
         LEFT JOIN LATERAL (
           SELECT * FROM entry WHERE wallet_id = w.id AND seq < $2 ORDER BY seq DESC LIMIT $3
         ) e ON true
         LEFT JOIN operation o ON o.id = e.operation_id
         WHERE w.id = $1
         ORDER BY e.seq DESC`,
};

const NO_BOUND = 2n ** 63n - 1n;

/** The newest `limit` entries before the one numbered `before`. Undefined when there is no such wallet. */
export async function readWalletPage(
  pool: Pool,
  walletId: bigint,
  { limit, before = NO_BOUND }: { limit: number; before?: bigint | undefined },
): Promise<WalletPage | undefined> {
  const { rows } = await pool.query<Row>({ ...READ_WALLET_PAGE, values: [walletId, before, limit] });
  const [first] = rows;
  if (!first) return undefined;
  return {
    walletId: first.id,
    ownerId: first.owner_id,
    currency: first.currency,
    balanceMinor: first.balance,
    heldMinor: first.held,
    isFrozen: first.is_frozen,
    entries: rows.flatMap((row) => (row.seq === null ? [] : [toEntry(row, row.seq)])),
  };
}

function toEntry(row: Row, seq: bigint): WalletEntry {
  return {
    operationId: row.operation_id,
    seq,
    kind: row.kind,
    amountMinor: row.amount,
    balanceAfterMinor: row.balance_after,
    counterpartyWalletId: row.counterparty,
    details: row.details,
    createdAt: row.created_at,
  };
}
