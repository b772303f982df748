/** How long something counts as away, and what makes it doubtful: checks alone, whatever callers report. */
import { EventEmitter, once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createDependency } from '../../shared/dependency.ts';
import type { Dependency } from '../../shared/dependency.ts';

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
    await vi.advanceTimersByTimeAsync(2);
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

  test('is not in doubt while a check merely runs, however many calls have failed', async () => {
    const queue = dependency(() => new Promise((done) => setTimeout(done, 400)));
    for (let report = 0; report < 10; report++) {
      queue.reportFailure(new Error('a call failed'));
      await vi.advanceTimersByTimeAsync(100);
      expect([queue.isInDoubt(), queue.isAway()]).toEqual([false, false]);
    }
  });

  test.each([
    ['is reported', (queue: Dependency) => queue.reportFailure(new Error('a call failed'))],
    ['is looked for', (queue: Dependency) => void queue.check().catch(() => undefined)],
  ])('is in doubt once the check is late when a failure %s, and until one is answered', async (_how, begin) => {
    const queue = dependency(silence, silence, yes);
    begin(queue);
    await vi.advanceTimersByTimeAsync(502);
    expect(queue.isInDoubt()).toBe(false);
    for (let passedMs = 602; passedMs < 1_500; passedMs += 100) {
      await vi.advanceTimersByTimeAsync(100);
      expect(queue.isInDoubt()).toBe(true);
    }
    await vi.advanceTimersByTimeAsync(2_000);
    expect([queue.isInDoubt(), queue.isAway()]).toEqual([false, false]);
  });

  test('that a check could not reach is in doubt, and away as soon as the next check fails, too', async () => {
    const queue = dependency(no, () => new Promise((_done, fail) => setTimeout(fail, 50, new Error('refused'))), yes);
    await expect(queue.check()).rejects.toThrow('refused');
    expect([queue.isInDoubt(), queue.isAway()]).toEqual([true, false]);
    await vi.advanceTimersByTimeAsync(50);
    expect(queue.isAway()).toBe(true);
    await vi.advanceTimersByTimeAsync(500);
    expect(queue.isInDoubt()).toBe(false);
  });

  test('that answered while the process was busy is neither away nor in doubt', async () => {
    vi.useRealTimers();
    const served = new EventEmitter();
    const answer = (socket: Socket) => socket.on('data', () => socket.write('!', () => served.emit('asked')));
    const server = createServer(answer).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(client, 'connect');
    try {
      const queue = dependency(async () => {
        client.write('?');
        await once(client, 'data');
      });
      await queue.check();
      const seen: boolean[] = [];
      const watch = setInterval(() => seen.push(queue.isInDoubt() || queue.isAway()), 10);
      const checked = queue.check();
      // The server is in this process: it gets its turn. What it answers lies in the socket when the timers run out.
      await once(served, 'asked');
      const untilMs = performance.now() + 1_100;
      while (performance.now() < untilMs);
      await checked;
      await sleep(20);
      clearInterval(watch);
      expect(seen.length).toBeGreaterThan(0);
      expect(seen).not.toContain(true);
    } finally {
      client.destroy();
      server.close();
    }
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
