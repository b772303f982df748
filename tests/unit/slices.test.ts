import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createSlicer } from '../../api/http/body/slices.ts';

/** Keeps the processor for as long as it takes. */
function work(ms: number): void {
  for (const begunMs = performance.now(); performance.now() - begunMs < ms;);
}

/** How many turns the event loop makes until `task` is done. */
async function turnsOf(task: Promise<unknown>): Promise<number> {
  const state = { turns: 0, isOver: false };
  void task.finally(() => (state.isOver = true));
  for (; !state.isOver; state.turns++) await nextTurn();
  return state.turns;
}

test('a long list is mapped in order, and the event loop turns meanwhile', async () => {
  const mapInSlices = createSlicer();
  const items = Array.from({ length: 100 }, (_, index) => index);
  const mapped = mapInSlices(items, (item, index) => {
    work(1);
    return item + index;
  });
  expect(await turnsOf(mapped)).toBeGreaterThanOrEqual(9);
  expect(await mapped).toEqual(items.map((item) => 2 * item));
});

test('of several long lists one slice is done in each turn', async () => {
  const mapInSlices = createSlicer();
  const items = Array.from({ length: 50 }, () => 1);
  const lists = Array.from({ length: 4 }, () => mapInSlices(items, () => work(1)));
  expect(await turnsOf(Promise.all(lists))).toBeGreaterThanOrEqual(4 * 5);
});

test('what the mapping throws is thrown, and later lists are mapped all the same', async () => {
  const mapInSlices = createSlicer();
  const items = Array.from({ length: 50 }, (_, index) => index);
  const fault = mapInSlices(items, () => {
    throw new RangeError('a fault');
  });
  await expect(fault).rejects.toThrow('a fault');
  expect(await mapInSlices(items, (item) => item)).toEqual(items);
});
