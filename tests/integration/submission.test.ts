/**
 * What a request is told of its operation, and what then is true: every answer is checked against the database at the
 * moment of the answer, while the queue, the worker or the database keep it waiting.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { pino } from 'pino';
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createOperate } from '../../api/kinds/operate.ts';
import type { Asked, Told } from '../../api/kinds/operate.ts';
import type { PaymentOptions, SubmitOptions } from '../../api/submission/submit.ts';
import { createHoldFinder } from '../../api/wallets/findHold.ts';
import { createWalletFinder } from '../../api/wallets/findWallet.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { toEnvelope } from '../../shared/queue/contracts.ts';
import { LOCK_DECISIONS } from '../../shared/store/ledger/decisionLock.ts';
import { insertPending } from '../../shared/store/ledger/pendingOperations.ts';
import type { KnownOutcome } from '../../shared/store/ledger/readOutcomes.ts';
import { createPrisma } from '../../shared/store/database/pool.ts';
import { readDatabaseTime } from '../../shared/store/database/readDatabaseTime.ts';
import { createDatabaseClock } from '../../shared/time.ts';
import { sweepOnce } from '../../worker/sweep/sweep.ts';
import {
  balanceOf,
  createBank,
  createCustomer,
  deposit,
  holdTable,
  lockWaiters,
  outcomesOf,
  withOtherBody,
} from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { expectSoundBooks, query } from '../support/inspect.ts';
import { openLane } from '../support/lane.ts';
import type { Lane } from '../support/lane.ts';
import { withQueue } from '../support/ledgerJobs.ts';
import { startRedis } from '../support/redisServer.ts';
import type { RedisServer } from '../support/redisServer.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { startProxy } from '../chaos/proxy.ts';
import { startTcpProxy } from '../support/tcpProxy.ts';
import { until } from '../support/waiting.ts';

type LaneOptions = Parameters<typeof openLane>[1];
const FAST = backends.includes('redis') ? 'redis' : 'postgres';

let stores: Pick<Stores, 'databaseUrl' | 'redisUrl'>;
let lane: Lane;
let bank: Account;
let anna: Account;
let cleanUps: (() => unknown)[];

beforeEach(() => {
  cleanUps = [];
});
afterEach(async () => {
  await expectSoundBooks(stores.databaseUrl);
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

async function openWith(given: Pick<Stores, 'databaseUrl' | 'redisUrl'>, options: LaneOptions = {}): Promise<void> {
  stores = given;
  lane = await openLane(given, options);
  cleanUps.push(lane.close);
  bank = await createBank(lane.applyPool);
  anna = await createCustomer(lane.applyPool);
}

async function open(options: LaneOptions = {}): Promise<void> {
  const made = await createStores(FAST, { partitions: 1 });
  cleanUps.push(made.drop);
  await openWith(made, options);
}

const one = (amountMinor = 1n) => deposit(bank, anna, amountMinor);
const submit = (command: Command, options: Partial<SubmitOptions> = {}): Promise<KnownOutcome> =>
  lane.submission.submit(command, { isKeyed: false, waitMs: 300, respondAsync: false, ...options });

const pay = (command: Command, options: Partial<PaymentOptions> = {}) =>
  lane.submission.submitPayment(command, { isKeyed: false, waitMs: 300, confirmed: undefined, ...options });

const codeOf = (error: unknown) => (error as { code: string }).code;

/** What a worker does every second: here it brings in what was promised before it had left. */
async function sweep(): Promise<void> {
  const { failed } = await sweepOnce({ pool: lane.applyPool, queues: [lane.queue], logger: pino({ level: 'silent' }) });
  expect(failed).toEqual([]);
}

/** On a connection that is not the service's. */
async function promises(): Promise<{ id: string; due_in_s: number }[]> {
  return query(
    stores.databaseUrl,
    `SELECT id, extract(epoch FROM next_attempt_at - clock_timestamp())::float8 AS due_in_s
     FROM pending_operation ORDER BY id`,
  );
}

