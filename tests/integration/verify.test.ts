/**
 * The auditor, on a real database: a small sound book passes, and for every single check there is a way to cook the
 * books that it notices, by the name of the very row. Constraints and triggers are taken out of the way first, because
 * the auditor exists for the day when they were not enough.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectClient } from '../../shared/store/database/connection.ts';
import { WALKS, WHOLE_CHECKS } from '../../shared/store/books/bookChecks.ts';
import { verifyBooks } from '../../shared/store/books/verifyBooks.ts';
import type { BooksReport, Session, VerifyOptions } from '../../shared/store/books/verifyBooks.ts';
import { run } from '../support/database.ts';
import { HOLDS_BOOK, HOLD_TAMPERS } from '../support/holdBooks.ts';
import type { Tamper } from '../support/holdBooks.ts';
import type { TestDatabase } from '../support/database.ts';
import { createTestDatabase } from '../support/stores.ts';

const DEPOSIT = 'd0000000-0000-4000-8000-000000000001';
const TRANSFER = '70000000-0000-4000-8000-000000000002';
const REFUSED = '90000000-0000-4000-8000-000000000003';
const OTHER_DEPOSIT = 'd0000000-0000-4000-8000-000000000004';
const PROMISE = 'a0000000-0000-4000-8000-000000000005';
const FREEZE = '50000000-0000-4000-8000-000000000006';
const UNFREEZE = '50000000-0000-4000-8000-000000000007';
const REFUSED_FREEZE = '90000000-0000-4000-8000-000000000008';
const STRAY = 'f0000000-0000-4000-8000-000000000009';

/**
 * Users and their wallets: 1 a bank, 2 Anna, 3 Boris, 4 another bank, 5 an operator without a wallet. The bank deposits
 * 1000 to Anna, who sends 300 of it to Boris and is refused 5000; the other bank deposits 50 to Boris, and Anna has
 * been promised something more. The operator has frozen Anna's wallet and thawed it, and tried to freeze one that is not
 * there. That was before there was a journal. The wallets' next entries are far away, whenever a test cooks one.
 */
const SOUND_BOOK = `
  INSERT INTO app_user (id, name, email, password_hash, role) VALUES
    (1, 'Bank', 'bank', 'x', 'bank'), (2, 'Anna', 'anna', 'x', 'customer'), (3, 'Boris', 'boris', 'x', 'customer'),
    (4, 'Other bank', 'other', 'x', 'bank'), (5, 'Operator', 'operator', 'x', 'operator');
  INSERT INTO wallet (id, owner_id, kind, currency, balance, held, version, booked_at) VALUES
    (11, 1, 'settlement', 'RUB', -1000, 0, 1, '2099-01-01'), (12, 2, 'customer', 'RUB', 700, 0, 2, '2099-01-01'),
    (13, 3, 'customer', 'RUB', 350, 0, 2, '2099-01-01'), (14, 4, 'settlement', 'RUB', -50, 0, 1, '2099-01-01');
  INSERT INTO operation (id, kind, status, reason, debit_wallet_id, credit_wallet_id, amount, currency, external_id,
      initiator_id, request_id, request_hash, debit_seq, credit_seq, accepted_at) VALUES
    ('${DEPOSIT}', 'deposit', 'applied', NULL, 11, 12, 1000, 'RUB', 'A-1', 1, '${DEPOSIT}', decode(repeat('01', 32), 'hex'), 1, 1, now()),
    ('${TRANSFER}', 'transfer', 'applied', NULL, 12, 13, 300, 'RUB', NULL, 2, '${TRANSFER}', decode(repeat('02', 32), 'hex'), 2, 1, now()),
    ('${REFUSED}', 'transfer', 'rejected', 'insufficient_funds', 12, 13, 5000, 'RUB', NULL, 2, '${REFUSED}', decode(repeat('03', 32), 'hex'), NULL, NULL, now()),
    ('${OTHER_DEPOSIT}', 'deposit', 'applied', NULL, 14, 13, 50, 'RUB', 'A-1', 4, '${OTHER_DEPOSIT}', decode(repeat('04', 32), 'hex'), 1, 2, now());
  INSERT INTO operation (id, kind, status, reason, debit_wallet_id, credit_wallet_id, amount, currency, initiator_id,
      request_id, request_hash, accepted_at, applied_at) VALUES
    ('${FREEZE}', 'freeze', 'applied', NULL, 12, 12, 0, 'RUB', 5, '${FREEZE}', decode(repeat('06', 32), 'hex'), now(), '2026-01-01'),
    ('${UNFREEZE}', 'unfreeze', 'applied', NULL, 12, 12, 0, 'RUB', 5, '${UNFREEZE}', decode(repeat('07', 32), 'hex'), now(), '2026-01-02'),
    ('${REFUSED_FREEZE}', 'freeze', 'rejected', 'wallet_not_found', 99, 99, 0, 'RUB', 5, '${REFUSED_FREEZE}', decode(repeat('08', 32), 'hex'), now(), '2026-01-03');
  INSERT INTO entry (wallet_id, seq, operation_id, amount, balance_after) VALUES
    (11, 1, '${DEPOSIT}', -1000, -1000), (12, 1, '${DEPOSIT}', 1000, 1000),
    (12, 2, '${TRANSFER}', -300, 700), (13, 1, '${TRANSFER}', 300, 300),
    (14, 1, '${OTHER_DEPOSIT}', -50, -50), (13, 2, '${OTHER_DEPOSIT}', 50, 350);
  INSERT INTO pending_operation (id, partition, command, request_hash, next_attempt_at) VALUES
    ('${PROMISE}', 0, '{}', decode(repeat('05', 32), 'hex'), now()),
    ('${TRANSFER}', 0, '{}', decode(repeat('02', 32), 'hex'), now());`;

