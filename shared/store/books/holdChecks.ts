/** What must hold of every hold: the row is the sum of the operations about it, and each of them came in its time. */
import type { Walk } from './walk.ts';

/** SQL over an operation `o`: when it was decided and, over the hold, when that expires: milliseconds of the same clock. */
const DECIDED_MS = `(o.result ->> 'decidedAt')::bigint`;
const EXPIRES_MS = '(extract(epoch FROM r.expires_at) * 1000)::bigint';

export const HOLD_WALK: Walk = {
  of: 'holds',
  table: 'hold',
  key: [['id', 'uuid']],
  carry: [],
  reads: 'id, debit_wallet_id, credit_wallet_id, currency, initiator_id, state, amount, captured, released, expires_at',
  derives: '* FROM page',
  joins: `LEFT JOIN operation p ON p.id = r.id
    LEFT JOIN LATERAL (
      SELECT coalesce(sum(o.amount) FILTER (WHERE o.kind = 'capture'), 0) AS captured, coalesce(sum(e.held), 0) AS remaining,
        count(*) FILTER (WHERE (o.debit_wallet_id, o.credit_wallet_id) <> (r.debit_wallet_id, r.credit_wallet_id)) AS astray,
        count(*) FILTER (WHERE (o.result ->> 'state' = 'open') IS NOT TRUE) AS ends,
        min(o.kind) FILTER (WHERE (o.result ->> 'state' = 'open') IS NOT TRUE) AS end_kind,
        count(*) FILTER (WHERE (CASE o.kind WHEN 'hold' THEN true WHEN 'hold_expiry' THEN ${DECIDED_MS} >= ${EXPIRES_MS}
          ELSE ${DECIDED_MS} < ${EXPIRES_MS} END) IS NOT TRUE) AS untimely
      FROM operation o LEFT JOIN entry e ON (e.wallet_id, e.seq) = (o.debit_wallet_id, o.debit_seq)
      WHERE o.claim_id = r.id AND o.status = 'applied'
    ) s ON true`,
  row: `format('hold %s', r.id)`,
  checks: [
    {
      id: 'hold-placed',
      says: 'a hold was placed by an operation that says the same, and all that is about it is between its wallets',
      isSound: `s.astray = 0 AND (p.kind, p.status) = ('hold', 'applied')
        AND (p.debit_wallet_id, p.credit_wallet_id, p.amount, p.currency, p.initiator_id)
          = (r.debit_wallet_id, r.credit_wallet_id, r.amount, r.currency, r.initiator_id)`,
      found: `format('%s %s from wallet %s to wallet %s by user %s; its operation: %s; %s between other wallets', r.amount,
        r.currency, r.debit_wallet_id, r.credit_wallet_id, r.initiator_id, CASE WHEN p.id IS NULL THEN 'none' ELSE
        format('%s of %s %s from wallet %s to wallet %s by user %s, %s', p.kind, p.amount, p.currency, p.debit_wallet_id,
          p.credit_wallet_id, p.initiator_id, p.status) END, s.astray)`,
    },
    {
      id: 'hold-sum',
      says: 'what was captured of a hold, and what remains of it, is what its operations make',
      isSound: 'r.captured = s.captured AND r.amount::numeric - r.captured - r.released = s.remaining',
      found: `format('captured %s and remaining %s, its operations make %s and %s', r.captured,
        r.amount::numeric - r.captured - r.released, s.captured, s.remaining)`,
    },
    {
      id: 'hold-rest',
      says: 'no more is captured and released than was held, and something remains exactly of an open hold',
      isSound: `r.captured >= 0 AND r.released >= 0 AND r.captured::numeric + r.released <= r.amount
        AND (r.state = 'open') = (r.captured::numeric + r.released < r.amount)`,
      found: `format('%s of %s, captured %s, released %s', r.state, r.amount, r.captured, r.released)`,
    },
    {
      id: 'hold-end',
      says: 'a hold ends once, by an operation that leaves it in the state that it is in',
      isSound: `CASE r.state WHEN 'open' THEN s.ends = 0
        ELSE s.ends = 1 AND s.end_kind = CASE r.state WHEN 'captured' THEN 'capture' WHEN 'released' THEN 'release'
          WHEN 'expired' THEN 'hold_expiry' END END`,
      found: `format('%s, ended by %s operations, such as %s', r.state, s.ends, coalesce(s.end_kind, 'none'))`,
    },
    {
      id: 'hold-time',
      says: 'nothing is captured or released of a hold once it has expired, and it does not expire before',
      isSound: 's.untimely = 0',
      found: `format('%s of its operations were not in time', s.untimely)`,
    },
  ],
};