describe('a request whose time is up', () => {
  test('is promised only after the promise is committed', async () => {
    await open();
    lane.hold();
    const table = await holdTable(stores.databaseUrl, 'pending_operation');
    cleanUps.push(table.release);
    const command = one();
    let isAnswered = false;
    const answer = submit(command).then(async (known) => {
      isAnswered = true;
      return { known, promised: await promises() };
    });
    await until('the promise waits to be written', async () => (await lockWaiters(lane.applyPool)).length === 1);
    expect(isAnswered).toBe(false);
    await table.release();
    const { known, promised } = await answer;
    expect(known).toMatchObject({ state: 'pending', id: command.id, requestHash: command.requestHash });
    expect(promised.map(({ id }) => id)).toEqual([command.id]);
    // The queue has it, so the sweep need not look soon.
    expect(promised[0]!.due_in_s).toBeGreaterThan(25);
  });

  test('is promised, and the operation is applied once when the worker goes on, and its promise is gone', async () => {
    await open();
    lane.hold();
    const command = one();
    expect((await submit(command)).state).toBe('pending');
    lane.release();
    await until('it is applied', async () => (await outcomesOf(lane.applyPool, [command]))[0] === 'applied');
    expect(await promises()).toEqual([]);
    expect(await submit(command, { isKeyed: true })).toMatchObject({ state: 'applied', balanceMinor: 1n });
  });

  test('before its command has left is promised as due at once, and its command does not leave any more', async () => {
    await open();
    lane.hold();
    const first = submit(one(), { waitMs: 10_000 });
    await until('it has left', () => lane.taken.length === 1);
    const behind = one();
    expect((await submit(behind)).state).toBe('pending');
    expect(lane.coalescer.waiting()).toBe(0);
    expect((await promises())[0]!.due_in_s).toBeLessThan(1);
    lane.release();
    await first;
    expect(await outcomesOf(lane.applyPool, [behind])).toEqual(['none']);
  });

  test('is told the outcome, not a promise, when that came while the promise was written', async () => {
    await open();
    lane.hold();
    const table = await holdTable(stores.databaseUrl, 'pending_operation');
    cleanUps.push(table.release);
    // One with a key is not decided before its promise is written.
    const command = deposit(bank, anna, 1n, { id: uuidv7() });
    const answer = submit(command);
    await until('the promise waits to be written', async () => (await lockWaiters(lane.applyPool)).length === 1);
    lane.release();
    await until('it is applied', async () => (await outcomesOf(lane.applyPool, [command]))[0] === 'applied');
    await table.release();
    expect(await answer).toMatchObject({ state: 'applied', balanceMinor: 1n });
    expect(await promises()).toEqual([]);
  });

  test('and whose promise fails is told that the outcome is unknown, until when, and is applied once', async () => {
    await open();
    lane.hold();
    const table = await holdTable(stores.databaseUrl, 'pending_operation');
    cleanUps.push(table.release);
    const command = one();
    await expect(submit(command)).rejects.toMatchObject({
      code: 'outcome_unknown',
      // Later than it is refused by: whoever decides has looked at the clock a little before it is seen.
      extras: { operationId: command.id, expiresAt: new Date(command.expiresAtMs + 30_000) },
    });
    await table.release();
    lane.release();
    expect(await submit(command, { isKeyed: true, waitMs: 5_000 })).toMatchObject({ state: 'applied' });
    expect(await balanceOf(lane.applyPool, anna)).toBe(1n);
  });

  test('and whose promise fails before the command has left is told no more than that: the promise may stand', async () => {
    await open();
    lane.hold();
    const first = submit(one(), { waitMs: 10_000 });
    await until('it has left', () => lane.taken.length === 1);
    const table = await holdTable(stores.databaseUrl, 'pending_operation');
    cleanUps.push(table.release);
    await expect(submit(one())).rejects.toMatchObject({ code: 'outcome_unknown' });
    await table.release();
    lane.release();
    await first;
  });

  test('is promised while other queries fail on a locked table: that a check follows them is no doubt', async () => {
    const made = await createStores(FAST, { partitions: 1 });
    const target = new URL(made.databaseUrl);
    // Each check takes a while, so that one is surely under way when the waiters are looked at.
    const slowly = await startProxy(Number(target.port));
    cleanUps.push(made.drop, slowly.close);
    target.port = String(slowly.port);
    await openWith(made, { apiDatabaseUrl: target.href });
    lane.hold();
    await submit(one(), { waitMs: 0 });
    const table = await holdTable(stores.databaseUrl, 'session');
    cleanUps.push(table.release);
    slowly.misbehave('delay', 40);
    const payments = Array.from({ length: 40 }, () => submit(one(), { waitMs: 3_500 }));
    const failing = [0, 300, 600].map(async (pauseMs) => {
      await sleep(pauseMs);
      await lane.guard(() => lane.pool.query('DELETE FROM session WHERE false')).catch(() => undefined);
    });
    const promised = await Promise.all(payments);
    expect(promised.map(({ state }) => state)).toEqual(promised.map(() => 'pending'));
    await Promise.all(failing);
    await table.release();
    slowly.heal();
    lane.release();
  });

  test('while the API cannot reach the database is told that the outcome is unknown, and is applied once', async () => {
    const made = await createStores(FAST, { partitions: 1 });
    const target = new URL(made.databaseUrl);
    const proxy = await startTcpProxy({ host: target.hostname, port: Number(target.port) });
    cleanUps.push(made.drop, proxy.close);
    target.host = `127.0.0.1:${proxy.port}`;
    // Where the queue is in the same database, it would be away as well.
    await openWith(made, { ...(made.redisUrl !== undefined && { apiDatabaseUrl: target.href }) });
    lane.hold();
    const command = one();
    const answer = submit(command);
    await until('it has left', () => lane.taken.length === 1);
    if (made.redisUrl === undefined) return;
    await proxy.cut();
    await expect(answer).rejects.toMatchObject({ code: 'outcome_unknown' });
    await until('newcomers are refused', () => refusal() === 'unavailable');
    lane.release();
    await until('it is applied', async () => (await outcomesOf(lane.applyPool, [command]))[0] === 'applied');
    await proxy.restore();
    await until('newcomers are let in', () => refusal() === undefined);
    expect(await submit(command, { isKeyed: true })).toMatchObject({ state: 'applied', balanceMinor: 1n });
  });

  function refusal(): string | undefined {
    try {
      lane.submission.admit();
      return undefined;
    } catch (error) {
      return codeOf(error);
    }
  }
});