/** What keeps the books sound in life: off for this session, or dropped. */
const UNGUARDED = `
  SET session_replication_role = replica;
  ALTER TABLE wallet DROP CONSTRAINT wallet_no_overdraft, DROP CONSTRAINT wallet_balance_limit,
    DROP CONSTRAINT wallet_held_check;
  ALTER TABLE operation DROP CONSTRAINT operation_outcome, DROP CONSTRAINT operation_amount_check,
    DROP CONSTRAINT operation_moves, DROP CONSTRAINT operation_kind_check;
  ALTER TABLE hold DROP CONSTRAINT hold_remaining, DROP CONSTRAINT hold_captured_check;
  ALTER TABLE entry DROP CONSTRAINT entry_held_after_check, DROP CONSTRAINT entry_seq_check;`;

const TAMPERS: Tamper[] = [
  {
    check: 'currency-sum',
    how: 'a wallet in another currency that has money from nowhere',
    sql: `INSERT INTO wallet (id, owner_id, kind, currency, balance, version) VALUES (20, 2, 'customer', 'USD', 5, 0)`,
    found: {
      'currency-sum': ['USD: the balances sum to 5'],
      'wallet-balance': ['wallet 20: balance 5, its entries make 0'],
    },
  },
  {
    check: 'external-id',
    how: "one bank's number on two operations",
    sql: `UPDATE operation SET initiator_id = 1, external_id = 'A-1' WHERE id = '${REFUSED}'`,
    found: {
      'external-id': [`external_id A-1 of user 1: 2 operations, such as ${REFUSED} and ${DEPOSIT}`],
    },
  },
  {
    check: 'refused-once',
    how: 'a refusal that is kept twice',
    sql: `INSERT INTO refused_operation (id, kind, reason, debit_wallet_id, credit_wallet_id, amount, currency,
        initiator_id, request_id, request_hash, accepted_at)
      SELECT id, kind, 'expired', debit_wallet_id, credit_wallet_id, amount, currency, initiator_id, request_id,
        request_hash, accepted_at FROM operation WHERE id = '${TRANSFER}'`,
    found: { 'refused-once': [`operation ${TRANSFER}: refused for expired, and applied`] },
  },
  {
    check: 'wallet-balance',
    how: 'a cent moved between two balances',
    sql: `UPDATE wallet SET balance = balance + CASE id WHEN 12 THEN 1 ELSE -1 END WHERE id IN (12, 13)`,
    found: {
      'wallet-balance': [
        'wallet 12: balance 701, its entries make 700',
        'wallet 13: balance 349, its entries make 350',
      ],
    },
  },
  {
    check: 'wallet-version',
    how: 'a version that no entry has',
    sql: `UPDATE wallet SET version = 3 WHERE id = 12`,
    found: { 'wallet-version': ['wallet 12: version 3, its newest entry is number 2'] },
  },
  {
    check: 'wallet-overdraft',
    how: 'a customer below zero',
    sql: `UPDATE wallet SET balance = -1 WHERE id = 12; UPDATE wallet SET balance = 1051 WHERE id = 13`,
    found: {
      'wallet-overdraft': ['wallet 12: balance -1'],
      'wallet-balance': [
        'wallet 12: balance -1, its entries make 700',
        'wallet 13: balance 1051, its entries make 350',
      ],
    },
  },
  {
    check: 'wallet-held',
    how: 'more held than there is, and less than nothing',
    sql: `UPDATE wallet SET held = CASE id WHEN 12 THEN 701 WHEN 13 THEN 350 ELSE -1 END WHERE id IN (11, 12, 13)`,
    found: {
      'wallet-held': ['wallet 11: held -1 of -1000', 'wallet 12: held 701 of 700'],
      'wallet-holds': [
        'wallet 11: held -1, its newest entry says 0, its open holds make 0',
        'wallet 12: held 701, its newest entry says 0, its open holds make 0',
        'wallet 13: held 350, its newest entry says 0, its open holds make 0',
      ],
    },
  },
  {
    check: 'wallet-limit',
    how: 'balances of sixteen digits',
    sql: `UPDATE wallet SET balance = CASE id WHEN 14 THEN -1000000000000350 WHEN 12 THEN 999999999999999
            WHEN 13 THEN 1000000000000000 ELSE -999999999999649 END`,
    found: {
      'wallet-limit': ['wallet 13: balance 1000000000000000', 'wallet 14: balance -1000000000000350'],
      'wallet-balance': [
        'wallet 11: balance -999999999999649, its entries make -1000',
        'wallet 12: balance 999999999999999, its entries make 700',
        'wallet 13: balance 1000000000000000, its entries make 350',
        'wallet 14: balance -1000000000000350, its entries make -50',
      ],
    },
  },
  {
    check: 'wallet-owner',
    how: 'wallets of an operator and of nobody',
    sql: `INSERT INTO wallet (id, owner_id, kind, currency) VALUES (20, 5, 'customer', 'USD'), (21, 99, 'settlement', 'USD')`,
    found: {
      'wallet-owner': [
        'wallet 20: customer wallet of user 5 (operator)',
        'wallet 21: settlement wallet of user 99 (does not exist)',
      ],
    },
  },
  {
    check: 'entry-sequence',
    how: 'a gap in the numbers',
    sql: `UPDATE entry SET seq = 3 WHERE wallet_id = 12 AND seq = 2;
          UPDATE operation SET debit_seq = 3 WHERE id = '${TRANSFER}'; UPDATE wallet SET version = 3 WHERE id = 12`,
    found: { 'entry-sequence': ['entry 12/3: follows number 1'] },
  },
  {
    check: 'entry-sequence',
    how: 'a wallet that starts at number two',
    sql: `UPDATE entry SET seq = 2 WHERE wallet_id = 14;
          UPDATE operation SET debit_seq = 2 WHERE id = '${OTHER_DEPOSIT}'; UPDATE wallet SET version = 2 WHERE id = 14`,
    found: { 'entry-sequence': ['entry 14/2: follows number 0'] },
  },
  {
    check: 'entry-balance',
    how: 'a balance after that is not the running sum',
    sql: `UPDATE entry SET balance_after = 299 WHERE wallet_id = 13 AND seq = 1`,
    found: { 'entry-balance': ['entry 13/1: 299 after 0 and 300', 'entry 13/2: 350 after 299 and 50'] },
  },
  {
    check: 'entry-overdraft',
    how: 'a customer who was below zero for a while',
    sql: `UPDATE operation SET amount = 5000 WHERE id = '${TRANSFER}';
          UPDATE entry SET amount = -5000, balance_after = -4000 WHERE wallet_id = 12 AND seq = 2;
          UPDATE entry SET amount = 5000, balance_after = 5000 WHERE wallet_id = 13 AND seq = 1;
          UPDATE entry SET balance_after = 5050 WHERE wallet_id = 13 AND seq = 2;
          INSERT INTO operation (id, kind, status, debit_wallet_id, credit_wallet_id, amount, currency, initiator_id,
            request_id, request_hash, debit_seq, credit_seq, accepted_at)
          VALUES ('${STRAY}', 'transfer', 'applied', 13, 12, 4700, 'RUB', 3, '${STRAY}', decode(repeat('09', 32), 'hex'), 3, 3, now());
          INSERT INTO entry (wallet_id, seq, operation_id, amount, balance_after) VALUES
            (13, 3, '${STRAY}', -4700, 350), (12, 3, '${STRAY}', 4700, 700);
          UPDATE wallet SET version = 3 WHERE id IN (12, 13)`,
    found: { 'entry-overdraft': ['entry 12/2: balance -4000, of which 0 held'] },
  },
  {
    check: 'entry-overdraft',
    how: 'a customer who has spent what was held',
    sql: `UPDATE entry SET held_after = 701 WHERE wallet_id = 12 AND seq = 2`,
    found: {
      'entry-overdraft': ['entry 12/2: balance 700, of which 701 held'],
      'entry-held': ['entry 12/2: 701 after 0 and 0'],
      'wallet-holds': ['wallet 12: held 0, its newest entry says 701, its open holds make 0'],
    },
  },
  {
    check: 'entry-time',
    how: 'an entry that is older than the one before it',
    sql: `UPDATE setting SET value = '2026-02-01' WHERE key = 'journal_since';
          UPDATE entry SET created_at = CASE seq WHEN 1 THEN timestamptz '2026-02-03Z' ELSE '2026-02-02Z' END WHERE wallet_id = 12`,
    found: { 'entry-time': ['entry 12/2: of 2026-02-02 00:00:00+00, follows one of 2026-02-03 00:00:00+00'] },
  },
  {
    check: 'wallet-time',
    how: 'a wallet whose next entry could be older than its newest',
    sql: `UPDATE entry SET created_at = '2026-03-01Z' WHERE wallet_id = 12; UPDATE wallet SET booked_at = '2026-02-01Z' WHERE id = 12`,
    found: {
      'wallet-time': ['wallet 12: from 2026-02-01 00:00:00+00, its newest entry is of 2026-03-01 00:00:00+00'],
    },
  },
  {
    check: 'operation-outcome',
    how: 'a freezing that is not in the journal, although there was one',
    sql: `UPDATE setting SET value = '2026-01-02' WHERE key = 'journal_since'`,
    found: { 'operation-outcome': [`operation ${UNFREEZE}: applied, reason none, numbers none and none`] },
  },
  {
    check: 'entry-wallet',
    how: 'a wallet that is gone',
    sql: `DELETE FROM wallet WHERE id = 14; UPDATE wallet SET balance = -1050 WHERE id = 11`,
    found: {
      'entry-wallet': ['entry 14/1: there is no wallet 14'],
      'operation-wallets': [
        `operation ${OTHER_DEPOSIT}: deposit from wallet 14 (does not exist) to wallet 13 (customer)`,
      ],
      'wallet-balance': ['wallet 11: balance -1050, its entries make -1000'],
    },
  },
  {
    check: 'entry-operation',
    how: 'an operation that is gone',
    sql: `DELETE FROM operation WHERE id = '${OTHER_DEPOSIT}'`,
    found: {
      'entry-operation': [
        `entry 13/2: there is no operation ${OTHER_DEPOSIT}`,
        `entry 14/1: there is no operation ${OTHER_DEPOSIT}`,
      ],
    },
  },
  {
    check: 'entry-rejected',
    how: 'a rejected operation that moved money',
    sql: `UPDATE operation SET status = 'rejected', reason = 'expired', debit_seq = NULL, credit_seq = NULL WHERE id = '${OTHER_DEPOSIT}'`,
    found: {
      'entry-rejected': [
        `entry 13/2: operation ${OTHER_DEPOSIT} is rejected`,
        `entry 14/1: operation ${OTHER_DEPOSIT} is rejected`,
      ],
    },
  },
  {
    check: 'entry-side',
    how: 'a third entry of an operation',
    sql: `INSERT INTO entry (wallet_id, seq, operation_id, amount, balance_after) VALUES (14, 2, '${DEPOSIT}', -7, -57);
          UPDATE wallet SET balance = -57, version = 2 WHERE id = 14`,
    found: {
      'entry-side': [`entry 14/2: operation ${DEPOSIT} has its entries at 11/1 and 12/1`],
      'currency-sum': ['RUB: the balances sum to -7'],
    },
  },
  {
    check: 'operation-outcome',
    how: 'applied without numbers, applied with a reason, rejected without one, neither',
    sql: `UPDATE operation SET debit_seq = NULL WHERE id = '${DEPOSIT}';
          UPDATE operation SET reason = 'expired' WHERE id = '${TRANSFER}';
          UPDATE operation SET reason = NULL WHERE id = '${REFUSED}'`,
    found: {
      'operation-outcome': [
        `operation ${TRANSFER}: applied, reason expired, numbers 2 and 1`,
        `operation ${REFUSED}: rejected, reason none, numbers none and none`,
        `operation ${DEPOSIT}: applied, reason none, numbers none and 1`,
      ],
      'entry-side': [`entry 11/1: operation ${DEPOSIT} has its entries at 11/ and 12/1`],
    },
  },
  {
    check: 'operation-amount',
    how: 'a rejected operation of nothing',
    sql: `UPDATE operation SET amount = 0 WHERE id = '${REFUSED}'`,
    found: { 'operation-amount': [`operation ${REFUSED}: amount 0`] },
  },
  {
    check: 'operation-amount',
    how: 'a freezing that is said to have moved money',
    sql: `UPDATE operation SET amount = 7 WHERE id IN ('${FREEZE}', '${REFUSED_FREEZE}')`,
    found: { 'operation-amount': [`operation ${FREEZE}: amount 7`, `operation ${REFUSED_FREEZE}: amount 7`] },
  },
  {
    check: 'operation-outcome',
    how: 'a freezing that claims entries of its wallet',
    sql: `UPDATE operation SET debit_seq = 1 WHERE id = '${FREEZE}';
          UPDATE operation SET credit_seq = 2 WHERE id = '${UNFREEZE}'`,
    found: {
      'operation-outcome': [
        `operation ${FREEZE}: applied, reason none, numbers 1 and none`,
        `operation ${UNFREEZE}: applied, reason none, numbers none and 2`,
      ],
      'operation-debit': [`operation ${FREEZE}: 0 expected at 12/1, there is 1000 of operation ${DEPOSIT}`],
      'operation-credit': [`operation ${UNFREEZE}: 0 expected at 12/2, there is -300 of operation ${TRANSFER}`],
      'wallet-frozen': ['wallet 12 is not frozen'],
    },
  },
  {
    check: 'entry-side',
    how: 'an entry of a freezing',
    sql: `INSERT INTO entry (wallet_id, seq, operation_id, amount, balance_after) VALUES (12, 3, '${FREEZE}', 1, 701);
          UPDATE wallet SET balance = 701, version = 3 WHERE id = 12`,
    found: {
      'entry-side': [`entry 12/3: operation ${FREEZE} has its entries at 12/ and 12/`],
      'currency-sum': ['RUB: the balances sum to 1'],
    },
  },
  {
    check: 'operation-operator',
    how: 'wallets frozen or thawed by a customer and by a bank, also where it was refused',
    sql: `UPDATE operation SET initiator_id = 2 WHERE id IN ('${FREEZE}', '${REFUSED_FREEZE}');
          UPDATE operation SET initiator_id = 1 WHERE id = '${UNFREEZE}'`,
    found: {
      'operation-operator': [
        `operation ${FREEZE}: freeze by user 2 (customer)`,
        `operation ${UNFREEZE}: unfreeze by user 1 (bank)`,
        `operation ${REFUSED_FREEZE}: freeze by user 2 (customer)`,
      ],
    },
  },
  {
    check: 'operation-wallets',
    how: 'one wallet frozen under the name of another, one that is not there, and a kind that there is not',
    sql: `UPDATE operation SET credit_wallet_id = 13 WHERE id = '${FREEZE}';
          UPDATE operation SET status = 'applied', reason = NULL WHERE id = '${REFUSED_FREEZE}';
          UPDATE operation SET kind = 'gift' WHERE id = '${UNFREEZE}'; UPDATE wallet SET is_frozen = true WHERE id = 12`,
    found: {
      'operation-wallets': [
        `operation ${FREEZE}: freeze from wallet 12 (customer) to wallet 13 (customer)`,
        `operation ${UNFREEZE}: gift from wallet 12 (customer) to wallet 12 (customer)`,
        `operation ${REFUSED_FREEZE}: freeze from wallet 99 (does not exist) to wallet 99 (does not exist)`,
      ],
    },
  },
  {
    check: 'wallet-frozen',
    how: 'a wallet frozen that was thawed last, and one that nobody ever froze',
    sql: `UPDATE wallet SET is_frozen = true WHERE id IN (12, 14)`,
    found: { 'wallet-frozen': ['wallet 12 is frozen', 'wallet 14 is frozen'] },
  },
  {
    check: 'wallet-frozen',
    how: 'a wallet not frozen that was frozen last',
    sql: `UPDATE operation SET applied_at = '2026-01-03' WHERE id = '${FREEZE}'`,
    found: { 'wallet-frozen': ['wallet 12 is not frozen'] },
  },
  {
    check: 'operation-debit',
    how: 'the debit of another operation',
    sql: `UPDATE entry SET operation_id = '${DEPOSIT}' WHERE wallet_id = 14 AND seq = 1`,
    found: {
      'operation-debit': [`operation ${OTHER_DEPOSIT}: -50 expected at 14/1, there is -50 of operation ${DEPOSIT}`],
      'entry-side': [`entry 14/1: operation ${DEPOSIT} has its entries at 11/1 and 12/1`],
    },
  },
  {
    check: 'operation-debit',
    how: 'no debit at all',
    sql: `DELETE FROM entry WHERE wallet_id = 14; UPDATE wallet SET balance = 0, version = 0 WHERE id = 14`,
    found: {
      'operation-debit': [`operation ${OTHER_DEPOSIT}: -50 expected at 14/1, no entry there`],
      'currency-sum': ['RUB: the balances sum to 50'],
    },
  },
  {
    check: 'operation-credit',
    how: 'no credit at all',
    sql: `DELETE FROM entry WHERE wallet_id = 13 AND seq = 2; UPDATE wallet SET balance = 300, version = 1 WHERE id = 13`,
    found: {
      'operation-credit': [`operation ${OTHER_DEPOSIT}: 50 expected at 13/2, no entry there`],
      'currency-sum': ['RUB: the balances sum to -50'],
    },
  },
  {
    check: 'operation-credit',
    how: 'the credit of another operation',
    sql: `UPDATE entry SET operation_id = '${TRANSFER}' WHERE wallet_id = 13 AND seq = 2`,
    found: {
      'operation-credit': [`operation ${OTHER_DEPOSIT}: 50 expected at 13/2, there is 50 of operation ${TRANSFER}`],
      'entry-side': [`entry 13/2: operation ${TRANSFER} has its entries at 12/2 and 13/1`],
    },
  },
  {
    check: 'operation-sum',
    how: 'a cent more credited than debited',
    sql: `UPDATE entry SET amount = 51, balance_after = 351 WHERE wallet_id = 13 AND seq = 2;
          UPDATE wallet SET balance = 351 WHERE id = 13`,
    found: {
      'operation-sum': [`operation ${OTHER_DEPOSIT}: -50 and 51`],
      'operation-credit': [
        `operation ${OTHER_DEPOSIT}: 50 expected at 13/2, there is 51 of operation ${OTHER_DEPOSIT}`,
      ],
      'currency-sum': ['RUB: the balances sum to 1'],
    },
  },
  {
    check: 'operation-wallets',
    how: 'a deposit that is called a transfer',
    sql: `UPDATE operation SET kind = 'transfer' WHERE id = '${OTHER_DEPOSIT}'`,
    found: {
      'operation-wallets': [`operation ${OTHER_DEPOSIT}: transfer from wallet 14 (settlement) to wallet 13 (customer)`],
      'operation-owner': [`operation ${OTHER_DEPOSIT}: transfer by user 4 (bank) out of a wallet of user 4`],
    },
  },
  {
    check: 'operation-wallets',
    how: 'a deposit into a settlement wallet',
    sql: `UPDATE wallet SET kind = 'settlement' WHERE id = 13; UPDATE app_user SET role = 'bank' WHERE id = 3`,
    found: {
      'operation-wallets': [
        `operation ${TRANSFER}: transfer from wallet 12 (customer) to wallet 13 (settlement)`,
        `operation ${OTHER_DEPOSIT}: deposit from wallet 14 (settlement) to wallet 13 (settlement)`,
      ],
    },
  },
  {
    check: 'operation-currency',
    how: 'an operation in another currency than its wallets',
    sql: `UPDATE operation SET currency = 'USD' WHERE id = '${TRANSFER}'`,
    found: { 'operation-currency': [`operation ${TRANSFER}: USD from a wallet in RUB to one in RUB`] },
  },
  {
    check: 'operation-initiator',
    how: 'an initiator who does not exist, also of a rejected operation',
    sql: `UPDATE operation SET initiator_id = 99 WHERE id IN ('${REFUSED}', '${TRANSFER}')`,
    found: {
      'operation-initiator': [
        `operation ${TRANSFER}: there is no user 99`,
        `operation ${REFUSED}: there is no user 99`,
      ],
    },
  },
  {
    check: 'operation-owner',
    how: "money out of somebody else's wallet",
    sql: `UPDATE operation SET initiator_id = 3 WHERE id = '${TRANSFER}';
          UPDATE operation SET initiator_id = 1, external_id = 'A-2' WHERE id = '${OTHER_DEPOSIT}'`,
    found: {
      'operation-owner': [
        `operation ${TRANSFER}: transfer by user 3 (customer) out of a wallet of user 2`,
        `operation ${OTHER_DEPOSIT}: deposit by user 1 (bank) out of a wallet of user 4`,
      ],
    },
  },
  {
    check: 'promise-hash',
    how: 'another request stored under a promised id',
    sql: `UPDATE pending_operation SET request_hash = decode(repeat('0f', 32), 'hex') WHERE id = '${TRANSFER}'`,
    found: { 'promise-hash': [`pending_operation ${TRANSFER}: promised 0f0f0f0f0f0f…, stored 020202020202…`] },
  },
];

