/** The database's time in a process whose own clocks are wrong, jump, or stand still while the machine sleeps. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createDatabaseClock } from '../../shared/time.ts';
import type { DatabaseClock } from '../../shared/time.ts';

const HOUR_MS = 3_600_000;

/** What is true, by the database; how far the process has counted; what the host believes. */
let databaseMs: number;
let monotonicMs: number;
let timeOfDayMs: number;
let asked: number;
/** How long the database takes to answer. */
let answerTakesMs: number;
let clock: DatabaseClock;

beforeEach(() => {
  [databaseMs, monotonicMs, timeOfDayMs] = [1_800_000_000_000, 5_000, 1_700_000_000_000];
  [asked, answerTakesMs] = [0, 0];
  vi.spyOn(performance, 'now').mockImplementation(() => monotonicMs);
  vi.spyOn(Date, 'now').mockImplementation(() => timeOfDayMs);
  clock = createDatabaseClock(async () => {
    asked += 1;
    const said = databaseMs;
    pass(answerTakesMs);
    return Promise.resolve(said);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

function pass(ms: number): void {
  databaseMs += ms;
  monotonicMs += ms;
  timeOfDayMs += ms;
}

/** The machine sleeps: everybody's time goes on but the process's own count. */
function sleepFor(ms: number): void {
  databaseMs += ms;
  timeOfDayMs += ms;
}

const now = () => clock.nowMs();

test('is asked for before its first use and then goes on by itself, whatever the host believes', async () => {
  expect(await now()).toBe(databaseMs);
  pass(HOUR_MS);
  expect(await now()).toBe(databaseMs);
  expect(asked).toBe(1);
});

test('is taken from what the database says along with something else', async () => {
  const observe = clock.beginObservation();
  pass(3);
  observe(databaseMs);
  expect([await now(), asked]).toEqual([databaseMs, 0]);
});

describe('is asked for again', () => {
  test('after the machine has slept, once for all who ask', async () => {
    await now();
    sleepFor(11 * 60_000);
    expect(await Promise.all([now(), now(), now()])).toEqual([databaseMs, databaseMs, databaseMs]);
    expect(asked).toBe(2);
  });

  test.each([HOUR_MS, -HOUR_MS])(
    'after somebody has set the host’s clock by %i ms, which changes nothing',
    async (ms) => {
      await now();
      timeOfDayMs += ms;
      expect(await now()).toBe(databaseMs);
      pass(10);
      expect([await now(), asked]).toEqual([databaseMs, 2]);
    },
  );

  test('not when the host’s clock is corrected a little', async () => {
    await now();
    timeOfDayMs += 900;
    expect([await now(), asked]).toEqual([databaseMs, 1]);
  });

  test('and where it does not answer, nobody is told a time', async () => {
    const gone = createDatabaseClock(() => Promise.reject(new Error('gone')));
    await expect(gone.nowMs()).rejects.toThrow('gone');
  });
});

describe('what the database has said is not believed', () => {
  test('when the machine slept before it was heard', async () => {
    await now();
    const observe = clock.beginObservation();
    const said = databaseMs;
    sleepFor(HOUR_MS);
    observe(said);
    expect([await now(), asked]).toEqual([databaseMs, 2]);
  });

  test('when the process was frozen before it heard it', async () => {
    await now();
    const observe = clock.beginObservation();
    const said = databaseMs;
    pass(11 * 60_000);
    observe(said);
    expect([await now(), asked]).toEqual([databaseMs, 1]);
  });

  test('when it takes too long time and again: then there is no time to be told', async () => {
    answerTakesMs = 3_000;
    await expect(now()).rejects.toThrow('did not say in time');
    expect(asked).toBe(3);
    answerTakesMs = 5;
    const told = await now();
    expect(databaseMs - told).toBe(5);
  });
});
