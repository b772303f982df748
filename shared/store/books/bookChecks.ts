/**
 * What must hold in the books, as data: `verifyBooks.ts` walks the tables and asks these questions of every row.
 *
 * A walk reads one table in the order of its primary key, in chunks, and joins each chunk by primary keys only, so the
 * work is the same per row whether there are a thousand or ten million. `isSound` is SQL that is true for a sound row:
 * anything else, NULL too, is a broken one, so that a check which forgets a case complains rather than stays silent. A
 * check about a row that another check already misses (no such wallet, no such operation) holds, so that one fault has
 * one name.
 *
 * That a wallet's balance is the sum of its entries follows by induction: each entry adds its amount to the balance
 * before it (`entry-balance`), the first one starts from zero, and the wallet has the last one's (`wallet-balance`).
 * That every entry belongs to exactly one operation follows from both directions: an operation's two sides are there
 * (`operation-debit`, `operation-credit`), and an entry is one of the sides of its operation (`entry-side`). What a wallet
 * holds follows likewise (`entry-held`, `operation-held`, `wallet-holds`).
 */

import { HOLD_WALK } from './holdChecks.ts';
import type { Walk } from './walk.ts';
import { KNOWN_KINDS, MOVING_KINDS, WALLETS_IN_WORDS, byKind } from './kindRules.ts';

/** A question to a whole table, which no chunk can answer alone. */
export interface WholeCheck {
  id: string;
  says: string;
  of: Walk['of'];
  /** SQL: one row of text, `broken`, for every thing that is not as it should be. */
  query: string;
}

const LIMIT = '999999999999999';
/** From then on every operation has its rows in the journal, and these are in the order of time. */
const JOURNAL_SINCE = `(SELECT value::timestamptz FROM setting WHERE key = 'journal_since')`;
/** SQL: what `claim_id` is of an operation that opens a claim, changes one, or is about none. */
const CLAIM_NAMED = {
  opens: `r.claim_id = r.id AND (h.id IS NOT NULL OR r.status <> 'applied')`,
  changes: `r.claim_id IS NOT NULL AND r.claim_id <> r.id AND (h.id IS NOT NULL OR r.status <> 'applied')`,
  none: 'r.claim_id IS NULL',
};
const ENTRY_IS = (alias: string) =>
  `CASE WHEN ${alias}.wallet_id IS NULL THEN 'no entry there'
    ELSE format('there is %s of operation %s', ${alias}.amount, ${alias}.operation_id) END`;