let database: TestDatabase;
let client: pg.Client;

beforeEach(async () => {
  database = await createTestDatabase();
  await run(database.url, SOUND_BOOK);
  client = await connectClient(database.url, 'verify');
});

afterEach(async () => {
  await client.end();
  await database.drop();
});

function failures(report: BooksReport): Record<string, string[]> {
  const failed = report.checks.filter(({ broken, rows }) => broken > 0 || rows.length > 0);
  return Object.fromEntries(failed.map(({ id, rows }) => [id, rows]));
}

async function found(options?: VerifyOptions): Promise<Record<string, string[]>> {
  return failures(await verifyBooks(client, options));
}

describe('sound books', () => {
  test('pass, and every row was asked', async () => {
    const report = await verifyBooks(client);
    expect(failures(report)).toEqual({});
    expect(report.counts).toEqual({ wallets: 4, entries: 6, operations: 7, promises: 2, holds: 0 });
    for (const { of, asked } of report.checks) expect(asked).toBe(report.counts[of]);
  });

  test('pass however they are cut into chunks, and progress ends at the total', async () => {
    for (const chunkRows of [1, 2, 3, 5]) {
      const steps: [number, number][] = [];
      const report = await verifyBooks(client, { chunkRows, onProgress: (...step) => steps.push(step) });
      expect(failures(report)).toEqual({});
      for (const { of, asked } of report.checks) expect(asked).toBe(report.counts[of]);
      expect(steps.at(-1)).toEqual([19, 19]);
      expect(steps.length).toBeGreaterThanOrEqual(19 / chunkRows);
    }
  });

  test('pass with a wallet that was frozen and thawed in one moment, whichever came last', async () => {
    await run(database.url, `${UNGUARDED} UPDATE operation SET applied_at = '2026-01-02' WHERE id = '${FREEZE}'`);
    for (const isFrozen of [true, false]) {
      await run(database.url, `UPDATE wallet SET is_frozen = ${isFrozen} WHERE id = 12`);
      expect(await found()).toEqual({});
    }
  });

  test('pass when they are empty', async () => {
    const empty = await createTestDatabase();
    const auditor = await connectClient(empty.url, 'verify');
    const report = await verifyBooks(auditor);
    expect(failures(report)).toEqual({});
    expect(report.counts).toEqual({ wallets: 0, entries: 0, operations: 0, promises: 0, holds: 0 });
    await auditor.end();
    await empty.drop();
  });

  test('pass while money moves between any two looks at them', async () => {
    const { beside, moves } = whileMoneyMoves();
    const report = await verifyBooks(beside, { chunkRows: 2 });
    expect(failures(report)).toEqual({});
    expect(moves()).toBeGreaterThan(10);
    expect(report.counts).toEqual({ wallets: 4, entries: 6, operations: 7, promises: 2, holds: 0 });
    for (const { of, asked } of report.checks) expect(asked).toBeGreaterThanOrEqual(report.counts[of]);
    expect(await found()).toEqual({});
  });

  test('are looked at in many short snapshots: none is held between two statements', async () => {
    const watcher = await connectClient(database.url, 'watch');
    const held: unknown[] = [];
    const watched: Session = {
      async query(text, values) {
        const result = await client.query(text, values);
        if (text === 'ROLLBACK') {
          const { rows } = await watcher.query(
            `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
               AND coalesce(backend_xmin, backend_xid) IS NOT NULL AND backend_type = 'client backend'`,
          );
          held.push(rows.length);
        }
        return result;
      },
    };
    await verifyBooks(watched, { chunkRows: 2 });
    await watcher.end();
    expect(held.length).toBeGreaterThan(10);
    expect([...new Set(held)]).toEqual([0]);
  });
});

