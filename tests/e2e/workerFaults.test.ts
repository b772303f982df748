/**
 * A worker fails in the middle of a transaction, in each of the ways in which workers do: another one takes over within
 * five seconds, and when the first one comes to itself nothing happens twice.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProxy } from '../chaos/proxy.ts';
import type { Proxy } from '../chaos/proxy.ts';
import { createClient } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import {
  countApplied,
  expectSoundBooks,
  holdEntries,
  holdWallets,
  query,
  readApplySessions,
  readBalances,
  untilHeldUp,
} from '../support/inspect.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { HOUR_MS, preload, shiftClock } from '../support/preload.ts';
import type { Service } from '../support/processes.ts';
import { openQueues } from '../support/queues.ts';
import { BANK, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const TAKEN_OVER_MS = 5_000;
/** Longer than a worker's lock on its envelope, and than its silence before another one leads. */
const BLOCKED_MS = 4_500;

const BLOCK_ON_SIGNAL = `process.on('SIGUSR2', () =>
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${BLOCKED_MS}));`;

/** A worker with a name of its own in the database, and the network between it and each of its stores. */
interface NamedWorker {
  name: string;
  process: Service;
  links: Proxy[];
}

function isRunning({ child }: Service): boolean {
  return child.exitCode === null && child.signalCode === null;
}

