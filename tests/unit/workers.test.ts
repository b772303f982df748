/** When the workers of the fleet count as gone, and what is said of it. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createWorkers } from '../../api/submission/workers.ts';
import type { Workers } from '../../api/submission/workers.ts';

let lines: string[];
let workers: Workers;

beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  const write = (line: string) => lines.push((JSON.parse(line) as { msg: string }).msg);
  workers = createWorkers({ logger: pino({}, { write }) });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A look a second that finds so many. */
function look(count: number, seconds: number): void {
  for (let second = 0; second < seconds; second++) {
    vi.advanceTimersByTime(1_000);
    workers.note(count);
  }
}
const state = () => [workers.areThere(), workers.areGone()];

describe('the workers of the fleet', () => {
  test('are neither there nor gone while it starts, and there with the first that is seen', () => {
    look(0, 5);
    expect(state()).toEqual([false, false]);
    look(1, 1);
    expect([...state(), workers.count(), lines.length]).toEqual([true, false, 1, 0]);
  });

  test('are gone when none was seen for four seconds, but not while another one takes over', () => {
    look(1, 1);
    look(0, 4);
    look(1, 1);
    expect(state()).toEqual([true, false]);
    look(0, 5);
    expect([...state(), workers.goneUntilMs()]).toEqual([false, true, Infinity]);
  });

  test('that never came are gone after ten seconds', () => {
    look(0, 10);
    expect(state()).toEqual([false, false]);
    look(0, 1);
    expect(state()).toEqual([false, true]);
  });

  test('are in the log once when the last one is gone and once when one is back', () => {
    look(2, 3);
    look(0, 100);
    look(1, 10);
    expect(lines).toEqual([
      'no worker works: what is asked for is promised, and waits until one does',
      'a worker works again',
    ]);
    expect(workers.goneUntilMs()).toBe(performance.now() - 9_000);
  });
});
