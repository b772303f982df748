/**
 * A wallet with its latest entries, what is under way out of it, and what of it was refused of late. One statement is one
 * snapshot, without a transaction: the balance is always the one after the newest entry listed, and an operation is under
 * way, an entry or a refusal, never two of them and never none. Each part is an index range read backwards.
 */
import type { KindName, RejectionReason } from '../../ledger/command.ts';
import { KINDS } from '../../ledger/kinds.ts';
import { fromWire } from '../../queue/contracts.ts';
import type { Pool } from '../database/pool.ts';
import { HELD_NOW } from './readHolds.ts';

export interface WalletPage {
  walletId: bigint;
  ownerId: bigint;
  currency: string;
  balanceMinor: bigint;
  /** What is held at this moment: nothing that has expired by now, freed or not. */
  heldMinor: bigint;
  isFrozen: boolean;
  /** What moved money, newest first. */
  entries: WalletEntry[];
  /** There are older ones. */
  hasMore: boolean;
  /** What the owner has asked for and nothing has come of yet: promised, out of this wallet. The newest, newest first. */
  pending: PendingMovement[];
  /** Of all of them, however many are listed. */
  pendingCount: number;
  pendingOutMinor: bigint;
  /** What the owner has asked for within a day and the ledger has refused, newest first. */
  refused: RefusedMovement[];
}

interface Movement {
  operationId: string;
  kind: KindName;
  amountMinor: bigint;
  counterpartyWalletId: bigint;
  details: string | null;
}

export interface WalletEntry extends Movement {
  seq: bigint;
  balanceAfterMinor: bigint;
  /** When the operation was accepted: it has this time wherever it is shown, also while it is only promised. */
  createdAt: Date;
}

/** Its amount is what leaves the wallet if it is applied. */
export interface PendingMovement extends Movement {
  acceptedAt: Date;
}

/** Its amount is what would have left the wallet. */
export interface RefusedMovement extends PendingMovement {
  reason: RejectionReason;
  decidedAt: Date;
}

interface Row {
  id: bigint;
  owner_id: bigint;
  currency: string;
  balance: bigint;
  held: bigint;
  is_frozen: boolean;
  /** On one of the rows; null on the others. */
  pending: { count: number; out: string; newest: unknown[] } | null;
  refused: RefusedRow[] | null;
  /** Null, and everything below with it, on the one row of a wallet without entries. */
  seq: bigint | null;
  operation_id: string;
  amount: bigint;
  balance_after: bigint;
  created_at: Date;
  kind: KindName;
  details: string | null;
  counterparty: bigint;
}

/** Out of JSON: amounts and ids are below 2^53. */
interface RefusedRow {
  id: string;
  kind: KindName;
  reason: RejectionReason;
  amount: number;
  counterparty: number;
  details: string | null;
  accepted_at: string;
  applied_at: string;
}

/**
 * Promises that are listed; their number and their sum are of all of them. A promise can be left over for a moment from
 * an operation that was decided while it was made. Among the newest such ones are looked for and taken off; to look for
 * them among all would cost an account with many promises, and with it everybody, a look-up for each.
 */
export const PENDING_LISTED = 100;

const READ_PENDING = `
  WITH mine AS NOT MATERIALIZED (SELECT p.id, p.amount, p.command, p.created_at FROM pending_operation p
      WHERE p.debit_wallet_id = $1),
    newest AS MATERIALIZED (SELECT n.*, EXISTS (SELECT FROM outcome o WHERE o.id = n.id) AS is_decided
      FROM (SELECT * FROM mine ORDER BY created_at DESC, id DESC LIMIT ${PENDING_LISTED}) n),
    listed AS (SELECT coalesce(json_agg(command ORDER BY created_at DESC, id DESC) FILTER (WHERE NOT is_decided), '[]') AS commands,
        count(*) FILTER (WHERE is_decided AND amount > 0) AS left_over, coalesce(sum(amount) FILTER (WHERE is_decided), 0) AS left_out
      FROM newest)
  SELECT json_build_object('newest', commands, 'count', count - left_over, 'out', (total - left_out)::text)
  FROM listed, (SELECT count(*) FILTER (WHERE amount > 0), coalesce(sum(amount), 0) AS total FROM mine) t`;

