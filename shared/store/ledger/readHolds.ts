/**
 * Holds as they are at this moment, for whoever asks: one whose time is up is expired, whether or not its money has been
 * freed yet. Lists are read by the index of each state, newest first.
 */
import type { HoldState } from '../../ledger/kinds/holds.ts';
import type { Pool } from '../database/pool.ts';

export interface HoldView {
  id: string;
  payerWalletId: bigint;
  payeeWalletId: bigint;
  currency: string;
  state: HoldState;
  amountMinor: bigint;
  capturedMinor: bigint;
  releasedMinor: bigint;
  details: string | null;
  expiresAt: Date;
  createdAt: Date;
}

/** A wallet of somebody who asks. */
export interface AskersWallet {
  walletId: bigint;
  balanceMinor: bigint;
  heldMinor: bigint;
}

type HoldRole = 'payer' | 'payee';

/** SQL over a wallet `w`: what it holds less what is due. */
export const HELD_NOW = `w.held - CASE WHEN w.next_expiry_at <= statement_timestamp() THEN (
  SELECT coalesce(sum(amount - captured - released), 0)::bigint FROM hold
  WHERE debit_wallet_id = w.id AND state = 'open' AND expires_at <= statement_timestamp()) ELSE 0 END`;

const IS_DUE = `h.state = 'open' AND h.expires_at <= statement_timestamp()`;
const COLUMNS = `h.id, h.debit_wallet_id, h.credit_wallet_id, h.currency, h.amount, h.captured, h.expires_at, h.created_at,
  CASE WHEN ${IS_DUE} THEN 'expired' ELSE h.state END AS state,
  CASE WHEN ${IS_DUE} THEN h.amount - h.captured ELSE h.released END AS released`;

interface Row {
  id: string;
  debit_wallet_id: bigint;
  credit_wallet_id: bigint;
  currency: string;
  state: HoldState;
  amount: bigint;
  captured: bigint;
  released: bigint;
  details: string | null;
  expires_at: Date;
  created_at: Date;
  wallet_id: bigint | null;
  balance: bigint;
  held: bigint;
}

const READ_HOLD = {
  name: 'read-hold',
  text: `SELECT ${COLUMNS}, o.details, w.id AS wallet_id, w.balance, ${HELD_NOW} AS held
         FROM hold h JOIN operation o ON o.id = h.id LEFT JOIN wallet w ON w.id = $2
         WHERE h.id = $1`,
};

/** With the wallet of whoever asks, if there is one. */
export async function readHold(
  pool: Pool,
  id: string,
  askersWalletId: bigint | null,
): Promise<{ hold: HoldView; wallet: AskersWallet | undefined } | undefined> {
  const { rows } = await pool.query<Row>({ ...READ_HOLD, values: [id, askersWalletId] });
  const [row] = rows;
  if (!row) return undefined;
  const { wallet_id: walletId, balance: balanceMinor, held: heldMinor } = row;
  return { hold: toView(row), wallet: walletId === null ? undefined : { walletId, balanceMinor, heldMinor } };
}

/** Between which wallets a hold is. They never change. */
export async function readHoldSides(
  pool: Pool,
  id: string,
): Promise<{ debitWalletId: bigint; creditWalletId: bigint } | undefined> {
  const { rows } = await pool.query<{ debit: bigint; credit: bigint }>({
    name: 'read-hold-sides',
    text: 'SELECT debit_wallet_id AS debit, credit_wallet_id AS credit FROM hold WHERE id = $1',
    values: [id],
  });
  return rows[0] && { debitWalletId: rows[0].debit, creditWalletId: rows[0].credit };
}

/** SQL: which rows are in a state now. What is due is stored as open. */
const STORED: Record<HoldState, readonly string[]> = {
  open: [`h.state = 'open' AND h.expires_at > statement_timestamp()`],
  captured: [`h.state = 'captured'`],
  released: [`h.state = 'released'`],
  expired: [`h.state = 'expired'`, IS_DUE],
};
const SIDES: Record<HoldRole, string> = { payer: 'h.debit_wallet_id', payee: 'h.credit_wallet_id' };

interface Page {
  role: HoldRole;
  /** All of them where it is not given. */
  state?: HoldState | undefined;
  limit: number;
  /** The id of the last one of the page before. */
  before?: string | undefined;
}

/** The holds on a wallet, or for it, newest first: one more than `limit` where there are more. */
export async function readHolds(pool: Pool, walletId: bigint, page: Page): Promise<HoldView[]> {
  const { role, state, limit, before = null } = page;
  const parts = (state ? [STORED[state]] : Object.values(STORED)).flat();
  const ranges = parts.map(
    (isIn) => `(SELECT * FROM hold h WHERE ${SIDES[role]} = $1 AND ${isIn}
      AND ($2::uuid IS NULL OR (h.created_at, h.id) < (SELECT b.created_at, b.id FROM hold b WHERE b.id = $2))
      ORDER BY h.created_at DESC, h.id DESC LIMIT $3)`,
  );
  const { rows } = await pool.query<Row>({
    name: `read-holds-${role}-${state ?? 'any'}`,
    text: `SELECT ${COLUMNS}, o.details FROM (${ranges.join(' UNION ALL ')}) h JOIN operation o ON o.id = h.id
           ORDER BY h.created_at DESC, h.id DESC LIMIT $3`,
    values: [walletId, before, limit + 1],
  });
  return rows.map(toView);
}

function toView(row: Row): HoldView {
  return {
    ...{ id: row.id, payerWalletId: row.debit_wallet_id, payeeWalletId: row.credit_wallet_id, currency: row.currency },
    ...{ state: row.state, amountMinor: row.amount, capturedMinor: row.captured, releasedMinor: row.released },
    ...{ details: row.details, expiresAt: row.expires_at, createdAt: row.created_at },
  };
}
