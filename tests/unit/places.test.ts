/** Places for reads: of one account, of all, and for how long one waits for one. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPlaces } from '../../api/quotas/places.ts';
import type { Problem } from '../../api/http/problem.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const codeOf = (waiting: Promise<unknown>) => waiting.then(String, (error: unknown) => (error as Problem).code);

test('an account has four, and its fifth read begins when one of them has ended', async () => {
  const take = createPlaces(16);
  const [first] = await Promise.all([1, 2, 3, 4].map(() => take(7n)));
  let hasBegun = false;
  const fifth = take(7n).then(() => (hasBegun = true));
  await expect(take(8n)).resolves.toBeTypeOf('function');
  expect(hasBegun).toBe(false);
  first!();
  await fifth;
});

test('who waits for a place of their own for a second is told to come back, and the others go on', async () => {
  const take = createPlaces(16);
  await Promise.all([1, 2, 3, 4].map(() => take(7n)));
  const fifth = codeOf(take(7n));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await fifth).toBe('rate_limited');
  await expect(take(8n)).resolves.toBeTypeOf('function');
});

test('who finds all places taken by others is told that it is busy, and a place that is free goes to who waits longest', async () => {
  const take = createPlaces(2);
  const [leave] = await Promise.all([take(1n), take(2n)]);
  const late = codeOf(take(3n));
  await vi.advanceTimersByTimeAsync(500);
  const next = take(4n);
  await vi.advanceTimersByTimeAsync(500);
  expect(await late).toBe('overloaded');
  leave();
  await expect(next).resolves.toBeTypeOf('function');
});

test('more than five hundred do not wait', async () => {
  const take = createPlaces(1);
  await take(1n);
  const waiting = Array.from({ length: 500 }, () => codeOf(take(2n)));
  expect(await codeOf(take(3n))).toBe('overloaded');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await Promise.all(waiting)).toContain('overloaded');
});
