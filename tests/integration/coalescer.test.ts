/**
 * One partition's way to the queue and back, on real queues, with a worker that the test can hold, and with a queue that
 * is paused, wiped, killed, frozen or cut off.
 */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCoalescer } from '../../api/submission/coalescer.ts';
import type { CoalescerDeps } from '../../api/submission/coalescer.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { createQueueBackend } from '../../shared/queue/queueBackend.ts';
import { hearHandled } from '../../shared/store/ledger/handledEnvelopes.ts';
import { readOutcomes } from '../../shared/store/ledger/readOutcomes.ts';
import type { KnownOutcome } from '../../shared/store/ledger/readOutcomes.ts';
import {
  atomic,
  balanceOf,
  createBank,
  createCustomer,
  deposit,
  outcomesOf,
  withOtherBody,
} from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { expectSoundBooks, query } from '../support/inspect.ts';
import { openLane, submitTo } from '../support/lane.ts';
import type { Lane, Submitted } from '../support/lane.ts';
import { withQueue } from '../support/ledgerJobs.ts';
import { wipeQueues } from '../support/queues.ts';
import { startRedis } from '../support/redisServer.ts';
import type { RedisServer } from '../support/redisServer.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

let stores: Pick<Stores, 'databaseUrl' | 'redisUrl'>;
let lane: Lane;
let bank: Account;
let anna: Account;
let cleanUps: (() => unknown)[];

beforeEach(() => {
  cleanUps = [];
});
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

async function open(given: Pick<Stores, 'databaseUrl' | 'redisUrl'>, options: Parameters<typeof openLane>[1] = {}) {
  stores = given;
  lane = await openLane(given, options);
  cleanUps.push(lane.close);
  bank = await createBank(lane.applyPool);
  anna = await createCustomer(lane.applyPool);
}

async function openOn(backend: 'redis' | 'postgres', options: Parameters<typeof openLane>[1] = {}) {
  const made = await createStores(backend, { partitions: 1 });
  cleanUps.push(made.drop);
  await open(made, options);
}

const one = () => deposit(bank, anna, 1n);
const many = (count: number) => Array.from({ length: count }, one);
const submit = (command: Command = one()) => submitTo(lane.coalescer, command);
const outcomes = (tickets: readonly Submitted[]) => Promise.all(tickets.map(({ outcome }) => outcome));
const balances = (known: readonly KnownOutcome[]) => known.map((each) => each.state === 'applied' && each.balanceMinor);
const states = (known: readonly KnownOutcome[]) => [...new Set(known.map(({ state }) => state))];
const code = (act: () => void): string => {
  try {
    act();
    return 'admitted';
  } catch (error) {
    return (error as { code: string }).code;
  }
};
const admission = () => code(lane.coalescer.admit);
/** The end of this turn of the event loop, when what was submitted in it leaves. */
const turn = () => new Promise((resolve) => setImmediate(resolve));
const inHand = () => until('the worker has an envelope in its hand', () => lane.taken.length > 0);

