/** Which errors are answered as a database that is away, in every wrapping that they come in. */
import { DatabaseError } from 'pg';
import { describe, expect, test } from 'vitest';
import { isDatabaseAway } from '../../api/database/databaseAway.ts';
import { classifyFault } from '../../shared/store/ledger/classifyFault.ts';

const coded = (code: string, message = 'x') => Object.assign(new Error(message), { code });

describe('the database is away', () => {
  test.each([
    ...['57P01', '57P03', '53300', '25006', '08006', '08001'],
    ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2037'],
    ...['ENETDOWN', 'EADDRNOTAVAIL', 'EMFILE', 'CERT_HAS_EXPIRED'],
  ])('when the code is %s', (code) => {
    expect(isDatabaseAway(coded(code))).toBe(true);
  });
  test.each([
    ['its disk is full', '53100'],
    ['it refuses the password', '28P01', 'P1000'],
    ['it refuses the user', '28000', 'P1010'],
    ['it has no such database', '3D000', 'P1003'],
    ['the database was dropped', '57P04'],
    ['it ended a session that was idle in a transaction', '25P03'],
    ['it ended a session whose transaction took too long', '25P04'],
    ['TLS fails', 'P1011'],
  ])('when %s', (_, ...codes) => {
    for (const code of codes) expect(isDatabaseAway(coded(code)), code).toBe(true);
  });
  test.each([
    ['a deadlock', '40P01', 'P2034'],
    ['a serialization failure', '40001', 'P2034'],
    ['a lock that was not free in time', '55P03'],
    ['a statement that took too long', '57014'],
  ])('when the same may succeed in a moment, after %s', (_, ...codes) => {
    for (const code of codes) expect(isDatabaseAway(coded(code)), code).toBe(true);
  });
  test.each([
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'timeout exceeded when trying to connect',
    'Query read timeout',
    'Client has encountered a connection error and is not queryable',
    'timeout expired',
    'There was an error establishing an SSL connection',
    'Received unexpected commandComplete message from backend.',
    'Cannot use a pool after calling end on the pool',
    'SASL: SCRAM-SERVER-FIRST-MESSAGE: server nonce does not start with client nonce',
  ])('when it says %j', (message) => {
    expect(isDatabaseAway(new Error(message))).toBe(true);
  });
  test('when that is the cause, however deep', () => {
    expect(isDatabaseAway(new Error('a', { cause: new Error('b', { cause: coded('ECONNRESET') }) }))).toBe(true);
    const wrapped = { cause: { originalCode: '57P01', kind: 'postgres' } };
    expect(
      isDatabaseAway(Object.assign(new Error('p'), { code: 'P2010', meta: { driverAdapterError: wrapped } })),
    ).toBe(true);
  });
});

describe('the database is not away', () => {
  test.each([
    ...['42P01', '42501', '53200', '58030', 'XX000', '23505', '22P02', 'P2002', 'P2025', 'ERR_INVALID_ARG_TYPE'],
    ...['ENOENT', 'constructor', '__proto__'],
  ])('when the code is %s', (code) => {
    expect(isDatabaseAway(coded(code))).toBe(false);
  });
  test('when something else is wrong', () => {
    for (const error of [new TypeError('socket'), 'Query read timeout', null, undefined, 5]) {
      expect(isDatabaseAway(error)).toBe(false);
    }
  });
  test('when causes go round in a circle', () => {
    const error = new Error('a');
    error.cause = error;
    expect(isDatabaseAway(error)).toBe(false);
  });
});

/** What the server may say, one of each kind that either asks about. */
const SAID = [
  ...['08000', '08001', '08006', '08P01', '28000', '28P01', '3D000', '53100', '53300', '25006', '25P03', '25P04'],
  ...['57P01', '57P02', '57P03', '57P04', '57P05', '57014', '55P03', '40001', '40P01'],
  ...[
    '22003',
    '22021',
    '23505',
    '23514',
    '42P01',
    '42501',
    '53200',
    '54001',
    '0A000',
    '25P02',
    'P0001',
    'XX000',
    'XX002',
  ],
];

test.each(SAID)('the API and the worker mean the same by %s', (code) => {
  const said = Object.assign(new DatabaseError('said the server', 0, 'error'), { code });
  expect(isDatabaseAway(said)).toBe(['away', 'retry'].includes(classifyFault(said)));
});