describe('a promise that is asked for while its operation is being decided', () => {
  const keyed = () => deposit(bank, anna, 1n, { id: uuidv5(uuidv7(), uuidv5.URL) });

  test('for another body is never seen: who waits for the first body is told what became of that', async () => {
    await open();
    const command = keyed();
    const other = withOtherBody(command, 9n);
    const table = await holdTable(stores.databaseUrl, 'entry');
    cleanUps.push(table.release);
    const told: unknown[] = [];
    const answer = submit(command, { isKeyed: true, waitMs: 10_000 }).then((known) => told.push(known));
    await until('it is being decided', async () => (await lockWaiters(lane.applyPool)).length === 1);
    const promised = submit(other, { isKeyed: true, respondAsync: true });
    await expect(promised).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect([told, await promises()]).toEqual([[], []]);
    await table.release();
    await answer;
    expect(told).toEqual([expect.objectContaining({ state: 'applied', requestHash: command.requestHash })]);
    const late = await submit(other, { isKeyed: true, respondAsync: true });
    expect(late).toMatchObject({ state: 'applied', requestHash: command.requestHash });
    expect(await balanceOf(lane.applyPool, anna)).toBe(1n);
  });

  test('waits for the decision, and those of the same moment are made meanwhile', async () => {
    await open({ worker: false });
    const [deciding, ...others] = [keyed(), keyed(), one()];
    const worker = new pg.Client({ connectionString: stores.databaseUrl });
    await worker.connect();
    cleanUps.push(() => worker.end());
    await worker.query('BEGIN');
    await worker.query({ ...LOCK_DECISIONS, values: [[deciding.id]] });
    const waits = submit(deciding, { respondAsync: true });
    const made = await Promise.all(others.map((command) => submit(command, { respondAsync: true })));
    expect(made.map(({ state }) => state)).toEqual(['pending', 'pending']);
    expect((await promises()).map(({ id }) => id)).toEqual(others.map(({ id }) => id).sort());
    await worker.query('COMMIT');
    expect(await waits).toMatchObject({ state: 'pending', id: deciding.id });
  });
});

