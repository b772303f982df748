/** So much a second for each account: what passes, when, and what is refused. */
import { expect, test } from 'vitest';
import { createAllowance } from '../../api/quotas/allowance.ts';

function setUp({ perSecond = 10, patienceMs = 500 } = {}) {
  let nowMs = 5_000;
  const allowance = createAllowance({ perSecond, patienceMs, now: () => nowMs });
  const spend = (cost = 1, account = 1n) => allowance.spend(account, cost);
  return { allowance, spend, pass: (ms: number) => (nowMs += ms) };
}

test("a second's worth passes at once, then what is a little late in its turn, and the rest is refused", () => {
  const { spend } = setUp();
  const waits = Array.from({ length: 18 }, () => spend());
  expect(waits.slice(0, 11)).toEqual(Array(11).fill(0));
  expect(waits.slice(11, 16)).toEqual([100, 200, 300, 400, 500]);
  expect(waits.slice(16)).toEqual([undefined, undefined]);
});

test('what is refused adds nothing to the debt', () => {
  const { spend, pass, allowance } = setUp();
  for (let times = 0; times < 100; times++) spend();
  expect(allowance.debtMs(1n)).toBe(600);
  pass(600);
  expect(spend()).toBe(0);
});

test('something large passes whole when there is no debt, and is worked off before anything else passes', () => {
  const { spend, pass } = setUp({ perSecond: 300, patienceMs: 1_000 });
  expect(spend(1_000)).toBe(0);
  expect(spend()).toBeUndefined();
  pass(1_333);
  expect(spend()).toBeUndefined();
  pass(1);
  expect(spend()).toBeCloseTo(999.3, 0);
});

test('rest is no credit beyond a second', () => {
  const { spend, pass } = setUp({ patienceMs: 0 });
  spend();
  pass(3_600_000);
  expect(Array.from({ length: 12 }, () => spend())).toEqual([...Array<number>(11).fill(0), undefined]);
});

test('each account has its own', () => {
  const { spend } = setUp({ patienceMs: 0 });
  while (spend(1, 1n) !== undefined);
  expect(spend(1, 2n)).toBe(0);
});

test('what is charged counts, whatever is left', () => {
  const { allowance, spend } = setUp({ perSecond: 20, patienceMs: 0 });
  for (let times = 0; times < 40; times++) allowance.charge(1n, 1);
  expect([allowance.debtMs(1n), spend()]).toEqual([1_000, undefined]);
});

test('with no end to it nothing is refused', () => {
  const { spend } = setUp({ perSecond: Infinity, patienceMs: 0 });
  expect(Array.from({ length: 1_000 }, () => spend(1_000)).every((waitMs) => waitMs === 0)).toBe(true);
});
