/**
 * The checker on the course of a run: what may not happen where no fault reaches, and how soon a struck worker is replaced.
 * Every rule is broken here on fabricated histories.
 */
import { describe, expect, it } from 'vitest';
import { check } from './checker.ts';
import { ANN, BOB, LIMITS, answered, fault, look, operation, rulesOf, soundWorld } from './fabricated.ts';
import type { World } from './fabricated.ts';
import type { FaultRecord } from './history.ts';

const UNAVAILABLE = { status: 503, code: 'unavailable' };
const OVERLOADED = { status: 503, code: 'overloaded' };

const rent = (world: World) => world.history.operations[1]!;
const dreamRow = (world: World) => world.books.operations[2]!;

describe('the course of a run', () => {
  const reports = (rule: string, how: string, breakIt: (world: World) => void) =>
    it(`is reported as ${rule} when ${how}`, () => {
      const world = soundWorld();
      breakIt(world);
      expect(rulesOf(world)).toContain(rule);
    });

  reports('died', 'a process ended by itself', ({ history }) => {
    history.deaths.push({ who: 'worker0', atMs: 100, said: 'out of memory' });
  });
  reports('lost-in-peace', 'a connection broke and nothing was broken', (world) => {
    rent(world).attempts.unshift(answered(90, 95, { lost: 'reset' }));
  });
  reports('lost-in-peace', 'a connection broke while only a worker was struck', (world) => {
    rent(world).attempts.unshift(answered(90, 95, { lost: 'reset' }));
    world.history.faults.push(fault('worker-kill', 80, 200));
  });
  reports('slow-in-peace', 'an operation was decided late and nothing was broken', (world) => {
    dreamRow(world).appliedAtMs = 20_000;
  });
  reports('takeover', 'a partition stood still for long after a worker froze', ({ history, books }) => {
    history.faults.push(fault('worker-freeze', 150, 8_000));
    books.operations[2] = { ...books.operations[2]!, acceptedAtMs: 200, appliedAtMs: 7_900 };
  });

  it('does not blame a takeover on a worker when another fault was near', () => {
    const world = soundWorld();
    world.history.faults.push(fault('worker-freeze', 150, 8_000), fault('redis-freeze', 1_000, 7_000, 'redis'));
    world.books.operations[2] = { ...world.books.operations[2]!, acceptedAtMs: 200, appliedAtMs: 7_900 };
    expect(rulesOf(world)).not.toContain('takeover');
  });

  it('is reported as refused-in-peace when everything is refused for ever', () => {
    const world = soundWorld();
    for (let index = 0; index < 100; index++) {
      const refusals = Array.from({ length: 80 }, (_, at) =>
        answered(1_000 + index + at * 400, 1_010 + index + at * 400, UNAVAILABLE),
      );
      world.history.operations.push(operation(`never ${index}`, 'transfer', ANN, BOB, 1, refusals));
    }
    expect(rulesOf(world)).toContain('refused-in-peace');
  });

  reports('refused-in-peace', 'a look at a wallet is refused', ({ history }) => {
    history.reads.push({ ...look(300, 310, []), result: UNAVAILABLE });
  });
  reports('lost-in-peace', 'a look at a wallet is lost', ({ history }) => {
    history.reads.push({ ...look(300, 310, []), result: { lost: 'timeout' } });
  });
  reports('late-in-peace', 'an answer takes eight seconds', (world) => {
    rent(world).attempts[0]!.endedAtMs = 8_100;
  });
  reports('late-in-peace', 'a look at a wallet takes four', ({ history }) => {
    history.reads[1]!.endedAtMs = 4_200;
  });

  it('is excused where the answer waits for an item in a paused partition, and where it waits for none it is not', () => {
    const lostWhilePaused = (answeredWith?: number[]) => {
      const world = soundWorld();
      world.history.faults.push(fault('pause', -20_000, 20_000, 'ledger-3'));
      const lost = answered(100, 4_100, { lost: 'timeout' }, answeredWith && { answeredWith });
      world.history.operations.push(operation('tea', 'transfer', ANN, BOB, 1, [lost]));
      return rulesOf(world);
    };
    expect(lostWhilePaused([2, 3])).toEqual([]);
    expect(lostWhilePaused([1, 2])).toEqual(['lost-in-peace']);
    expect(lostWhilePaused()).toEqual(['lost-in-peace']);
  });

  describe('where a request of api0 about partition 2 is refused', () => {
    /** Sent five seconds after the fault, or as much later. */
    const refusedAfter = (over: FaultRecord, laterMs: number, what: 'send' | 'ask' = 'send') => {
      const world = soundWorld();
      world.history.faults.push(over);
      const sentAtMs = over.endMs + laterMs;
      const refused = answered(sentAtMs, sentAtMs + 5, UNAVAILABLE, { what });
      world.history.operations.push(operation('tea', 'transfer', ANN, BOB, 1, [refused]));
      return rulesOf(world);
    };
    const at = (kind: string, target: string) => fault(kind, -20_000, -10_000, target);

    it.each([
      at('api-kill', 'api0'),
      at('net-cut', 'api0-redis'),
      at('net-hold', 'clients-api0'),
      at('worker-freeze', 'worker1'),
      at('redis-kill', 'redis'),
      at('postgres-crash', 'postgres'),
      at('flush', 'queue'),
      at('pause', 'queue'),
      at('pause', 'ledger-2'),
      at('slow-commit', 'database'),
      at('blackout', 'all'),
      at('no-worker', 'workers'),
    ])('$kind of $target is an excuse for five seconds, and no longer', (over) => {
      expect([refusedAfter(over, 4_900), refusedAfter(over, 5_100)]).toEqual([[], ['refused-in-peace']]);
    });

    it('no-worker is an excuse for unavailable, and none for overloaded', () => {
      const world = soundWorld();
      world.history.faults.push(fault('no-worker', -20_000, 20_000, 'workers'));
      const overloaded = answered(100, 105, { status: 503, code: 'overloaded' });
      world.history.operations.push(operation('tea', 'transfer', ANN, BOB, 1, [overloaded]));
      expect(rulesOf(world)).toEqual(['refused-in-peace']);
    });

    it.each([
      at('api-kill', 'api1'),
      at('net-cut', 'api1-postgres'),
      at('net-hold', 'clients-api1'),
      at('pause', 'ledger-1'),
      at('refuse', 'database'),
      at('rolling', 'all'),
      at('clock-ahead', 'api0'),
    ])('$kind of $target is none', (over) => {
      expect(refusedAfter(over, 100)).toEqual(['refused-in-peace']);
    });

    it.each([
      at('worker-freeze', 'worker1'),
      at('redis-kill', 'redis'),
      at('net-cut', 'api0-redis'),
      at('flush', 'queue'),
      at('pause', 'queue'),
    ])('$kind of $target is none for a request that only looks', (over) => {
      expect(refusedAfter(over, 100, 'ask')).toEqual(['refused-in-peace']);
    });
  });

  describe('when two promises are the bound', () => {
    /** Somebody asks for a promise at once at 300, while `open` others have one. */
    const refusedBeside = (open: number, isAsync: boolean) => {
      const world = soundWorld();
      for (let index = 0; index < open; index++) {
        const promise = { status: 202, operationId: `open ${index}`, word: 'PENDING' };
        world.history.operations.push(
          operation(`open ${index}`, 'transfer', ANN, BOB, 1, [answered(250 + index, 260 + index, promise)]),
        );
      }
      rent(world).attempts.push(answered(300, 310, OVERLOADED, isAsync ? { isAsync: true } : {}));
      return rulesOf(world);
    };

    it('a third may be refused, but not a second', () => {
      expect(refusedBeside(2, true)).not.toContain('refused-in-peace');
      expect(refusedBeside(0, true)).toContain('refused-in-peace');
    });
    it('who would wait may not be refused at all', () => {
      expect(refusedBeside(2, false)).toContain('refused-in-peace');
    });
  });

  describe('when a process is stopped in good order', () => {
    const resetAt = (sentAtMs: number) => {
      const world = soundWorld();
      world.history.faults.push(fault('api-stop', 1_000, 2_000, 'api0'));
      rent(world).attempts.push(answered(sentAtMs, 1_500, { lost: 'reset' }));
      return rulesOf(world);
    };

    it('a connection may break that was made afterwards, but no request that was under way', () => {
      expect([resetAt(1_100), resetAt(800)]).toEqual([[], ['lost-in-peace']]);
    });
  });

  it('tells how long after a fault somebody was still refused on account of it', () => {
    const world = soundWorld();
    const { history, books } = world;
    history.faults.push(fault('redis-kill', 1_000, 2_000, 'redis'), fault('api-kill', 2_500, 3_000, 'api1'));
    const refused = (sentAtMs: number) => answered(sentAtMs, sentAtMs + 5, UNAVAILABLE);
    history.operations.push(
      operation('tea', 'transfer', ANN, BOB, 1, [refused(1_500), refused(2_100), refused(3_300)]),
    );
    expect(check(history, books, LIMITS).longestRecoveryMs).toBe(1_300);
  });
});