const entries: Walk = {
  of: 'entries',
  table: 'entry',
  key: [
    ['wallet_id', 'bigint'],
    ['seq', 'bigint'],
  ],
  carry: [
    ['balance_after', 'bigint'],
    ['created_at', 'timestamptz'],
    ['held_after', 'bigint'],
  ],
  // $1 to $5 are the key, the balance, the time and what was held of the last entry of the chunk before: where the wallet goes on, its
  // first entry here follows that one.
  reads: 'wallet_id, seq, operation_id, amount, balance_after, held, held_after, created_at',
  derives: `*, coalesce(lag(seq) OVER w, CASE WHEN wallet_id = $1 THEN $2 END, 0) AS previous_seq,
    coalesce(lag(balance_after) OVER w, CASE WHEN wallet_id = $1 THEN $3::bigint END, 0) AS previous_balance,
    coalesce(lag(created_at) OVER w, CASE WHEN wallet_id = $1 THEN $4::timestamptz END) AS previous_at,
    coalesce(lag(coalesce(held_after, 0)) OVER w, CASE WHEN wallet_id = $1 THEN $5::bigint END, 0) AS previous_held
    FROM page WINDOW w AS (PARTITION BY wallet_id ORDER BY seq)`,
  joins: 'LEFT JOIN wallet w ON w.id = r.wallet_id LEFT JOIN operation o ON o.id = r.operation_id',
  row: `format('entry %s/%s', r.wallet_id, r.seq)`,
  checks: [
    {
      id: 'entry-sequence',
      says: "a wallet's entries are numbered 1, 2, 3 … without a gap",
      isSound: 'r.seq = r.previous_seq + 1',
      found: `format('follows number %s', r.previous_seq)`,
    },
    {
      id: 'entry-balance',
      says: 'the balance after an entry is the balance before it plus its amount',
      isSound: 'r.balance_after = r.previous_balance::numeric + r.amount',
      found: `format('%s after %s and %s', r.balance_after, r.previous_balance, r.amount)`,
    },
    {
      id: 'entry-held',
      says: 'what is held after an entry is what was held before it plus what it holds, or less what it frees',
      isSound: 'coalesce(r.held_after, 0) = r.previous_held::numeric + coalesce(r.held, 0)',
      found: `format('%s after %s and %s', coalesce(r.held_after, 0), r.previous_held, coalesce(r.held, 0))`,
    },
    {
      id: 'entry-time',
      says: "a wallet's entries are in the order of time",
      isSound: `r.previous_at IS NULL OR r.created_at >= r.previous_at OR r.created_at < ${JOURNAL_SINCE}`,
      found: `format('of %s, follows one of %s', r.created_at, r.previous_at)`,
    },
    {
      id: 'entry-overdraft',
      says: 'no customer wallet ever was below zero, or below what it held',
      isSound: `w.id IS NULL OR w.kind <> 'customer' OR r.balance_after >= coalesce(r.held_after, 0)`,
      found: `format('balance %s, of which %s held', r.balance_after, coalesce(r.held_after, 0))`,
    },
    {
      id: 'entry-wallet',
      says: 'an entry is in a wallet that exists',
      isSound: 'w.id IS NOT NULL',
      found: `format('there is no wallet %s', r.wallet_id)`,
    },
    {
      id: 'entry-operation',
      says: 'an entry is of an operation that exists',
      isSound: 'o.id IS NOT NULL',
      found: `format('there is no operation %s', r.operation_id)`,
    },
    {
      id: 'entry-rejected',
      says: 'a rejected operation has no entries',
      isSound: `o.id IS NULL OR o.status = 'applied'`,
      found: `format('operation %s is %s', o.id, o.status)`,
    },
    {
      id: 'entry-side',
      says: 'an applied operation has no entries but its debit and its credit',
      isSound: `o.id IS NULL OR o.status <> 'applied' OR (r.wallet_id, r.seq) IN
        ((o.debit_wallet_id, o.debit_seq), (o.credit_wallet_id, o.credit_seq))`,
      found: `format('operation %s has its entries at %s/%s and %s/%s',
        o.id, o.debit_wallet_id, o.debit_seq, o.credit_wallet_id, o.credit_seq)`,
    },
  ],
};

