/** How many promises there is room for: counted rarely, and exactly where it gets tight. */
import { beforeEach, expect, test, vi } from 'vitest';
import { createPendingRoom } from '../../api/submission/promises/pendingRoom.ts';
import type { PendingRoom } from '../../api/submission/promises/pendingRoom.ts';

let stored: number;
let counts: number;
let room: PendingRoom;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  [stored, counts] = [10, 0];
  room = createPendingRoom({
    maxPending: 100,
    count: () => {
      counts += 1;
      return Promise.resolve(stored);
    },
  });
  return () => vi.useRealTimers();
});

test('many batches at a time cost one count, and their own promises are added to it', async () => {
  for (let batch = 0; batch < 8; batch++) {
    expect(await room.left(10)).toBe(90 - 10 * batch);
    room.take(10);
  }
  expect(counts).toBe(1);
});

test('what others have made is known after a second', async () => {
  expect(await room.left(1)).toBe(90);
  stored = 60;
  vi.advanceTimersByTime(999);
  expect(await room.left(1)).toBe(90);
  vi.advanceTimersByTime(1);
  expect(await room.left(1)).toBe(40);
});

test('where it gets tight it is counted, so that promises that were kept make room at once', async () => {
  expect(await room.left(50)).toBe(90);
  room.take(50);
  stored = 20;
  expect(await room.left(50)).toBe(80);
  expect(counts).toBe(2);
});

test('a full table is counted once a second, however many ask', async () => {
  stored = 100;
  for (let batch = 0; batch < 5; batch++) {
    expect(await room.left(10)).toBe(0);
  }
  expect(counts).toBe(1);
});

test('a count that takes long is made the less often', async () => {
  const slow = createPendingRoom({
    maxPending: 100,
    count: () => {
      counts += 1;
      vi.advanceTimersByTime(200);
      return Promise.resolve(stored);
    },
  });
  await slow.left(1);
  vi.advanceTimersByTime(3_999);
  await slow.left(1);
  expect(counts).toBe(1);
  vi.advanceTimersByTime(1);
  await slow.left(1);
  expect(counts).toBe(2);
});
