/**
 * What the service depends on goes away and comes back: clients are told so clearly and soon, the processes wait
 * quietly, and everything resumes by itself.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate } from '../../shared/store/database/migrate.ts';
import { startCrashingPostgres } from '../chaos/postgres.ts';
import type { CrashingPostgres } from '../chaos/postgres.ts';
import { startProxy } from '../chaos/proxy.ts';
import type { Proxy } from '../chaos/proxy.ts';
import { createClient, statuses } from '../support/client.ts';
import type { Answer, Client } from '../support/client.ts';
import { cpuMs } from '../support/cpu.ts';
import { countApplied, countPending, expectSoundBooks, query } from '../support/inspect.ts';
import { inParallel, keepArriving, keepDoing } from '../support/parallel.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { openQueues, wipeQueues } from '../support/queues.ts';
import { startRedis } from '../support/redisServer.ts';
import type { RedisServer } from '../support/redisServer.ts';
import { BANK, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const PARTITIONS = 4;
const TIMEOUT_MS = 3_000;
/** Within this clients hear that something is away. */
const HEARD_MS = 2_000;
const RESUMED_MS = 5_000;
/** What a promise may add to the timeout on a busy machine. */
const GRACE_MS = 1_000;
/** What an envelope that a hanging queue does not take, and then a probe, need to find it out: clients are in doubt. */
const DOUBT_MS = 3_000;
/** For how long the processes are watched while something is away. */
const WATCHED_MS = 1_500;
const ARRIVAL_MS = 50;
/** Of one processor, by one process, under the light load of these tests. */
const MAX_CPU = 0.25;
const MAX_LOG_LINES = 30;

interface Paid {
  /** In the operation's details. */
  reference: string;
  /** When it was sent, by `performance.now()`. */
  sentMs: number;
  answer: Answer;
}

