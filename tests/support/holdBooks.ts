/**
 * Books with holds, and ways to cook them. Clara (user 6) has 1000 from a bank (user 8), of which she holds 300 for David
 * (user 7), who has taken 100 of it; she held 50 that have expired, and 40 that he has let go.
 */
const DEPOSIT = 'd0000000-0000-4000-8000-000000000021';
const OPEN = '40000000-0000-4000-8000-000000000022';
const CAPTURE = 'c0000000-0000-4000-8000-000000000023';
const EXPIRED = '40000000-0000-4000-8000-000000000024';
const EXPIRY = 'e0000000-0000-4000-8000-000000000025';
const RELEASED = '40000000-0000-4000-8000-000000000026';
const RELEASE = '80000000-0000-4000-8000-000000000027';

export interface Tamper {
  /** The check that this is to prove. */
  check: string;
  how: string;
  sql: string;
  /** Every check that must fail, with the rows it names; the one above among them. */
  found: Record<string, string[]>;
}

const MARCH_MS = Date.UTC(2026, 2, 1);
const JUNE_MS = Date.UTC(2026, 5, 1);
const result = (state: string, decidedMs = MARCH_MS) => JSON.stringify({ state, decidedAt: decidedMs });
/** An operation about a hold between wallets 15 and 16. */
const operation = (
  id: string,
  kind: string,
  amount: number,
  told: { by: number; hold: string; seqs: [number, number]; result: string },
) =>
  `('${id}', '${kind}', 'applied', 15, 16, ${amount}, 'RUB', ${told.by}, '${id}', decode(repeat('11', 32), 'hex'),
    ${told.seqs.join(', ')}, now(), '${told.hold}', '${told.result}')`;

export const HOLDS_BOOK = `
  INSERT INTO app_user (id, name, email, password_hash, role) VALUES
    (6, 'Clara', 'clara', 'x', 'customer'), (7, 'David', 'david', 'x', 'customer'), (8, 'Third bank', 'third', 'x', 'bank');
  INSERT INTO wallet (id, owner_id, kind, currency, balance, held, version, booked_at, next_expiry_at) VALUES
    (15, 6, 'customer', 'RUB', 900, 200, 7, '2099-01-01', '2098-01-01'), (16, 7, 'customer', 'RUB', 100, 0, 6, '2099-01-01', NULL),
    (17, 8, 'settlement', 'RUB', -1000, 0, 1, '2099-01-01', NULL);
  INSERT INTO operation (id, kind, status, debit_wallet_id, credit_wallet_id, amount, currency, initiator_id, request_id,
      request_hash, debit_seq, credit_seq, accepted_at)
    VALUES ('${DEPOSIT}', 'deposit', 'applied', 17, 15, 1000, 'RUB', 8, '${DEPOSIT}', decode(repeat('11', 32), 'hex'), 1, 1, now());
  INSERT INTO operation (id, kind, status, debit_wallet_id, credit_wallet_id, amount, currency, initiator_id, request_id,
      request_hash, debit_seq, credit_seq, accepted_at, claim_id, result) VALUES
    ${[
      operation(OPEN, 'hold', 300, { by: 6, hold: OPEN, seqs: [2, 1], result: result('open') }),
      operation(CAPTURE, 'capture', 100, { by: 7, hold: OPEN, seqs: [3, 2], result: result('open') }),
      operation(EXPIRED, 'hold', 50, { by: 6, hold: EXPIRED, seqs: [4, 3], result: result('open') }),
      operation(EXPIRY, 'hold_expiry', 50, { by: 6, hold: EXPIRED, seqs: [5, 4], result: result('expired', JUNE_MS) }),
      operation(RELEASED, 'hold', 40, { by: 6, hold: RELEASED, seqs: [6, 5], result: result('open') }),
      operation(RELEASE, 'release', 40, { by: 7, hold: RELEASED, seqs: [7, 6], result: result('released') }),
    ].join(', ')};
  INSERT INTO entry (wallet_id, seq, operation_id, amount, balance_after, held, held_after) VALUES
    (17, 1, '${DEPOSIT}', -1000, -1000, NULL, NULL), (15, 1, '${DEPOSIT}', 1000, 1000, NULL, NULL),
    (15, 2, '${OPEN}', 0, 1000, 300, 300), (16, 1, '${OPEN}', 0, 0, NULL, NULL),
    (15, 3, '${CAPTURE}', -100, 900, -100, 200), (16, 2, '${CAPTURE}', 100, 100, NULL, NULL),
    (15, 4, '${EXPIRED}', 0, 900, 50, 250), (16, 3, '${EXPIRED}', 0, 100, NULL, NULL),
    (15, 5, '${EXPIRY}', 0, 900, -50, 200), (16, 4, '${EXPIRY}', 0, 100, NULL, NULL),
    (15, 6, '${RELEASED}', 0, 900, 40, 240), (16, 5, '${RELEASED}', 0, 100, NULL, NULL),
    (15, 7, '${RELEASE}', 0, 900, -40, 200), (16, 6, '${RELEASE}', 0, 100, NULL, NULL);
  INSERT INTO hold (id, debit_wallet_id, credit_wallet_id, currency, initiator_id, state, amount, captured, released, expires_at) VALUES
    ('${OPEN}', 15, 16, 'RUB', 6, 'open', 300, 100, 0, '2098-01-01'),
    ('${EXPIRED}', 15, 16, 'RUB', 6, 'expired', 50, 0, 50, '2026-05-01'),
    ('${RELEASED}', 15, 16, 'RUB', 6, 'released', 40, 0, 40, '2098-01-01');`;

