/** Which servers are refused, and with which words: those of them that a test cannot have are values here. */
import { expect, test } from 'vitest';
import { objectTo } from '../../shared/store/database/checks/assertServer.ts';

const SOUND = {
  version: 15,
  encoding: 'UTF8',
  isStandby: false,
  isReadOnly: false,
  replicationRole: 'origin',
  transactionMs: null,
  pid: 1,
  dropped: [],
};

test('a server without a fault is taken, and so is a limit for transactions that is far away', () => {
  expect(objectTo(SOUND, true)).toBeUndefined();
  expect(objectTo({ ...SOUND, version: 18, transactionMs: 0 }, true)).toBeUndefined();
  expect(objectTo({ ...SOUND, version: 18, transactionMs: 60_000 }, true)).toBeUndefined();
});

test.each([
  ['too old', { version: 14 }, true, /PostgreSQL 14.* needs 15/],
  ['another encoding', { encoding: 'SQL_ASCII' }, true, /encoded in SQL_ASCII.* UTF8/],
  ['a standby', { isStandby: true, isReadOnly: true }, true, /is a standby.*name the primary/],
  ['read-only', { isReadOnly: true }, true, /default_transaction_read_only/],
  ['without its triggers', { replicationRole: 'replica' }, true, /session_replication_role is replica/],
  ['a limit that cuts off', { transactionMs: 900 }, true, /transaction_timeout is 900 ms/],
  ['a pooler that drops what a session begins with', { dropped: ['statement_timeout'] }, true, /pooler/],
  ['a pooler that makes up the session', {}, false, /pooler/],
])('%s is refused', (_, fault, isSessionOfOurs, words) => {
  expect(objectTo({ ...SOUND, ...fault }, isSessionOfOurs)).toMatch(words);
});
