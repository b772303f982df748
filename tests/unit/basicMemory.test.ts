import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createBasicMemory } from '../../api/auth/basicMemory.ts';

const HEADER = 'Basic b3BlcmF0b3I6c2VjcmV0';
const operator = { userId: 1n, role: 'operator', walletId: null } as const;
const OUTAGE = { isOutage: true };

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

test('credentials are believed for a minute, and while nobody can prove anything for an hour', () => {
  const memory = createBasicMemory();
  const first = memory.remember(HEADER, operator);
  vi.advanceTimersByTime(59_000);
  expect(memory.recall(HEADER)).toBe(first);
  vi.advanceTimersByTime(2_000);
  expect(memory.recall(HEADER)).toBeUndefined();
  expect(memory.recall(HEADER, OUTAGE)).toBe(first);
  expect(memory.recall(`${HEADER}0`, OUTAGE)).toBeUndefined();
  vi.advanceTimersByTime(3_540_000);
  expect(memory.recall(HEADER, OUTAGE)).toBeUndefined();
});

test('a new proof after the minute is remembered anew', () => {
  const memory = createBasicMemory();
  const first = memory.remember(HEADER, operator);
  expect(memory.remember(HEADER, operator)).toBe(first);
  vi.advanceTimersByTime(61_000);
  const second = memory.remember(HEADER, operator);
  expect(second).not.toBe(first);
  vi.advanceTimersByTime(59_000);
  expect(memory.recall(HEADER)).toBe(second);
});

test('what has logged out is believed no more, in an outage neither', () => {
  const memory = createBasicMemory();
  memory.remember(HEADER, operator);
  memory.forget(HEADER);
  expect(memory.recall(HEADER, OUTAGE)).toBeUndefined();
});