describe('a command that has expired', () => {
  const LONG_AGO = { acceptedAtMs: Date.now() - 700_000, expiresAtMs: Date.now() - 100_000 };
  const late = () => deposit(bank, anna, 1n, LONG_AGO);

  test('and has left is not promised: it is told as unknown until a time that is over, and is rejected', async () => {
    await open();
    lane.hold();
    const command = late();
    await expect(submit(command)).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(await promises()).toEqual([]);
    lane.release();
    expect(await submit(command, { isKeyed: true, waitMs: 5_000 })).toMatchObject({ reason: 'expired' });
  });

  test('and has not left is neither promised nor sent', async () => {
    await open();
    lane.hold();
    const first = submit(one(), { waitMs: 10_000 });
    await until('it has left', () => lane.taken.length === 1);
    const commands = [late(), late()] as const;
    await expect(submit(commands[0])).rejects.toMatchObject({ code: 'overloaded' });
    await expect(submit(commands[1], { respondAsync: true })).rejects.toMatchObject({ code: 'overloaded' });
    expect([lane.coalescer.waiting(), await promises()]).toEqual([0, []]);
    lane.release();
    await first;
    expect(await outcomesOf(lane.applyPool, commands)).toEqual(['none', 'none']);
  });
});

describe('a bound on promises', () => {
  test('that is reached leaves a sent command unknown, and takes back one that has not left', async () => {
    await open({ maxPending: 1 });
    const full = { partitions: 1, room: 1 };
    await insertPending(lane.applyPool, [{ command: one(), dueInMs: 60_000 }], full);
    lane.hold();
    const [sent, behind] = [one(), one()];
    const unknown = expect(submit(sent)).rejects.toMatchObject({ code: 'outcome_unknown' });
    await until('it has left', () => lane.taken.length === 1);
    await expect(submit(behind)).rejects.toMatchObject({ code: 'overloaded' });
    await unknown;
    lane.release();
    expect(await submit(one(), { waitMs: 5_000 })).toMatchObject({ balanceMinor: 2n });
    expect(await outcomesOf(lane.applyPool, [sent, behind])).toEqual(['applied', 'none']);
  });

  test.each(['at once', 'after their time'])(
    'of a paused partition promises as many as there is room for, asked %s, refuses the rest, and applies what was promised once resumed',
    async (when) => {
      await open({ maxPending: 3, timeoutMs: 1_000 });
      await withQueue(stores, 0, (queue) => queue.pause());
      const commands = Array.from({ length: 6 }, () => one());
      const options = when === 'at once' ? { respondAsync: true } : { waitMs: 700 };
      const codes: string[] = [];
      for (const command of commands) {
        const told = submit(command, options).then(({ state }) => state, codeOf);
        codes.push(await told);
      }
      expect(codes.slice(0, 3)).toEqual(['pending', 'pending', 'pending']);
      const refused = codes.slice(3);
      expect(refused.at(-1)).toBe('overloaded');
      expect(refused.every((code) => code === 'overloaded' || code === 'outcome_unknown')).toBe(true);
      await withQueue(stores, 0, (queue) => queue.resume());
      await sweep();
      await until('what was promised is applied', async () => (await promises()).length === 0);
      const stored = await outcomesOf(lane.applyPool, commands);
      expect(stored.slice(0, 3)).toEqual(['applied', 'applied', 'applied']);
      // What was refused as overloaded left no trace; what is unknown was on its way.
      await until('newcomers are served', () => submit(one(100n), { waitMs: 5_000 }).catch(() => false));
      const later = await outcomesOf(lane.applyPool, commands);
      expect(later.map((outcome) => outcome === 'applied')).toEqual(codes.map((code) => code !== 'overloaded'));
    },
  );
});

