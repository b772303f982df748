/** How long something counts as away: from one failed check to the first that succeeds, whatever callers report. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createDependency } from '../../shared/dependency.ts';

let answers: (() => Promise<unknown>)[];
let asked: number;
let lines: { level: number; msg: string }[];

beforeEach(() => {
  vi.useFakeTimers();
  answers = [];
  asked = 0;
  lines = [];
});
afterEach(() => {
  vi.useRealTimers();
});

const yes = () => Promise.resolve();
const no = () => Promise.reject(new Error('refused'));
const silence = () => new Promise<never>(() => undefined);

/** Probes answer in this order, and for ever as the last. */
function dependency(...order: (() => Promise<unknown>)[]) {
  answers = order;
  const probe = () => {
    asked++;
    return (answers.length > 1 ? answers.shift()! : answers[0]!)();
  };
  const write = (line: string) => lines.push(JSON.parse(line) as (typeof lines)[number]);
  return createDependency({ name: 'queue', probe, logger: pino({}, { write }) });
}

describe('a dependency', () => {
  test('is not away before anything was reported, and is not asked', async () => {
    const queue = dependency(no);
    await vi.advanceTimersByTimeAsync(5_000);
    expect([queue.isAway(), asked]).toEqual([false, 0]);
  });

  test('is not away for one failed call when the check that follows succeeds, and the call is logged', async () => {
    const queue = dependency(yes);
    queue.reportFailure(new Error('a call failed'));
    await vi.advanceTimersByTimeAsync(2_000);
    expect([queue.isAway(), asked]).toEqual([false, 1]);
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([[50, 'queue answers, but a call to it failed']]);
  });

  test('that answers while calls fail says so once a minute, however many fail', async () => {
    const queue = dependency(yes);
    for (let second = 0; second < 90; second++) {
      queue.reportFailure(new Error('a call failed'));
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(lines).toHaveLength(2);
  });

  test('is away from the first failed check on, is asked twice a second, and is back with the first answer', async () => {
    const queue = dependency(no, no, no, yes);
    queue.reportFailure(new Error('a call failed'));
    await vi.advanceTimersByTimeAsync(0);
    expect([queue.isAway(), asked]).toEqual([true, 1]);
    await vi.advanceTimersByTimeAsync(1_499);
    expect([queue.isAway(), asked]).toEqual([true, 3]);
    await vi.advanceTimersByTimeAsync(1);
    expect([queue.isAway(), asked]).toEqual([false, 4]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toBe(4);
  });

  test('is away when it does not answer within a second', async () => {
    const queue = dependency(silence, yes);
    queue.reportFailure(new Error('a call failed'));
    await vi.advanceTimersByTimeAsync(999);
    expect(queue.isAway()).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(queue.isAway()).toBe(true);
    await vi.advanceTimersByTimeAsync(500);
    expect(queue.isAway()).toBe(false);
  });

  test('is asked once for any number of reports, and again for a report after it answered', async () => {
    const queue = dependency(yes);
    for (let report = 0; report < 100; report++) queue.reportFailure(new Error('a call failed'));
    await vi.advanceTimersByTimeAsync(10);
    expect(asked).toBe(1);
    queue.reportFailure(new Error('a call failed'));
    expect(asked).toBe(2);
  });

  test('is in the log once when it goes and once when it comes back', async () => {
    const queue = dependency(no, no, no, no, yes);
    for (let report = 0; report < 100; report++) {
      queue.reportFailure(new Error('a call failed'));
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      [40, 'queue is unavailable'],
      [30, 'queue is back'],
    ]);
  });

  test('is in the log again after a minute away', async () => {
    const queue = dependency(no);
    queue.reportFailure(new Error('a call failed'));
    await vi.advanceTimersByTimeAsync(61_000);
    expect(lines).toHaveLength(2);
    queue.close();
  });

  test('can be asked directly, and says why not', async () => {
    const queue = dependency(no, yes);
    await expect(queue.check()).rejects.toThrow('refused');
    await expect(queue.check()).resolves.toBeUndefined();
    expect(queue.isAway()).toBe(false);
  });

  test('is not asked any more once closed', async () => {
    const queue = dependency(no);
    queue.reportFailure(new Error('a call failed'));
    await vi.advanceTimersByTimeAsync(600);
    queue.close();
    queue.reportFailure(new Error('a call failed'));
    const before = asked;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toBe(before);
  });
});