const operations: Walk = {
  of: 'operations',
  table: 'operation',
  key: [['id', 'uuid']],
  carry: [],
  reads:
    'id, kind, status, reason, debit_wallet_id, credit_wallet_id, amount, currency, initiator_id, debit_seq, credit_seq, applied_at, claim_id',
  derives: `*, kind IN (${MOVING_KINDS}) AS moves, kind IN (${MOVING_KINDS}) AND status = 'applied' AS moved FROM page`,
  joins: `LEFT JOIN entry d ON (d.wallet_id, d.seq) = (r.debit_wallet_id, r.debit_seq)
    LEFT JOIN entry c ON (c.wallet_id, c.seq) = (r.credit_wallet_id, r.credit_seq)
    LEFT JOIN wallet dw ON dw.id = r.debit_wallet_id
    LEFT JOIN wallet cw ON cw.id = r.credit_wallet_id
    LEFT JOIN app_user u ON u.id = r.initiator_id
    LEFT JOIN hold h ON h.id = r.claim_id`,
  row: `format('operation %s', r.id)`,
  checks: [
    {
      id: 'operation-outcome',
      says: 'an operation is applied and numbered in the journals of both wallets, or rejected with a reason',
      isSound: `CASE r.status WHEN 'applied' THEN r.reason IS NULL
          AND (r.debit_seq IS NULL) = (r.credit_seq IS NULL)
          AND (r.debit_seq IS NOT NULL OR (NOT r.moves AND r.applied_at < ${JOURNAL_SINCE}))
        WHEN 'rejected' THEN r.reason IS NOT NULL AND r.debit_seq IS NULL AND r.credit_seq IS NULL END`,
      found: `format('%s, reason %s, numbers %s and %s', r.status, coalesce(r.reason, 'none'),
        coalesce(r.debit_seq::text, 'none'), coalesce(r.credit_seq::text, 'none'))`,
    },
    {
      id: 'operation-amount',
      says: 'an operation is about more than zero and at most fifteen digits; freezing a wallet is about nothing',
      isSound: `coalesce(${byKind(({ amount }) => amount)}, true)`,
      found: `format('amount %s', r.amount)`,
    },
    {
      id: 'operation-debit',
      says: "an applied operation's debit entry is where it says, with its amount",
      isSound: `r.status <> 'applied' OR r.debit_seq IS NULL OR (d.operation_id = r.id
        AND d.amount = CASE WHEN r.moves THEN -r.amount::numeric ELSE 0 END)`,
      found: `format('%s expected at %s/%s, %s', CASE WHEN r.moves THEN -r.amount::numeric ELSE 0 END, r.debit_wallet_id, r.debit_seq, ${ENTRY_IS('d')})`,
    },
    {
      id: 'operation-credit',
      says: "an applied operation's credit entry is where it says, with its amount",
      isSound: `r.status <> 'applied' OR r.credit_seq IS NULL OR (c.operation_id = r.id
        AND c.amount = CASE WHEN r.moves THEN r.amount ELSE 0 END)`,
      found: `format('%s expected at %s/%s, %s', CASE WHEN r.moves THEN r.amount ELSE 0 END, r.credit_wallet_id, r.credit_seq, ${ENTRY_IS('c')})`,
    },
    {
      id: 'operation-sum',
      says: "an applied operation's two entries sum to zero",
      isSound: 'NOT r.moved OR d.amount IS NULL OR c.amount IS NULL OR d.amount::numeric + c.amount = 0',
      found: `format('%s and %s', d.amount, c.amount)`,
    },
    {
      id: 'operation-held',
      says: "what an applied operation holds or frees is in its debit entry, and nothing in its credit's",
      isSound: `r.status <> 'applied' OR d.operation_id IS NULL OR c.operation_id IS NULL
        OR coalesce((${byKind(({ held }) => held)}) AND c.held IS NULL, r.kind NOT IN (${KNOWN_KINDS}))`,
      found: `format('%s of %s holds %s and %s', r.kind, r.amount, coalesce(d.held, 0), coalesce(c.held, 0))`,
    },
    {
      id: 'operation-claim',
      says: 'an operation names a claim exactly if it is about one, which is there once it is applied',
      isSound: `coalesce(${byKind(({ claim }) => CLAIM_NAMED[claim])}, true)`,
      found: `format('%s about %s, which is %s', r.kind, coalesce(r.claim_id::text, 'nothing'), CASE WHEN h.id IS NULL THEN 'not there' ELSE 'there' END)`,
    },
    {
      id: 'operation-wallets',
      says: WALLETS_IN_WORDS,
      isSound: `r.status <> 'applied' OR ${byKind(({ wallets: between }) => between)}`,
      found: `format('%s from wallet %s (%s) to wallet %s (%s)', r.kind, r.debit_wallet_id,
        coalesce(dw.kind, 'does not exist'), r.credit_wallet_id, coalesce(cw.kind, 'does not exist'))`,
    },
    {
      id: 'operation-currency',
      says: 'an applied operation, its debit wallet and its credit wallet are in one currency',
      isSound: `NOT r.moved OR (coalesce(dw.currency, r.currency) = r.currency
        AND coalesce(cw.currency, r.currency) = r.currency)`,
      found: `format('%s from a wallet in %s to one in %s', r.currency, dw.currency, cw.currency)`,
    },
    {
      id: 'operation-initiator',
      says: 'an operation was asked for by a user who exists',
      isSound: 'u.id IS NOT NULL',
      found: `format('there is no user %s', r.initiator_id)`,
    },
    {
      id: 'operation-operator',
      says: 'what only operators may do was asked for by one',
      isSound: `u.id IS NULL OR coalesce(${byKind(({ by }) => (by.role === 'operator' ? `u.role = 'operator'` : 'true'))}, true)`,
      found: `format('%s by user %s (%s)', r.kind, u.id, u.role)`,
    },
    {
      id: 'operation-owner',
      says: "money leaves only the initiator's own wallet: a bank's by deposit, a customer's by transfer or hold; what is held is taken or let go only by whom it is held for",
      isSound: `r.status <> 'applied' OR u.id IS NULL OR dw.id IS NULL OR coalesce(${byKind(({ by: { role, owns } }) =>
        owns === undefined ? 'true' : `${owns}.owner_id = u.id AND u.role = '${role}'`,
      )}, true)`,
      found: `format('%s by user %s (%s) out of a wallet of user %s', r.kind, u.id, u.role, dw.owner_id)
        || CASE WHEN ${byKind(({ by }) => String(by.owns === 'cw'))} THEN format(' into one of user %s', cw.owner_id) ELSE '' END`,
    },
  ],
};

