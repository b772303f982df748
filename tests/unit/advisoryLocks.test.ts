/** The keys of the service's advisory locks, which share one space in a database. */
import { expect, test } from 'vitest';
import { ADVISORY_LOCKS } from '../../shared/store/database/advisoryLocks.ts';

const KEYS = Object.values(ADVISORY_LOCKS);

test('no two locks have the same key', () => {
  expect(new Set(KEYS).size).toBe(KEYS.length);
});

test('each key fits into the half in which PostgreSQL shows it, where workers are counted by it', () => {
  for (const key of KEYS) expect(key).toBeLessThan(2 ** 31);
});