/** Between any two of the auditor's statements somebody pays. */
function whileMoneyMoves(): { beside: Session; moves: () => number } {
  let moves = 0;
  const beside: Session = {
    async query(text, values) {
      const result = await client.query(text, values);
      if (text !== 'ROLLBACK') return result;
      moves += 1;
      await run(database.url, moveOne(moves));
      return result;
    },
  };
  return { beside, moves: () => moves };
}

/** One more cent from Anna to Boris, as the worker would store it. */
function moveOne(n: number): string {
  const id = randomUUID();
  return `BEGIN;
    INSERT INTO operation (id, kind, status, debit_wallet_id, credit_wallet_id, amount, currency, initiator_id, request_id,
      request_hash, debit_seq, credit_seq, accepted_at)
    VALUES ('${id}', 'transfer', 'applied', 12, 13, 1, 'RUB', 2, '${id}', decode(repeat('0e', 32), 'hex'), ${2 + n}, ${2 + n}, now());
    INSERT INTO entry (wallet_id, seq, operation_id, amount, balance_after) VALUES
      (12, ${2 + n}, '${id}', -1, ${700 - n}), (13, ${2 + n}, '${id}', 1, ${350 + n});
    UPDATE wallet SET version = version + 1, balance = balance + CASE id WHEN 12 THEN -1 ELSE 1 END WHERE id IN (12, 13);
    COMMIT;`;
}