const wallets: Walk = {
  of: 'wallets',
  table: 'wallet',
  key: [['id', 'bigint']],
  carry: [],
  reads: 'id, owner_id, kind, balance, held, version, booked_at, next_expiry_at',
  derives: '* FROM page',
  joins: `LEFT JOIN LATERAL (
      SELECT seq, balance_after, created_at, held_after FROM entry WHERE wallet_id = r.id ORDER BY seq DESC LIMIT 1
    ) last ON true
    LEFT JOIN LATERAL (
      SELECT coalesce(sum(amount - captured - released), 0) AS remaining, min(expires_at) AS first_expiry
      FROM hold WHERE debit_wallet_id = r.id AND state = 'open'
    ) h ON true
    LEFT JOIN app_user u ON u.id = r.owner_id`,
  row: `format('wallet %s', r.id)`,
  checks: [
    {
      id: 'wallet-balance',
      says: "a wallet's balance is the sum of its entries",
      isSound: 'r.balance = coalesce(last.balance_after, 0)',
      found: `format('balance %s, its entries make %s', r.balance, coalesce(last.balance_after, 0))`,
    },
    {
      id: 'wallet-version',
      says: "a wallet's version is the number of its entries",
      isSound: 'r.version = coalesce(last.seq, 0)',
      found: `format('version %s, its newest entry is number %s', r.version, coalesce(last.seq, 0))`,
    },
    {
      id: 'wallet-time',
      says: "a wallet's next entry is not before its newest one",
      isSound: 'last.created_at IS NULL OR r.booked_at >= last.created_at',
      found: `format('from %s, its newest entry is of %s', r.booked_at, last.created_at)`,
    },
    {
      id: 'wallet-overdraft',
      says: 'no customer wallet is below zero',
      isSound: `r.kind <> 'customer' OR r.balance >= 0`,
      found: `format('balance %s', r.balance)`,
    },
    {
      id: 'wallet-held',
      says: 'what is held is between zero and, for a customer, the balance',
      isSound: `r.held >= 0 AND (r.kind <> 'customer' OR r.held <= greatest(r.balance, 0))`,
      found: `format('held %s of %s', r.held, r.balance)`,
    },
    {
      id: 'wallet-holds',
      says: 'what a wallet holds is what its newest entry says, and what remains of its open holds together',
      isSound: 'r.held = coalesce(last.held_after, 0) AND r.held = h.remaining',
      found: `format('held %s, its newest entry says %s, its open holds make %s', r.held, coalesce(last.held_after, 0), h.remaining)`,
    },
    {
      id: 'wallet-expiry',
      says: 'a wallet knows when the first of its open holds expires, or is ready earlier',
      isSound: 'h.first_expiry IS NULL OR r.next_expiry_at <= h.first_expiry',
      found: `format('ready from %s, the first expires at %s', coalesce(r.next_expiry_at::text, 'never'), h.first_expiry)`,
    },
    {
      id: 'wallet-limit',
      says: 'a balance has at most fifteen digits',
      isSound: `r.balance BETWEEN -${LIMIT} AND ${LIMIT}`,
      found: `format('balance %s', r.balance)`,
    },
    {
      id: 'wallet-owner',
      says: 'a settlement wallet is owned by a bank, a customer wallet by a customer',
      isSound: `u.role = CASE r.kind WHEN 'settlement' THEN 'bank' WHEN 'customer' THEN 'customer' END`,
      found: `format('%s wallet of user %s (%s)', r.kind, r.owner_id, coalesce(u.role, 'does not exist'))`,
    },
  ],
};