describe.each(backends)('outages, queues on %s', (backend) => {
  let postgres: CrashingPostgres;
  let redis: RedisServer | undefined;
  /** The network between the service and its database. */
  let link: Proxy;
  let service: RunningService;
  let client: Client;
  let people: Person[];

  beforeAll(async () => {
    [postgres, redis] = await Promise.all([startCrashingPostgres(), backend === 'redis' ? startRedis() : undefined]);
    await migrate({ databaseUrl: postgres.url, partitions: PARTITIONS, queueInPostgres: !redis });
    link = await startProxy(postgres.port);
    service = await startService({
      env: {
        DATABASE_URL: postgres.url.replace(String(postgres.port), String(link.port)),
        OPERATION_TIMEOUT_MS: String(TIMEOUT_MS),
        ...(redis && { REDIS_URL: redis.url }),
      },
    });
    client = createClient(service.url);
    people = await createPeople(postgres.url, 64);
    const bank = client.as(BANK);
    const funded = await inParallel(people, 8, ({ walletId }) =>
      bank.post('/api/external_to_wallet', { wallet_id: walletId, amount: 100 }),
    );
    expect(statuses(funded)).toEqual({ 200: people.length });
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await Promise.all([link.close(), postgres.stop(), redis?.stop()]);
  });

  const pay = async (lane: number): Promise<Paid> => {
    const [reference, sentMs, { headers }] = [randomUUID(), performance.now(), people[lane]!];
    const body = { wallet_id: people.at(lane - 1)!.walletId, amount: 0.01, details: reference };
    return { reference, sentMs, answer: await client.post('/api/wallet_to_wallet', body, headers) };
  };
  const stores = () => ({ databaseUrl: postgres.url, redisUrl: redis?.url });
  const readyStatus = async () => (await client.get('/readyz')).status;

  /** Takes something away under light load, watches, brings it back, and checks what everybody was told meanwhile. */
  const goThrough = async (takeAway: () => unknown, bringBack: () => unknown, doubtMs = 0) => {
    const load = keepArriving(ARRIVAL_MS, (count) => pay(count % people.length));
    await until('the load is served', () => load.results.length > 20);
    const processes = [...service.apis, ...service.workers];
    const logged = processes.map(({ output }) => output().length);

    const awayMs = performance.now();
    await takeAway();
    // What is sent until then may still be served: a server that is told to stop takes a moment.
    const goneMs = performance.now();
    try {
      await until('not ready', async () => (await readyStatus()) === 503, awayMs + HEARD_MS - performance.now());
      await until(
        'a client was told',
        () => load.results.some(isRefused),
        awayMs + doubtMs + HEARD_MS - performance.now(),
      );
      const [watchedMs, before] = [performance.now(), await Promise.all(processes.map(({ pid }) => cpuMs(pid)))];
      await delay(awayMs + doubtMs + WATCHED_MS + HEARD_MS - performance.now());
      const after = await Promise.all(processes.map(({ pid }) => cpuMs(pid)));
      const busy = after.map((ms, index) => (ms - before[index]!) / (performance.now() - watchedMs));
      expect(busy.filter((share) => share > MAX_CPU)).toEqual([]);
      const lines = processes.map(({ output }, index) => output().slice(logged[index]).split('\n').length - 1);
      expect(lines.filter((count) => count > MAX_LOG_LINES)).toEqual([]);
    } finally {
      await bringBack();
    }
    const backMs = performance.now();
    await until('ready again', async () => (await readyStatus()) === 200, RESUMED_MS);
    for (const lane of Array(PARTITIONS).keys()) {
      const isServed = async () => (await pay(lane)).answer.status === 200;
      await until(`partition ${lane} is served`, isServed, backMs + RESUMED_MS - performance.now());
    }
    const paid = await load.stop();
    expect(paid.filter(({ answer }) => ![200, 202, 503].includes(answer.status))).toEqual([]);
    const told = paid.filter(({ sentMs }) => sentMs > goneMs + doubtMs && sentMs < goneMs + doubtMs + WATCHED_MS);
    expect(told.length).toBeGreaterThan(10);
    expect(told.filter((one) => !isRefused(one) || one.answer.tookMs > HEARD_MS)).toEqual([]);
    expect(paid.filter((one) => isRefused(one) && one.answer.headers['retry-after'] === undefined)).toEqual([]);
    await expectKept(paid);
  };

  /** Whoever was told of an operation has it once, and whoever was told that nothing was changed heard the truth. */
  const expectKept = async (paid: readonly Paid[]) => {
    await query(postgres.url, 'UPDATE pending_operation SET next_attempt_at = now()');
    await until('every promise is kept', async () => (await countPending(postgres.url)) === 0);
    const ids = paid.flatMap(({ answer }) => (answer.status < 300 ? [String(answer.json['operation_id'])] : []));
    expect(await countApplied(postgres.url, ids)).toEqual(ids.map(() => 1));
    const unchanged = paid.filter(({ answer }) => ['unavailable', 'overloaded'].includes(String(answer.json['code'])));
    const changed = await query(postgres.url, 'SELECT FROM operation WHERE details = ANY($1)', [
      unchanged.map(({ reference }) => reference),
    ]);
    expect(changed.length).toBe(0);
    await expectSoundBooks(postgres.url);
  };

  const OUTCOME = 'is a 503 within two seconds and a quiet wait, and all resumes within five seconds of its return';

  test(`a database that stops ${OUTCOME}`, async () => {
    await goThrough(postgres.crash, postgres.start);
  });

  test(`a database that hangs ${OUTCOME}`, async () => {
    await goThrough(
      () => link.misbehave('hold'),
      () => link.heal(),
    );
  });

  // Without Redis there is nothing else that could go away.
  if (backend === 'redis') {
    test(`a Redis that is killed ${OUTCOME}`, async () => {
      await goThrough(redis!.kill, redis!.restart);
    });

    test(`a Redis that hangs ${OUTCOME}`, async () => {
      await goThrough(
        () => redis!.signal('SIGSTOP'),
        () => redis!.signal('SIGCONT'),
        DOUBT_MS,
      );
    });
  }

  test('an envelope that a wiped queue has forgotten is sent again before its clients give up', async () => {
    const queues = openQueues(stores());
    await queues.pause();
    const waiting = pay(0);
    await until('the envelope is in its queue', async () => (await queues.open()) === 1);
    await queues.close();
    await wipeQueues(stores());
    const { answer } = await waiting;
    expect([answer.status, answer.json['status']]).toEqual([200, 'OK']);
    expect(await countApplied(postgres.url, [String(answer.json['operation_id'])])).toEqual([1]);
  });

  test('queues that are wiped under load cost nobody more than the timeout and nobody any money', async () => {
    const load = keepDoing(people.length, pay);
    for (let wiped = 1; wiped <= 3; wiped++) {
      await until('the load is served', () => load.results.length > wiped * 3 * people.length);
      await wipeQueues(stores());
    }
    const wipedAt = load.results.length;
    await until('the load is served again', () => load.results.length > wipedAt + 3 * people.length);
    const paid = await load.stop();
    const told = statuses(paid.map(({ answer }) => answer));
    expect(Object.keys(told).filter((status) => !['200', '202', '422', '503'].includes(status))).toEqual([]);
    expect(Math.max(...paid.map(({ answer }) => answer.tookMs))).toBeLessThan(TIMEOUT_MS + GRACE_MS);
    await expectKept(paid);
  });
});

function isRefused({ answer }: Paid): boolean {
  return answer.status === 503;
}