const READ_REFUSED = `
  SELECT coalesce(json_agg(r), '[]') FROM (
    SELECT id, kind, reason, amount, credit_wallet_id AS counterparty, details, accepted_at, applied_at
    FROM operation
    WHERE status = 'rejected' AND debit_wallet_id = $1 AND applied_at > now() - interval '1 day' AND amount > 0
      AND initiator_id = (SELECT owner_id FROM wallet WHERE id = $1)
    ORDER BY applied_at DESC LIMIT $4) r`;

const READ_WALLET_PAGE = {
  name: 'read-wallet-page',
  text: `SELECT w.id, w.owner_id, w.currency, w.balance, ${HELD_NOW} AS held, w.is_frozen,
           e.seq, e.operation_id, e.amount, e.balance_after, o.accepted_at AS created_at, o.kind, o.details,
           CASE o.debit_wallet_id WHEN w.id THEN o.credit_wallet_id ELSE o.debit_wallet_id END AS counterparty,
           CASE row_number() OVER () WHEN 1 THEN (${READ_PENDING}) END AS pending,
           CASE row_number() OVER () WHEN 1 THEN (${READ_REFUSED}) END AS refused
         FROM wallet w
         LEFT JOIN LATERAL (
           SELECT * FROM entry WHERE wallet_id = w.id AND seq < $2 AND amount <> 0 ORDER BY seq DESC LIMIT $3
         ) e ON true
         LEFT JOIN operation o ON o.id = e.operation_id
         WHERE w.id = $1
         ORDER BY e.seq DESC`,
};

const NO_BOUND = 2n ** 63n - 1n;

/**
 * The newest `limit` entries before the one numbered `before`, and the newest `refusals`. Undefined when there is no such
 * wallet.
 */
export async function readWalletPage(
  pool: Pool,
  walletId: bigint,
  { limit, before = NO_BOUND, refusals = 0 }: { limit: number; before?: bigint | undefined; refusals?: number },
): Promise<WalletPage | undefined> {
  const { rows } = await pool.query<Row>({ ...READ_WALLET_PAGE, values: [walletId, before, limit + 1, refusals] });
  const [first] = rows;
  const pending = rows.find((row) => row.pending !== null)?.pending;
  const refused = rows.find((row) => row.refused !== null)?.refused;
  if (!first || !pending || !refused) return undefined;
  const entries = rows.flatMap((row) => (row.seq === null ? [] : [toEntry(row, row.seq)]));
  return {
    walletId: first.id,
    ownerId: first.owner_id,
    currency: first.currency,
    balanceMinor: first.balance,
    heldMinor: first.held,
    isFrozen: first.is_frozen,
    entries: entries.slice(0, limit),
    hasMore: entries.length > limit,
    pending: pending.newest.flatMap((wire) => toPending(wire, first.owner_id)),
    pendingCount: pending.count,
    pendingOutMinor: BigInt(pending.out),
    refused: refused.map(toRefused),
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

/** What another version has promised, or what is damaged, cannot be listed; it is in the sum as far as its amount is known. */
function toPending(wire: unknown, ownerId: bigint): PendingMovement[] {
  const read = fromWire(wire);
  if (!read.ok) return [];
  const { id, kind, amountMinor, creditWalletId, details, acceptedAtMs, initiatorId } = read.command;
  if (KINDS[kind].amount === 'none' || initiatorId !== ownerId) return [];
  const acceptedAt = new Date(acceptedAtMs);
  return [{ operationId: id, kind, amountMinor, counterpartyWalletId: creditWalletId, details, acceptedAt }];
}

function toRefused(row: RefusedRow): RefusedMovement {
  return {
    operationId: row.id,
    kind: row.kind,
    reason: row.reason,
    amountMinor: BigInt(row.amount),
    counterpartyWalletId: BigInt(row.counterparty),
    details: row.details,
    acceptedAt: new Date(row.accepted_at),
    decidedAt: new Date(row.applied_at),
  };
}