describe('Prefer: respond-async', () => {
  test('is promised before anything was applied, and is applied once', async () => {
    await open();
    lane.hold();
    const command = one();
    const startedMs = performance.now();
    const known = await submit(command, { respondAsync: true, waitMs: 30_000 });
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect([known.state, (await promises()).map(({ id }) => id)]).toEqual(['pending', [command.id]]);
    lane.release();
    await until('it is applied', async () => (await promises()).length === 0);
    expect(await balanceOf(lane.applyPool, anna)).toBe(1n);
  });

  test('is told the outcome when its key is decided already', async () => {
    await open();
    const command = one();
    await submit(command, { waitMs: 5_000 });
    expect(await submit(command, { isKeyed: true, respondAsync: true })).toMatchObject({ state: 'applied' });
    expect(await promises()).toEqual([]);
  });

  test('whose promise fails is told that the outcome is unknown: the promise may stand', async () => {
    await open();
    const table = await holdTable(stores.databaseUrl, 'pending_operation');
    cleanUps.push(table.release);
    await expect(submit(one(), { respondAsync: true })).rejects.toMatchObject({ code: 'outcome_unknown' });
  });
});

describe('what is promised first and then waited for', () => {
  test('is promised before it leaves, and told as soon as it is decided', async () => {
    await open();
    lane.hold();
    const command = one();
    const answer = pay(command, { waitMs: 20_000 });
    await until('the worker has it', () => lane.taken.length === 1);
    expect((await promises()).map(({ id }) => id)).toEqual([command.id]);
    lane.release();
    expect(await answer).toMatchObject({ state: 'applied', balanceMinor: 1n });
    expect(await promises()).toEqual([]);
  });

  test('is pending when the time is up, and is kept all the same', async () => {
    await open();
    lane.hold();
    const command = one();
    expect(await pay(command)).toMatchObject({ id: command.id, state: 'pending' });
    lane.release();
    await until('it is applied', async () => (await balanceOf(lane.applyPool, anna)) === 1n);
  });

  test('is refused without a trace where there is no room for its promise', async () => {
    await open({ maxPending: 0 });
    const command = one();
    await expect(pay(command)).rejects.toMatchObject({ code: 'overloaded' });
    expect(await outcomesOf(lane.applyPool, [command])).toEqual(['none']);
  });

  test('is waited for under the same key, and is another body’s no more', async () => {
    await open();
    lane.hold();
    const command = { ...one(), id: uuidv5('first', uuidv7()) };
    const first = pay(command, { isKeyed: true, waitMs: 20_000 });
    await until('the worker has it', () => lane.taken.length === 1);
    const again = pay({ ...command, requestId: uuidv7() }, { isKeyed: true, waitMs: 20_000 });
    const other = withOtherBody(command, 7n);
    const refused = await pay(other, { isKeyed: true, waitMs: 20_000 });
    expect(refused).toMatchObject({ state: 'pending', requestHash: command.requestHash });
    lane.release();
    expect(await again).toEqual(await first);
    expect(lane.sizes).toEqual([1]);
  });

  test('that has not left when the process is to stop stays promised, and is due at once', async () => {
    await open();
    const command = one(2n);
    lane.hold();
    await submit(one(), { waitMs: 50 });
    // It waits behind the one that the worker holds until the process is to stop.
    const answer = pay(command, { waitMs: 20_000 });
    await until('it is promised', async () => (await promises()).some(({ id }) => id === command.id));
    await until('it waits', () => lane.coalescer.waiting() === 1);
    lane.stopping.abort();
    expect(await answer).toMatchObject({ state: 'pending' });
    await lane.submission.close();
    expect((await promises()).find(({ id }) => id === command.id)?.due_in_s).toBeLessThanOrEqual(0);
  });
});