describe('cooked books', () => {
  test.each(TAMPERS)('$check names $how', async ({ sql, found: expected, check }) => {
    await run(database.url, `${UNGUARDED}\n${sql}`);
    expect(expected).toHaveProperty(check);
    expect(await found()).toEqual(expected);
    expect(await found({ chunkRows: 1 })).toEqual(expected);
  });

  test.each(HOLD_TAMPERS)('$check names $how', async ({ sql, found: expected, check }) => {
    await run(database.url, HOLDS_BOOK);
    expect(await found()).toEqual({});
    await run(database.url, `${UNGUARDED}\n${sql}`);
    expect(expected).toHaveProperty(check);
    expect(await found()).toEqual(expected);
    expect(await found({ chunkRows: 1 })).toEqual(expected);
  });

  test('are named while money moves as well', async () => {
    const cooked = `UPDATE entry SET amount = 299 WHERE (wallet_id, seq) = (13, 1)`;
    await run(database.url, `${UNGUARDED}\n${cooked}`);
    const expected = await found();
    expect(Object.keys(expected)).toContain('entry-balance');
    expect(failures(await verifyBooks(whileMoneyMoves().beside, { chunkRows: 2 }))).toEqual(expected);
  });

  test('every check has a tampering that it notices', () => {
    const ids = [...WALKS.flatMap((walk) => walk.checks), ...WHOLE_CHECKS].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...new Set([...TAMPERS, ...HOLD_TAMPERS].map(({ check }) => check))].sort()).toEqual(ids.sort());
  });

  test('with more broken rows than are named say how many there are', async () => {
    await run(
      database.url,
      `${UNGUARDED} INSERT INTO wallet (id, owner_id, kind, currency)
       SELECT n, n, 'customer', 'RUB' FROM generate_series(101, 145) n`,
    );
    const named = Array.from(
      { length: 20 },
      (_, n) => `wallet ${101 + n}: customer wallet of user ${101 + n} (does not exist)`,
    );
    for (const chunkRows of [7, 1_000]) {
      const report = await verifyBooks(client, { chunkRows });
      const { broken, rows } = report.checks.find(({ id }) => id === 'wallet-owner')!;
      expect(broken).toBe(45);
      expect(rows).toEqual(named);
    }
  });

  test("with numbers at bigint's ends are judged, not choked on", async () => {
    const [least, most] = ['(-9223372036854775808)', '9223372036854775807'];
    await run(
      database.url,
      `${UNGUARDED}
       UPDATE operation SET amount = ${least} WHERE id = '${DEPOSIT}';
       UPDATE entry SET amount = ${least}, balance_after = ${most} WHERE operation_id = '${DEPOSIT}';
       UPDATE entry SET seq = ${most} WHERE wallet_id = 13 AND seq = 2;
       UPDATE wallet SET balance = ${most}, held = ${most}, version = ${most}`,
    );
    const ids = Object.keys(await found());
    expect(ids).toEqual(expect.arrayContaining(['currency-sum', 'entry-balance', 'operation-sum', 'wallet-limit']));
  });
});

describe('the session', () => {
  test('has none of the short time limits that requests have, and leaves no transaction open', async () => {
    const limited = await connectClient(database.url, 'verify');
    await limited.query(`SET statement_timeout = '2s'`);
    const limits: unknown[] = [];
    const watched: Session = {
      async query(text, values) {
        const result = await limited.query(text, values);
        const { rows } = await limited.query<{ statement_timeout: string }>('SHOW statement_timeout');
        limits.push(rows[0]?.statement_timeout);
        return result;
      },
    };
    await verifyBooks(watched);
    // Each statement is a transaction of its own: its beginning, itself, its end.
    expect(limits.length % 3).toBe(0);
    expect(limits).toEqual(limits.map((_, place) => (place % 3 === 2 ? '2s' : '1h')));
    await limited.end();
  });

  test('cannot write', async () => {
    const writing: Session = {
      query: (text, values) =>
        text.includes('WITH found') ? client.query('UPDATE wallet SET balance = 0') : client.query(text, values),
    };
    await expect(verifyBooks(writing)).rejects.toThrow(/read-only transaction/);
    expect(await found()).toEqual({});
  });
});