export const HOLD_TAMPERS: readonly Tamper[] = [
  {
    check: 'entry-held',
    how: 'held money that is not the running sum',
    sql: `UPDATE entry SET held_after = 199 WHERE (wallet_id, seq) = (15, 3)`,
    found: { 'entry-held': ['entry 15/3: 199 after 300 and -100', 'entry 15/4: 250 after 199 and 50'] },
  },
  {
    check: 'operation-held',
    how: 'an expiry that frees less, and a release that frees more',
    sql: `UPDATE entry SET held = -40, held_after = 210 WHERE (wallet_id, seq) = (15, 5);
          UPDATE entry SET held_after = 250 WHERE (wallet_id, seq) = (15, 6);
          UPDATE entry SET held = -50 WHERE (wallet_id, seq) = (15, 7)`,
    found: {
      'operation-held': [
        `operation ${RELEASE}: release of 40 holds -50 and 0`,
        `operation ${EXPIRY}: hold_expiry of 50 holds -40 and 0`,
      ],
      'hold-sum': [
        `hold ${EXPIRED}: captured 0 and remaining 0, its operations make 0 and 10`,
        `hold ${RELEASED}: captured 0 and remaining 0, its operations make 0 and -10`,
      ],
    },
  },
  {
    check: 'operation-held',
    how: 'a payee who holds something by it',
    sql: `UPDATE entry SET held = 5, held_after = 5 WHERE (wallet_id, seq) = (16, 6); UPDATE wallet SET held = 5 WHERE id = 16`,
    found: {
      'operation-held': [`operation ${RELEASE}: release of 40 holds -40 and 5`],
      'wallet-holds': ['wallet 16: held 5, its newest entry says 5, its open holds make 0'],
    },
  },
  {
    check: 'operation-claim',
    how: 'a deposit about a hold, a hold of another name, and a release of nothing that is there',
    sql: `UPDATE operation SET claim_id = '${DEPOSIT}' WHERE id = '${DEPOSIT}';
          UPDATE operation SET claim_id = NULL WHERE id = '${RELEASED}';
          DELETE FROM hold WHERE id = '${RELEASED}'`,
    found: {
      'operation-claim': [
        `operation ${RELEASED}: hold about nothing, which is not there`,
        `operation ${RELEASE}: release about ${RELEASED}, which is not there`,
        `operation ${DEPOSIT}: deposit about ${DEPOSIT}, which is not there`,
      ],
    },
  },
  {
    check: 'wallet-holds',
    how: 'a wallet that holds less than its holds',
    sql: 'UPDATE wallet SET held = 199 WHERE id = 15',
    found: { 'wallet-holds': ['wallet 15: held 199, its newest entry says 200, its open holds make 200'] },
  },
  {
    check: 'wallet-expiry',
    how: 'a wallet that has forgotten that it holds something',
    sql: 'UPDATE wallet SET next_expiry_at = NULL WHERE id = 15',
    found: { 'wallet-expiry': ['wallet 15: ready from never, the first expires at 2098-01-01 00:00:00+00'] },
  },
  {
    check: 'hold-placed',
    how: 'a hold of somebody else',
    sql: `UPDATE hold SET initiator_id = 7 WHERE id = '${OPEN}'`,
    found: {
      'hold-placed': [
        `hold ${OPEN}: 300 RUB from wallet 15 to wallet 16 by user 7; its operation: hold of 300 RUB from wallet 15 to wallet 16 by user 6, applied; 0 between other wallets`,
      ],
    },
  },
  {
    check: 'hold-sum',
    how: 'a hold of which less is captured than moved',
    sql: `UPDATE hold SET captured = 90, released = 10 WHERE id = '${OPEN}'`,
    found: { 'hold-sum': [`hold ${OPEN}: captured 90 and remaining 200, its operations make 100 and 200`] },
  },
  {
    check: 'hold-rest',
    how: 'a hold of which less than nothing is captured',
    sql: `UPDATE hold SET captured = -10, released = 60 WHERE id = '${EXPIRED}'`,
    found: {
      'hold-rest': [`hold ${EXPIRED}: expired of 50, captured -10, released 60`],
      'hold-sum': [`hold ${EXPIRED}: captured -10 and remaining 0, its operations make 0 and 0`],
    },
  },
  {
    check: 'hold-end',
    how: 'a hold in another state than it was left in, and one that ended twice',
    sql: `UPDATE hold SET state = 'captured' WHERE id = '${EXPIRED}';
          UPDATE operation SET result = '{"state": "captured", "decidedAt": ${MARCH_MS}}' WHERE id = '${CAPTURE}'`,
    found: {
      'hold-end': [
        `hold ${OPEN}: open, ended by 1 operations, such as capture`,
        `hold ${EXPIRED}: captured, ended by 1 operations, such as hold_expiry`,
      ],
    },
  },
  {
    check: 'hold-time',
    how: 'a capture at the moment of expiry, and an expiry before it',
    sql: `UPDATE hold SET expires_at = '2026-03-01Z' WHERE id = '${OPEN}'; UPDATE wallet SET next_expiry_at = '2026-03-01Z' WHERE id = 15;
          UPDATE hold SET expires_at = '2026-06-01T00:00:00.001Z' WHERE id = '${EXPIRED}'`,
    found: {
      'hold-time': [
        `hold ${OPEN}: 1 of its operations were not in time`,
        `hold ${EXPIRED}: 1 of its operations were not in time`,
      ],
    },
  },
];