describe.each(backends)('worker faults, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;
  let people: Person[];
  const workers = new Map<string, NamedWorker>();
  let named = 0;

  const addWorker = async (env: Record<string, string> = preload(BLOCK_ON_SIGNAL)): Promise<NamedWorker> => {
    const name = `saldo-worker-${++named}`;
    const links: Proxy[] = [];
    const via = async (url: string) => {
      const behind = new URL(url);
      const link = await startProxy(Number(behind.port));
      links.push(link);
      behind.port = String(link.port);
      return behind;
    };
    const database = await via(stores.databaseUrl);
    database.searchParams.set('application_name', name);
    const worker = {
      name,
      links,
      process: await service.add('worker', {
        DATABASE_URL: database.href,
        ...(stores.redisUrl !== undefined && { REDIS_URL: (await via(stores.redisUrl)).href }),
        ...env,
      }),
    };
    workers.set(name, worker);
    return worker;
  };

  beforeAll(async () => {
    stores = await createStores(backend);
    service = await startService({ env: stores.env, workers: 0 });
    client = createClient(service.url);
    people = await createPeople(stores.databaseUrl, 8);
    await Promise.all([addWorker(), addWorker()]);
    const funded = await client
      .as(BANK)
      .post('/api/external_to_wallet', { wallet_id: people[0]!.walletId, amount: 1000 });
    expect(funded.status).toBe(200);
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await expectSoundBooks(stores.databaseUrl);
    await Promise.all([...workers.values()].flatMap(({ links }) => links.map((link) => link.close())));
    await stores.drop();
  });

  const deposit = (to: Person) =>
    client.as(BANK).post('/api/external_to_wallet', { wallet_id: to.walletId, amount: 1 }, { Prefer: 'wait=30' });

  /**
   * A deposit is in the middle of being applied when `fail` happens to its worker. The test holds the customer's row, so
   * the worker waits for it in its transaction, and when it is released PostgreSQL goes on to lock the bank's settlement
   * row for it, whatever has become of the worker by then.
   */
  const failWhileApplying = async (fail: (victim: NamedWorker) => unknown, to: Person) => {
    const held = await holdWallets(stores.databaseUrl, [to.walletId]);
    const answer = deposit(to);
    const session = await untilHeldUp(stores.databaseUrl);
    const victim = workers.get(session.name)!;
    await fail(victim);
    const failedMs = performance.now();
    await held.release();
    return { victim, answer, failedMs };
  };

  const expectTakenOver = async ({ answer, failedMs }: Awaited<ReturnType<typeof failWhileApplying>>, to: Person) => {
    const { status, json } = await answer;
    expect(status).toBe(200);
    expect(performance.now() - failedMs).toBeLessThan(TAKEN_OVER_MS);
    expect(await countApplied(stores.databaseUrl, [String(json['operation_id'])])).toEqual([1]);
    expect((await readBalances(stores.databaseUrl)).get(to.walletId)).toBe(BigInt(Number(json['balance']) * 100));
    return String(json['operation_id']);
  };

  /** It applies again, as the only one that can, and what others did in its place stays as it is. */
  const expectHarmlessReturn = async (victim: NamedWorker, wake: () => void) => {
    const others = [...workers.values()].filter(({ name, process }) => name !== victim.name && isRunning(process));
    wake();
    for (const { process } of others) process.kill('SIGSTOP');
    try {
      const { status, json } = await deposit(people[0]!);
      expect(status).toBe(200);
      expect(await countApplied(stores.databaseUrl, [String(json['operation_id'])])).toEqual([1]);
    } finally {
      for (const { process } of others) process.kill('SIGCONT');
    }
    await expectSoundBooks(stores.databaseUrl);
  };

  test('a worker killed in its transaction is taken over within five seconds', async () => {
    const to = people[1]!;
    const failed = await failWhileApplying(({ process }) => process.kill('SIGKILL'), to);
    await expectTakenOver(failed, to);
    await addWorker();
  });

  test('a worker frozen with the bank’s row locked is taken over, holds up no other deposit, and adds nothing when it wakes', async () => {
    const [, , to, other] = people as [Person, Person, Person, Person];
    const failed = await failWhileApplying(({ process }) => process.kill('SIGSTOP'), to);
    await until('the frozen worker holds its rows', async () => {
      const sessions = await readApplySessions(stores.databaseUrl);
      return sessions.some(({ name, state }) => name === failed.victim.name && state === 'idle in transaction');
    });
    const [, unrelated] = await Promise.all([expectTakenOver(failed, to), deposit(other)]);
    expect(unrelated.status).toBe(200);
    expect(unrelated.tookMs).toBeLessThan(TAKEN_OVER_MS);
    await expectHarmlessReturn(failed.victim, () => failed.victim.process.kill('SIGCONT'));
  });

  test('a worker whose network is cut while its session stays open is taken over, and adds nothing when it is back', async () => {
    const to = people[4]!;
    const failed = await failWhileApplying(({ links }) => links.forEach((link) => link.misbehave('blackhole')), to);
    await expectTakenOver(failed, to);
    await expectHarmlessReturn(failed.victim, () => failed.victim.links.forEach((link) => link.heal()));
  });

  test('a worker whose event loop is blocked is taken over, and adds nothing when it goes on', async () => {
    const to = people[5]!;
    const failed = await failWhileApplying(({ process }) => process.kill('SIGUSR2'), to);
    await expectTakenOver(failed, to);
    await expectHarmlessReturn(failed.victim, () => undefined);
  });

  test('a worker frozen after it has sent its COMMIT is answered for from the ledger, taken over, and adds nothing when it wakes', async () => {
    const queues = openQueues(stores);
    const held = await holdEntries(stores.databaseUrl);
    const answer = deposit(people[3]!);
    const victim = workers.get((await untilHeldUp(stores.databaseUrl)).name)!;
    victim.process.kill('SIGSTOP');
    const failedMs = performance.now();
    await held.release();
    const { status, json } = await answer;
    expect(status).toBe(200);
    expect(performance.now() - failedMs).toBeLessThan(TAKEN_OVER_MS);
    await until('the envelope is off the queue', async () => (await queues.open()) === 0, TAKEN_OVER_MS);
    await queues.close();
    await expectHarmlessReturn(victim, () => victim.process.kill('SIGCONT'));
    expect(await countApplied(stores.databaseUrl, [String(json['operation_id'])])).toEqual([1]);
  });

  test.each([
    { clock: 'ahead', byMs: HOUR_MS },
    { clock: 'behind', byMs: -HOUR_MS },
  ])('a worker whose clock is an hour $clock works, and is taken over when it is killed', async ({ byMs }) => {
    const to = people[6]!;
    await Promise.all([...workers.values()].map(({ process }) => process.stop()));
    const wrong = await addWorker(shiftClock(byMs));
    expect((await deposit(to)).status).toBe(200);
    const failed = await failWhileApplying(async (victim) => {
      expect(victim).toBe(wrong);
      await addWorker();
      victim.process.kill('SIGKILL');
    }, to);
    const id = await expectTakenOver(failed, to);
    expect(await ageMs(stores.databaseUrl, id)).toBeLessThan(60_000);
  });

  test('API processes whose clocks are an hour off keep the database’s time from their first operation on', async () => {
    const firstOperation = async (byMs: number) => {
      const own = createClient((await service.add('api', shiftClock(byMs))).url);
      const body = { wallet_id: people[7]!.walletId, amount: 1 };
      const { status, json } = await own.as(BANK).post('/api/external_to_wallet', body, { Prefer: 'wait=30' });
      own.close();
      expect([status, json['code']]).toEqual([200, undefined]);
      return ageMs(stores.databaseUrl, String(json['operation_id']));
    };
    const ages = await Promise.all([firstOperation(HOUR_MS), firstOperation(-HOUR_MS)]);
    expect(Math.max(...ages)).toBeLessThan(60_000);
  });
});

/** How far an operation's times are from now, by the database's clock. */
async function ageMs(databaseUrl: string, id: string): Promise<number> {
  const [row] = await query<{ age: number }>(
    databaseUrl,
    `SELECT greatest(abs(extract(epoch FROM clock_timestamp() - accepted_at)),
              abs(extract(epoch FROM clock_timestamp() - applied_at)))::float8 * 1000 AS age
     FROM operation WHERE id = $1`,
    [id],
  );
  return row!.age;
}