describe('what respond-async has promised and what does not leave is due at once', () => {
  const isDue = async ({ id }: Command) =>
    (await promises()).some((promised) => promised.id === id && promised.due_in_s < 1);

  test('when the process stops before its command has left', async () => {
    await open();
    lane.hold();
    const first = submit(one(), { waitMs: 10_000 });
    await until('it has left', () => lane.taken.length === 1);
    const behind = one();
    await submit(behind, { respondAsync: true });
    expect([lane.coalescer.waiting(), await isDue(behind)]).toEqual([1, false]);
    lane.stopping.abort();
    await first;
    await lane.submission.close();
    expect([lane.coalescer.waiting(), await isDue(behind)]).toEqual([0, true]);
  });

  test('when it was let in just before the process was to stop', async () => {
    await open({ worker: false });
    lane.stopping.abort();
    const command = one();
    expect((await submit(command, { respondAsync: true })).state).toBe('pending');
    expect([lane.coalescer.waiting(), await isDue(command)]).toEqual([0, true]);
  });

  test.runIf(backends.includes('redis'))('when the queue does not answer and its command is refused', async () => {
    const made = await createStores('postgres', { partitions: 1 });
    const redis = await startRedis();
    cleanUps.push(made.drop, redis.stop);
    await openWith({ databaseUrl: made.databaseUrl, redisUrl: redis.url });
    await submit(one(), { waitMs: 5_000 });
    redis.signal('SIGSTOP');
    cleanUps.push(() => redis.signal('SIGCONT'));
    const first = submit(one(), { waitMs: 10_000 });
    await until('it has left', () => lane.sizes.length === 2);
    const behind = one();
    await submit(behind, { respondAsync: true });
    expect([lane.coalescer.waiting(), await isDue(behind)]).toEqual([1, false]);
    await until('it is due', () => isDue(behind));
    expect(lane.coalescer.waiting()).toBe(0);
    redis.signal('SIGCONT');
    await first;
    await sweep();
    await until('both are applied', async () => (await balanceOf(lane.applyPool, anna)) === 3n);
  });
});

