/**
 * Long work in short slices, between which the event loop serves everybody else. All that is cut by one slicer takes
 * turns: of many long lists at once, one slice is done in each turn of the loop.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

const SLICE_MS = 10;
/** What is shorter than this is done at once. */
const MIN_ITEMS = 50;

/** `Array.map`, in slices. */
export type MapInSlices = <T, R>(items: readonly T[], map: (item: T, index: number) => R) => Promise<R[]>;

export function createSlicer(): MapInSlices {
  let latest: Promise<unknown> = Promise.resolve();
  const turn = (): Promise<unknown> => (latest = latest.then(() => nextTurn()));
  return async (items, map) => {
    if (items.length < MIN_ITEMS) return items.map(map);
    await turn();
    const results: ReturnType<typeof map>[] = [];
    let begunMs = performance.now();
    for (const [index, item] of items.entries()) {
      if (performance.now() - begunMs > SLICE_MS) {
        await turn();
        begunMs = performance.now();
      }
      results.push(map(item, index));
    }
    return results;
  };
}