const promises: Walk = {
  of: 'promises',
  table: 'pending_operation',
  key: [['id', 'uuid']],
  carry: [],
  reads: 'id, request_hash',
  derives: '* FROM page',
  joins: 'LEFT JOIN outcome o ON o.id = r.id',
  row: `format('pending_operation %s', r.id)`,
  checks: [
    {
      id: 'promise-hash',
      says: 'a promised operation that has an outcome has it for the request that was promised',
      isSound: 'o.id IS NULL OR o.request_hash = r.request_hash',
      found: `format('promised %s…, stored %s…', left(encode(r.request_hash, 'hex'), 12), left(encode(o.request_hash, 'hex'), 12))`,
    },
  ],
};

export const WALKS: readonly Walk[] = [wallets, entries, operations, promises, HOLD_WALK];

export const WHOLE_CHECKS: readonly WholeCheck[] = [
  {
    id: 'currency-sum',
    says: 'the balances of all wallets of a currency sum to zero',
    of: 'wallets',
    query: `SELECT format('%s: the balances sum to %s', currency, sum(balance)) AS broken
      FROM wallet GROUP BY currency HAVING sum(balance) <> 0`,
  },
  {
    id: 'wallet-frozen',
    says: 'a wallet is frozen if an operator froze it last',
    of: 'wallets',
    // Before there was a journal, what was decided in one transaction had one time and no number: either may stand.
    query: `WITH latest AS (
        SELECT id, kind, debit_wallet_id, rank() OVER (PARTITION BY debit_wallet_id
          ORDER BY debit_seq DESC NULLS LAST, applied_at DESC) AS place
        FROM operation WHERE status = 'applied' AND kind IN ('freeze', 'unfreeze'))
      SELECT format('wallet %s is %s', w.id, CASE WHEN w.is_frozen THEN 'frozen' ELSE 'not frozen' END) AS broken
      FROM wallet w LEFT JOIN latest l ON l.debit_wallet_id = w.id AND l.place = 1
      GROUP BY w.id, w.is_frozen
      HAVING NOT bool_or(w.is_frozen = (coalesce(l.kind, 'unfreeze') = 'freeze'))`,
  },
  {
    id: 'external-id',
    says: "a bank's own number of a transfer is one operation's only",
    of: 'operations',
    query: `SELECT format('external_id %s of user %s: %s operations, such as %s and %s',
        external_id, initiator_id, count(*), min(id::text), max(id::text)) AS broken
      FROM operation WHERE external_id IS NOT NULL GROUP BY initiator_id, external_id HAVING count(*) > 1`,
  },
  {
    id: 'refused-once',
    says: 'what was refused and is kept for an hour is not among the operations as well',
    of: 'operations',
    query: `SELECT format('operation %s: refused for %s, and %s', r.id, r.reason, o.status) AS broken
      FROM refused_operation r JOIN operation o ON o.id = r.id`,
  },
];