describe('a key', () => {
  let move: (changes: Partial<Asked>) => Promise<Told>;

  /** The same two people over HTTP's shoulder: what a route does after it has read the body. */
  function openMove(): void {
    const prisma = createPrisma(lane.pool);
    cleanUps.push(() => prisma.$disconnect());
    const { submit: submitCommand } = lane.submission;
    const clock = createDatabaseClock(() => readDatabaseTime(lane.pool));
    const run = createOperate({
      submit: submitCommand,
      findWallet: createWalletFinder(prisma, (work) => work()),
      findHold: createHoldFinder(lane.pool, (work) => work()),
      clock,
      timeoutMs: 300,
    });
    move = (changes) =>
      run({
        kind: 'deposit',
        principal: { userId: bank.userId, role: 'bank', walletId: bank.walletId },
        toWalletId: Number(anna.walletId),
        amount: '0.01',
        idempotencyKey: 'the-key',
        requestId: crypto.randomUUID(),
        prefer: { respondAsync: false },
        ...changes,
      });
  }

  const SLOW = { prefer: { respondAsync: false, waitMs: 10_000 } };

  test('used again while its operation is pending waits for that one and is told its outcome as a replay', async () => {
    await open();
    openMove();
    lane.hold();
    const promised = await move({});
    expect(promised).toMatchObject({ status: 'PENDING' });
    const again = move(SLOW);
    const alsoPending = await move({});
    expect(alsoPending).toEqual(promised);
    lane.release();
    expect(await again).toMatchObject({
      status: 'OK',
      operationId: promised.operationId,
      balance: 0.01,
      isReplay: true,
    });
    expect(lane.sizes).toEqual([1]);
  });

  test('used again with another body is refused, while pending and decided alike', async () => {
    await open();
    openMove();
    lane.hold();
    const pending = await move({});
    expect(pending.status).toBe('PENDING');
    const reused = { code: 'idempotency_key_reused', extras: { operationId: pending.operationId } };
    await expect(move({ amount: '0.02', ...SLOW })).rejects.toMatchObject(reused);
    await expect(move({ amount: '0.02', prefer: { respondAsync: true } })).rejects.toMatchObject(reused);
    lane.release();
    expect((await move(SLOW)).status).toBe('OK');
    await expect(move({ amount: '0.02' })).rejects.toMatchObject(reused);
    expect(await balanceOf(lane.applyPool, anna)).toBe(1n);
  });

  test('used with two bodies at once belongs to the one that is decided first', async () => {
    await open();
    openMove();
    lane.hold();
    const first = move(SLOW);
    await until('it has left', () => lane.sizes.length === 1);
    const second = expect(move({ amount: '0.02', ...SLOW })).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    await until('the other waits', () => lane.coalescer.waiting() === 1);
    lane.release();
    expect(await first).toMatchObject({ status: 'OK', balance: 0.01 });
    await second;
    expect(await balanceOf(lane.applyPool, anna)).toBe(1n);
  });

  test('used with two bodies at once belongs to the one that was promised, although the other was sent before', async () => {
    await open();
    openMove();
    lane.hold();
    const first = expect(move(SLOW)).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    await until('it has left', () => lane.sizes.length === 1);
    expect(await move({ amount: '0.02' })).toMatchObject({ status: 'PENDING' });
    lane.release();
    await first;
    await sweep();
    expect(await move({ amount: '0.02', ...SLOW })).toMatchObject({ status: 'OK', balance: 0.02, isReplay: true });
    // Not before: a look-up that found the promise has set the second free, and it may be decided ahead of the sweep.
    expect(await balanceOf(lane.applyPool, anna)).toBe(2n);
  });

  test('of a bank’s own is refused with another body under its own name', async () => {
    await open();
    openMove();
    await move({ externalId: 'A-1', ...SLOW });
    await expect(move({ externalId: 'A-1', amount: '0.02' })).rejects.toMatchObject({ code: 'external_id_reused' });
    expect(await move({ externalId: 'A-1', idempotencyKey: 'another' })).toMatchObject({ isReplay: true });
  });

  test.each([
    ['twenty at once', {}],
    ['twenty at once that want a 202', { prefer: { respondAsync: true } }],
  ])('used by %s makes one operation', async (_, changes) => {
    await open();
    openMove();
    const told = await Promise.all(Array.from({ length: 20 }, () => move({ ...SLOW, ...changes })));
    expect(new Set(told.map(({ operationId }) => operationId)).size).toBe(1);
    const final = await until('it is decided', async () => {
      const known = await move(SLOW);
      return known.status === 'OK' && known;
    });
    expect(final).toMatchObject({ balance: 0.01, isReplay: true });
    expect(told.filter((each) => each.status === 'OK' && !each.isReplay).length).toBeLessThanOrEqual(1);
    expect(await balanceOf(lane.applyPool, anna)).toBe(1n);
  });

  test('of a rejected operation is rejected again for the same reason, as a replay', async () => {
    await open();
    openMove();
    const boris = await createCustomer(lane.applyPool);
    const pay = {
      kind: 'transfer' as const,
      principal: { userId: anna.userId, role: 'customer' as const, walletId: anna.walletId },
      toWalletId: Number(boris.walletId),
      ...SLOW,
    };
    const rejected = { code: 'insufficient_funds', extras: { isReplay: false } };
    await expect(move(pay)).rejects.toMatchObject(rejected);
    await move({ idempotencyKey: 'money', amount: 10, ...SLOW });
    await expect(move(pay)).rejects.toMatchObject({ ...rejected, extras: { isReplay: true } });
    expect(await move({ ...pay, idempotencyKey: 'another' })).toMatchObject({ status: 'OK', balance: 9.99 });
  });
});

