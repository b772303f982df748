/** What a failed database call means: tried again, waited out, the command's own fault, or nobody knows. */
import { DatabaseError } from 'pg';
import { describe, expect, test } from 'vitest';
import { NotCommittedError, classifyFault } from '../../shared/store/ledger/classifyFault.ts';

/** As `pg` reports what the server said. */
function said(code: string, more: Partial<DatabaseError> = {}): DatabaseError {
  return Object.assign(new DatabaseError('said the server', 0, 'error'), { code, ...more });
}

/** As Node reports what the network did. */
function met(code: string): Error {
  return Object.assign(new Error(`connect ${code} 127.0.0.1:5432`), { code });
}

describe('the same work may succeed now', () => {
  test.each([
    ['a serialization failure', said('40001')],
    ['a deadlock', said('40P01')],
    ['a lock that was not free in time', said('55P03')],
    ['a statement that took too long', said('57014')],
    ['an operation that another delivery stored meanwhile', said('23505', { constraint: 'operation_pkey' })],
    ['a COMMIT that answered ROLLBACK', new NotCommittedError('COMMIT answered ROLLBACK')],
  ])('after %s', (_, error) => {
    expect(classifyFault(error)).toBe('retry');
  });
});

describe('the database is away', () => {
  test.each([
    '57P01',
    '57P02',
    '57P03',
    '57P04',
    '57P05',
    '25P03',
    '25P04',
    '53300',
    '53100',
    '25006',
    '08000',
    '08006',
    '08P01',
    '28000',
    '28P01',
    '3D000',
  ])('when it says %s', (code) => {
    expect(classifyFault(said(code))).toBe('away');
  });

  test.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'EAI_AGAIN',
    'ENOTFOUND',
    'EMFILE',
    'ENOMEM',
    'ENOBUFS',
    'ENETDOWN',
    'ENOTCONN',
    'EADDRNOTAVAIL',
    'EPROTO',
    'ERR_STREAM_DESTROYED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'CERT_HAS_EXPIRED',
  ])('when the network says %s', (code) => {
    expect(classifyFault(met(code))).toBe('away');
  });

  test('when every address of its name refuses', () => {
    const errors = [met('ECONNREFUSED'), met('ECONNREFUSED')];
    expect(classifyFault(Object.assign(new AggregateError(errors), { code: 'ECONNREFUSED' }))).toBe('away');
  });

  test.each([
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'timeout exceeded when trying to connect',
    'Query read timeout',
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
    'timeout expired',
    'There was an error establishing an SSL connection',
    'The server does not support SSL connections',
    'Received unexpected commandComplete message from backend.',
    'Cannot use a pool after calling end on the pool',
    'SASL: SCRAM-SERVER-FIRST-MESSAGE: server nonce does not start with client nonce',
  ])('when pg says "%s"', (message) => {
    expect(classifyFault(new Error(message))).toBe('away');
  });
});

describe('nobody can tell whose fault it is, so no command is rejected for it and none may hold up the others', () => {
  test.each([
    ['lacks a table', said('42P01')],
    ['lacks a right', said('42501')],
    ['has no memory', said('53200')],
    ['has too deep a stack', said('54001')],
    ['failed inside', said('XX000')],
    ['has a broken index', said('XX002')],
    ['raised something of its own', said('P0001')],
    ['has a plan that the schema has outgrown', said('0A000')],
    ['aborted the transaction for what an earlier statement said', said('25P02')],
  ])('when the database %s', (_, error) => {
    expect(classifyFault(error)).toBe('unclear');
  });

  test.each([
    ['an entry’s number that is taken', said('23505', { constraint: 'entry_pkey', table: 'entry' })],
    ['a balance that may not be', said('23514', { constraint: 'wallet_no_overdraft', table: 'wallet' })],
  ])('when the books object, for the fault is in them or in us: %s', (_, error) => {
    expect(classifyFault(error)).toBe('unclear');
  });

  test.each([new TypeError('undefined is not a function'), new RangeError('out of range')])(
    'when it is an error of the program itself: %s',
    (error) => {
      expect(classifyFault(error)).toBe('unclear');
    },
  );
});

describe('the command is at fault', () => {
  test.each([
    ['a text that cannot be stored', said('22021')],
    ['a number out of range', said('22003')],
    ['a broken constraint of its own row', said('23514', { constraint: 'operation_amount', table: 'operation' })],
  ])('after %s', (_, error) => {
    expect(classifyFault(error)).toBe('data');
  });
});