describe.each(backends)('on %s', (backend) => {
  test('a command alone leaves alone, at the end of the turn', async () => {
    await openOn(backend);
    const ticket = submit();
    await turn();
    expect(lane.sizes).toEqual([1]);
    expect([ticket.isSent(), lane.coalescer.waiting()]).toEqual([true, 0]);
    expect(await ticket.outcome).toMatchObject({ state: 'applied', balanceMinor: 1n });
  });

  test('commands that arrive meanwhile leave together, five hundred at most, in their order', async () => {
    await openOn(backend);
    lane.hold();
    const first = submit();
    await inHand();
    const commands = many(1_100);
    const tickets = commands.map(submit);
    expect([lane.sizes, lane.coalescer.waiting()]).toEqual([[1], 1_100]);
    expect(tickets.some((ticket) => ticket.isSent())).toBe(false);
    lane.release();
    const known = await outcomes([first, ...tickets]);
    expect(lane.sizes).toEqual([1, 500, 500, 100]);
    // Every command finds the balance that all before it have made.
    expect(balances(known)).toEqual(known.map((_, index) => BigInt(index + 1)));
  });

  test('commands of one turn leave together, also an atomic list in an idle partition', async () => {
    await openOn(backend);
    const list = atomic([one(), one(), one()]).map(submit);
    await turn();
    expect(lane.sizes).toEqual([3]);
    expect(balances(await outcomes(list))).toEqual([1n, 2n, 3n]);
  });

  test('an atomic list leaves whole: what has no room for it any more leaves without it', async () => {
    await openOn(backend);
    lane.hold();
    const first = submit();
    await inHand();
    const [long, full] = [atomic(many(300)), atomic(many(500))];
    const commands = [...many(498), ...atomic(many(5)), one(), ...long, ...atomic(many(300)), ...full, one()];
    const tickets = commands.map(submit);
    lane.release();
    const known = await outcomes([first, ...tickets]);
    expect(lane.sizes).toEqual([1, 498, 306, 300, 500, 1]);
    expect(balances(known)).toEqual(known.map((_, index) => BigInt(index + 1)));
  });

  test('an atomic list that is taken back before it left leaves in no part', async () => {
    await openOn(backend);
    lane.hold();
    const first = submit();
    await inHand();
    const list = atomic([one(), one()]);
    const tickets = list.map(submit);
    const behind = submit();
    expect(tickets.map((ticket) => ticket.withdraw())).toEqual([true, true]);
    lane.release();
    expect(balances(await outcomes([first, behind]))).toEqual([1n, 2n]);
    expect(await outcomesOf(lane.applyPool, list)).toEqual(['none', 'none']);
  });

  test('an atomic list that a wiped queue has forgotten is added again whole, and applied once', async () => {
    await openOn(backend, { worker: false });
    const list = atomic([one(), one()]).map(submit);
    await until('the queue has it', async () => (await jobIds()).length > 0);
    await wipeQueues(stores);
    await until('the queue knows it again', async () => (await jobIds()).length > 0);
    lane.startWorker();
    expect(balances(await outcomes(list))).toEqual([1n, 2n]);
  });

  test('a full buffer refuses newcomers and has room again when it has left', async () => {
    await openOn(backend, { maxWaiting: 3 });
    lane.hold();
    const tickets = [submit()];
    await turn();
    tickets.push(submit(), submit());
    expect(admission()).toBe('admitted');
    tickets.push(submit());
    expect([lane.coalescer.waiting(), admission()]).toEqual([3, 'overloaded']);
    expect(tickets.at(-1)!.withdraw()).toBe(true);
    expect([lane.coalescer.waiting(), admission()]).toEqual([2, 'admitted']);
    lane.release();
    await outcomes(tickets.slice(0, 3));
    expect(admission()).toBe('admitted');
  });

  test('a command that was taken back before it left is never applied, one that left cannot be', async () => {
    await openOn(backend);
    lane.hold();
    const [sent, waiting] = many(2) as [Command, Command];
    const first = submit(sent);
    await turn();
    const second = submit(waiting);
    expect([first.withdraw(), second.withdraw()]).toEqual([false, true]);
    lane.release();
    await first.outcome;
    await submit().outcome;
    expect(await outcomesOf(lane.applyPool, [sent, waiting])).toEqual(['applied', 'none']);
  });

  test('an envelope that a wiped queue has forgotten is added again under its own id, and applied once', async () => {
    await openOn(backend, { worker: false });
    const command = one();
    const ticket = submit(command);
    const someIds = async () => {
      const ids = await jobIds();
      return ids.length > 0 && ids;
    };
    const before = await until('the queue has it', someIds);
    await wipeQueues(stores);
    expect(await until('the queue knows it again', someIds)).toEqual(before);
    lane.startWorker();
    expect(await ticket.outcome).toMatchObject({ state: 'applied', balanceMinor: 1n });
  });

  test('an envelope that is wiped while a worker has it in its hand is applied once, although two may have it', async () => {
    await openOn(backend);
    lane.hold();
    const ticket = submit();
    await inHand();
    await wipeQueues(stores);
    await until('the queue knows it again', async () => (await jobIds()).length > 0);
    lane.release();
    expect(await ticket.outcome).toMatchObject({ state: 'applied', balanceMinor: 1n });
    const last = submit();
    expect(await last.outcome).toMatchObject({ balanceMinor: 2n });
  });

  test('a partition that runs but is stuck refuses newcomers once its oldest envelope is late, until that one is done', async () => {
    await openOn(backend, { timeoutMs: 700 });
    lane.hold();
    const stuck = submit();
    expect(admission()).toBe('admitted');
    await until('newcomers are refused', () => admission() === 'overloaded', 3_000);
    stuck.leave();
    // Its slot is free by now, and still nobody is let in behind it.
    const behind = submit();
    await until('the next envelope has left', () => lane.sizes.length === 2);
    await until('the abandoned one is remembered', () => admission() === 'overloaded');
    behind.leave();
    lane.release();
    await until('newcomers are let in', () => admission() === 'admitted', 5_000);
    expect(await submit().outcome).toMatchObject({ state: 'applied', balanceMinor: 3n });
  });

  test('a paused partition lets newcomers in however late it is, and applies everything once resumed', async () => {
    await openOn(backend, { timeoutMs: 1_500 });
    await withQueue(stores, 0, (queue) => queue.pause());
    const startedMs = performance.now();
    const ticket = submit();
    await until('the pause is seen', () => lane.coalescer.isPaused());
    await until('it is later than a partition that runs may be', () => performance.now() - startedMs > 1_500);
    expect(admission()).toBe('admitted');
    const behind = submit();
    ticket.leave();
    await until('the next envelope has left', () => behind.isSent());
    expect(admission()).toBe('admitted');
    await withQueue(stores, 0, (queue) => queue.resume());
    expect(balances(await outcomes([ticket, behind]))).toContain(2n);
    expect(await balanceOf(lane.applyPool, anna)).toBe(2n);
  });

  test('outcomes are found by looking when no worker tells of them', async () => {
    await openOn(backend);
    const deaf = coalescerOf(backend, { pollMs: 50 });
    const tickets = [submitTo(deaf.coalescer, one()), submitTo(deaf.coalescer, one())];
    expect(states(await outcomes(tickets))).toEqual(['applied']);
  });

  test('outcomes are found when a worker tells of them, long before anyone would look', async () => {
    await openOn(backend);
    const patient = coalescerOf(backend, { pollMs: 60_000 });
    let heard = 0;
    const hearing = hearHandled({
      databaseUrl: stores.databaseUrl,
      logger: pino({ level: 'silent' }),
      onHandled: (jobId) => {
        heard++;
        patient.coalescer.onHandled(jobId);
      },
    });
    cleanUps.push(hearing.close);
    const isHearing = async () => {
      heard = 0;
      return (await submit().outcome).state === 'applied' && heard > 0;
    };
    const expectPrompt = async () => {
      const startedMs = performance.now();
      expect((await submitTo(patient.coalescer, one()).outcome).state).toBe('applied');
      expect(performance.now() - startedMs).toBeLessThan(5_000);
    };
    await until('it hears', isHearing);
    await expectPrompt();
    await query(
      stores.databaseUrl,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'saldo-api-handled'`,
    );
    await until('it hears again', isHearing);
    await expectPrompt();
  });

  test('another request under a promised id is told of that promise, and waits no longer', async () => {
    await openOn(backend);
    lane.hold();
    const promised = one();
    await lane.applyPool.query(
      `INSERT INTO pending_operation (id, partition, command, request_hash, next_attempt_at)
       VALUES ($1, 0, '{}', decode($2, 'hex'), now() + interval '1 hour')`,
      [promised.id, promised.requestHash],
    );
    const other = submit(withOtherBody(promised, 9n));
    expect(await other.outcome).toMatchObject({ state: 'pending', requestHash: promised.requestHash });
    lane.release();
    const own = submit(promised);
    expect(await own.outcome).toMatchObject({ state: 'applied', balanceMinor: 1n });
  });

  test('duplicates in one envelope all get the one outcome', async () => {
    await openOn(backend);
    lane.hold();
    const first = submit();
    const command = one();
    const tickets = [submit(command), submit({ ...command }), submit(command)];
    lane.release();
    await first.outcome;
    expect(balances(await outcomes(tickets))).toEqual([2n, 2n, 2n]);
  });

  async function jobIds(): Promise<string[]> {
    return withQueue(stores, 0, async (queue) => {
      const jobs = await queue.getJobs(['waiting', 'active', 'delayed']);
      return jobs.map((job) => job.id!);
    });
  }

  /** A coalescer on a queue connection of its own. */
  function coalescerOf(kind: 'redis' | 'postgres', changes: Partial<CoalescerDeps>) {
    const own = createQueueBackend({
      databaseUrl: stores.databaseUrl,
      redisUrl: kind === 'redis' ? stores.redisUrl : undefined,
      partitions: 1,
      role: 'api',
      onError: () => undefined,
    });
    const queue = own.openQueue(0);
    cleanUps.push(async () => {
      await queue.close();
      await own.close();
    });
    const coalescer = createCoalescer({
      queue,
      isQueueAway: () => !own.isConnected() && kind === 'postgres',
      workersGoneUntilMs: () => -Infinity,
      neverSent: own.neverSent,
      reportQueueFailure: () => undefined,
      readOutcomes: (ids) => readOutcomes(lane.applyPool, ids),
      timeoutMs: 5_000,
      pollMs: 100,
      restMs: 5,
      maxWaiting: 1_000,
      onEnvelope: () => undefined,
      ...changes,
    });
    return { coalescer, backend: own };
  }
});

describe.runIf(backends.includes('redis'))('when Redis', () => {
  let redis: RedisServer;

  async function openOnOwnRedis(options: Parameters<typeof openLane>[1] = {}) {
    const made = await createStores('postgres', { partitions: 1 });
    redis = await startRedis();
    cleanUps.push(made.drop, redis.stop);
    await open({ databaseUrl: made.databaseUrl, redisUrl: redis.url }, options);
  }

  test('is killed, commands are refused as unavailable and are certainly nowhere, and it goes on when Redis is back', async () => {
    await openOnOwnRedis();
    await submit().outcome;
    await redis.kill();
    await until('newcomers are refused', () => admission() === 'unavailable');
    const refused = one();
    await expect(submit(refused).outcome).rejects.toMatchObject({ code: 'unavailable' });
    await redis.restart();
    await until('newcomers are let in', () => admission() === 'admitted');
    expect(await submit().outcome).toMatchObject({ state: 'applied', balanceMinor: 2n });
    expect(await outcomesOf(lane.applyPool, [refused])).toEqual(['none']);
  });

  test('is killed with envelopes in it, they are added again when it is back, empty, and applied once', async () => {
    await openOnOwnRedis({ worker: false });
    const ticket = submit();
    await until('it is in the queue', async () => (await lane.queue.counts()).waiting === 1);
    const behind = submit();
    await redis.kill();
    await redis.restart();
    lane.startWorker();
    expect(await ticket.outcome).toMatchObject({ state: 'applied', balanceMinor: 1n });
    expect(await behind.outcome).toMatchObject({ state: 'applied', balanceMinor: 2n });
  });

  test('is frozen, what was on its way is in doubt and applied once when it thaws, and what waited behind is refused', async () => {
    await openOnOwnRedis();
    await submit().outcome;
    redis.signal('SIGSTOP');
    cleanUps.push(() => redis.signal('SIGCONT'));
    const [inDoubt, waiting] = many(2) as [Command, Command];
    const first = submit(inDoubt);
    await until('it has left', () => lane.sizes.length === 2);
    const second = submit(waiting);
    const list = atomic([one(), one()]);
    const third = Promise.allSettled(list.map((item) => submit(item).outcome));
    let isRefused = false;
    first.outcome.catch(() => (isRefused = true));
    await expect(second.outcome).rejects.toMatchObject({ code: 'unavailable' });
    const refused = { status: 'rejected', reason: expect.objectContaining({ code: 'unavailable' }) as unknown };
    expect(await third).toEqual([refused, refused]);
    await until('newcomers are refused', () => admission() === 'unavailable');
    expect(isRefused).toBe(false);
    redis.signal('SIGCONT');
    expect(await first.outcome).toMatchObject({ state: 'applied', balanceMinor: 2n });
    await until('newcomers are let in', () => admission() === 'admitted');
    expect(await submit().outcome).toMatchObject({ balanceMinor: 3n });
    expect(await outcomesOf(lane.applyPool, [waiting, ...list])).toEqual(['none', 'none', 'none']);
    await expectSoundBooks(stores.databaseUrl);
  });
});
