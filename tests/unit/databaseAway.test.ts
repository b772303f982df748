/** Which errors mean that the database is away, in every wrapping that they come in. */
import { describe, expect, test } from 'vitest';
import { isDatabaseAway } from '../../api/database/databaseAway.ts';

const coded = (code: string, message = 'x') => Object.assign(new Error(message), { code });

describe('the database is away', () => {
  test.each([
    ...['57P01', '57P03', '53300', '25006', '08006', '08001'],
    ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2037'],
  ])('when the code is %s', (code) => {
    expect(isDatabaseAway(coded(code))).toBe(true);
  });
  test.each([
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'timeout exceeded when trying to connect',
    'Query read timeout',
    'Client has encountered a connection error and is not queryable',
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
  test.each(['42P01', '23505', '22P02', 'P2002', 'P2025', 'ERR_INVALID_ARG_TYPE'])('when the code is %s', (code) => {
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
