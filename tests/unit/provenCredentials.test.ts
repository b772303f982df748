import { expect, test } from 'vitest';
import { createProvenCredentials } from '../../api/auth/provenCredentials.ts';

const ADA = { email: 'ada@example.com', password: 'пароль:й' };

test('credentials fit the hash that they were proven against, however composed, and nothing else does', () => {
  const proven = createProvenCredentials();
  proven.remember(ADA, 'hash 1');
  expect(proven.has({ ...ADA, password: ADA.password.normalize('NFD') })).toBe(true);
  expect(proven.fit({ ...ADA, password: ADA.password.normalize('NFD') }, 'hash 1')).toBe(true);
  expect(proven.fit(ADA, 'hash 2')).toBe(false);
  expect(proven.has({ ...ADA, password: 'another' })).toBe(false);
  expect(proven.fit({ ...ADA, email: 'bob@example.com' }, 'hash 1')).toBe(false);
});

test('a proof is forgotten when it is told to be', () => {
  const proven = createProvenCredentials();
  proven.remember(ADA, 'hash 1');
  proven.forget(ADA);
  expect([proven.has(ADA), proven.fit(ADA, 'hash 1')]).toEqual([false, false]);
});
