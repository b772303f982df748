/** What a failed database call means: tried again, waited out, or the command's own fault. */
import { DatabaseError } from 'pg';
import { describe, expect, test } from 'vitest';
import { NotCommittedError, classifyFault } from '../../shared/store/classifyFault.ts';

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
  test.each(['57P01', '57P02', '57P03', '57P05', '25P03', '53300', '25006', '08000', '08006', '08P01'])(
    'when it says %s',
    (code) => {
      expect(classifyFault(said(code))).toBe('away');
    },
  );

  test.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'EAI_AGAIN',
    'ENOTFOUND',
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
  ])('when pg says "%s"', (message) => {
    expect(classifyFault(new Error(message))).toBe('away');
  });

  test.each([
    ['lacks a table', '42P01'],
    ['has a full disk', '53100'],
    ['failed inside', 'XX000'],
    ['aborted the transaction for what an earlier statement said', '25P02'],
  ])('also when it %s: that is no fault of the commands, so none is rejected for it', (_, code) => {
    expect(classifyFault(said(code))).toBe('away');
  });
});

describe('the command is at fault', () => {
  test.each([
    ['a text that cannot be stored', said('22021')],
    ['a number out of range', said('22003')],
    ['a broken constraint', said('23514', { constraint: 'wallet_no_overdraft' })],
    ['a key other than the operation’s that is taken', said('23505', { constraint: 'entry_pkey' })],
    ['an error of the program itself', new TypeError('undefined is not a function')],
  ])('after %s', (_, error) => {
    expect(classifyFault(error)).toBe('data');
  });
});
