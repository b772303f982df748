import { expect, test } from 'vitest';
import { MAX_POLLS_EACH, createPollPlaces } from '../../api/quotas/pollPlaces.ts';

/** Takes places until there are none, and says how many there were. */
function takeAll(take: () => (() => void) | undefined): (() => void)[] {
  const taken: (() => void)[] = [];
  for (let leave = take(); leave; leave = take()) taken.push(leave);
  return taken;
}

test('one account has its share of the places and takes none of another’s', () => {
  const places = createPollPlaces();
  expect(takeAll(() => places.take(1n)).length).toBe(MAX_POLLS_EACH);
  expect(takeAll(() => places.take(2n)).length).toBe(MAX_POLLS_EACH);
});

test('a place that is left is free again, for the account and for all', () => {
  const places = createPollPlaces();
  let account = 0n;
  const taken = takeAll(() => places.take(account++));
  expect(taken.length).toBe(1_000);
  expect(places.take(0n)).toBeUndefined();
  taken[0]!();
  const own = places.take(0n);
  expect(own).toBeDefined();
  own!();
  expect(takeAll(() => places.take(1_000n)).length).toBe(1);
});