describe('a process that is to stop', () => {
  const MUCH = { waitMs: 30_000 };

  test('promises whoever waits, at once, and lets nobody in', async () => {
    await open();
    lane.hold();
    const commands = Array.from({ length: 5 }, () => one());
    const waiting = commands.map((command) => submit(command, MUCH));
    const [keyed] = commands;
    const watching = until('the first is promised', async () => (await promises()).length > 0).then(() =>
      submit(keyed!, { isKeyed: true, ...MUCH }),
    );
    const startedMs = performance.now();
    lane.stopping.abort();
    const known = await Promise.all([...waiting, watching]);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(new Set(known.map(({ state }) => state))).toEqual(new Set(['pending']));
    expect((await promises()).map(({ id }) => id)).toEqual(commands.map(({ id }) => id).sort());
    expect(() => lane.submission.admit()).toThrow(expect.objectContaining({ code: 'unavailable' }) as Error);
  });

  test('promises at once whoever was let in just before and only then begins to wait', async () => {
    await open();
    lane.hold();
    lane.stopping.abort();
    const startedMs = performance.now();
    expect((await submit(one(), MUCH)).state).toBe('pending');
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  test('ends the waiting for another request’s promise', async () => {
    await open();
    lane.hold();
    const command = one();
    await submit(command, { respondAsync: true });
    const again = submit(command, { isKeyed: true, ...MUCH });
    lane.stopping.abort();
    const startedMs = performance.now();
    expect((await again).state).toBe('pending');
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});

describe('other people’s deliveries', () => {
  test('of the same command through the queue count as this one’s', async () => {
    await open();
    const command = one();
    await lane.queue.add('e-other', toEnvelope([command]));
    expect(await submit(command, { waitMs: 5_000 })).toMatchObject({ state: 'applied', balanceMinor: 1n });
  });

  test('of another body under the same id make this one a used key, not an outcome of its own', async () => {
    await open();
    const command = one();
    await lane.queue.add('e-other', toEnvelope([withOtherBody(command, 9n)]));
    const known = await submit(command, { waitMs: 5_000 });
    expect(known.requestHash).not.toBe(command.requestHash);
    expect(await balanceOf(lane.applyPool, anna)).toBe(9n);
  });
});

describe.runIf(backends.includes('redis'))('when Redis', () => {
  let redis: RedisServer;

  async function openOnOwnRedis(options: LaneOptions = {}): Promise<void> {
    const made = await createStores('postgres', { partitions: 1 });
    redis = await startRedis();
    cleanUps.push(made.drop, redis.stop);
    await openWith({ databaseUrl: made.databaseUrl, redisUrl: redis.url }, options);
  }

  test('refuses connections, a request is told unavailable and is certainly not stored, not even promised', async () => {
    await openOnOwnRedis();
    await submit(one(), { waitMs: 5_000 });
    await redis.kill();
    const told = await until('the loss is noticed', async () => {
      const command = one();
      const code = await submit(command, { waitMs: 200 }).then(() => undefined, codeOf);
      return code === 'unavailable' && command;
    });
    const asynchronous = one();
    await expect(submit(asynchronous, { respondAsync: true })).rejects.toMatchObject({ code: 'unavailable' });
    await redis.restart();
    await until('the queue is back', () => submit(one(), { waitMs: 5_000 }).catch(() => false));
    expect(await outcomesOf(lane.applyPool, [told, asynchronous])).toEqual(['none', 'none']);
    const promised = (await promises()).map(({ id }) => id);
    expect(promised).not.toContain(told.id);
    expect(promised).not.toContain(asynchronous.id);
  });

  test('is frozen, a request is promised when its time is up, and is applied once when Redis thaws', async () => {
    await openOnOwnRedis();
    await submit(one(), { waitMs: 5_000 });
    redis.signal('SIGSTOP');
    cleanUps.push(() => redis.signal('SIGCONT'));
    const command = one();
    expect(await submit(command)).toMatchObject({ state: 'pending', id: command.id });
    expect((await promises()).map(({ id }) => id)).toEqual([command.id]);
    redis.signal('SIGCONT');
    await until('it is applied', async () => (await promises()).length === 0);
    expect(await balanceOf(lane.applyPool, anna)).toBe(2n);
  });

  test('and the promise both fail, the outcome is unknown, and the operation is there once when they are back', async () => {
    await openOnOwnRedis();
    await submit(one(), { waitMs: 5_000 });
    redis.signal('SIGSTOP');
    cleanUps.push(() => redis.signal('SIGCONT'));
    const table = await holdTable(stores.databaseUrl, 'pending_operation');
    cleanUps.push(table.release);
    const command = one();
    await expect(submit(command)).rejects.toMatchObject({ code: 'outcome_unknown' });
    await table.release();
    redis.signal('SIGCONT');
    await until('it is applied', async () => (await outcomesOf(lane.applyPool, [command]))[0] === 'applied');
    expect(await balanceOf(lane.applyPool, anna)).toBe(2n);
  });
});
