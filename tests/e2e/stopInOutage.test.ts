/**
 * A process is told to stop while what it depends on is away, as when everything of a deployment is stopped at once in
 * no order: it cannot say goodbye to what does not answer, and ends in good order and in time all the same.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { migrate } from '../../shared/store/database/migrate.ts';
import { startCrashingPostgres } from '../chaos/postgres.ts';
import type { CrashingPostgres } from '../chaos/postgres.ts';
import { startProxy } from '../chaos/proxy.ts';
import type { Proxy } from '../chaos/proxy.ts';
import { createClient } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { expectSoundBooks } from '../support/inspect.ts';
import { keepArriving } from '../support/parallel.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import type { Service } from '../support/processes.ts';
import { startRedis } from '../support/redisServer.ts';
import type { RedisServer } from '../support/redisServer.ts';
import { BANK, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const STOPPED_MS = 10_000;
const PARTITIONS = 4;
const ARRIVAL_MS = 20;

describe.each(backends)('stopping in an outage, queues on %s', (backend) => {
  let postgres: CrashingPostgres;
  let redis: RedisServer | undefined;
  /** The network between the service and its database. */
  let link: Proxy;
  let people: Person[];
  let service: RunningService;
  let client: Client;

  beforeAll(async () => {
    [postgres, redis] = await Promise.all([startCrashingPostgres(), backend === 'redis' ? startRedis() : undefined]);
    await migrate({ databaseUrl: postgres.url, partitions: PARTITIONS, queueInPostgres: !redis });
    link = await startProxy(postgres.port);
    people = await createPeople(postgres.url, 2 * PARTITIONS);
  });
  afterAll(async () => {
    await Promise.all([link.close(), postgres.stop(), redis?.stop()]);
  });
  beforeEach(async () => {
    const env = {
      DATABASE_URL: postgres.url.replace(String(postgres.port), String(link.port)),
      ...(redis && { REDIS_URL: redis.url }),
    };
    service = await startService({ env });
    client = createClient(service.url);
  });
  afterEach(async () => {
    client.close();
    await service.stop();
    await expectSoundBooks(postgres.url);
  });

  const deposit = (lane: number) => {
    const body = { wallet_id: people[lane % people.length]!.walletId, amount: 1 };
    return client.as(BANK).post('/api/external_to_wallet', body);
  };
  const isUp = async () => (await client.get('/readyz')).status === 200;

  /** Stops all processes under a load of requests. */
  const stopWhile = async (takeAway: () => unknown, bringBack: () => unknown) => {
    let served = 0;
    const load = keepArriving(ARRIVAL_MS, async (count) => {
      // Nobody is there any more once the API has stopped.
      const answer = await deposit(count).catch(() => undefined);
      if (answer?.status === 200) served++;
    });
    await until('the load is served', () => served > 4 * PARTITIONS);
    await takeAway();
    try {
      await until('it is noticed', async () => !(await isUp()));
      await Promise.all([...service.apis, ...service.workers].map(expectStopped));
    } finally {
      await bringBack();
    }
    await load.stop();
  };

  const expectStopped = async (process: Service) => {
    const toldMs = performance.now();
    process.kill('SIGTERM');
    const { code, signal } = await process.exited;
    expect({ code, signal, said: process.stderr() }).toEqual({ code: 0, signal: null, said: '' });
    expect(performance.now() - toldMs).toBeLessThan(STOPPED_MS);
  };

  const STOPS = 'lets every process exit with 0 within ten seconds';

  test(`a database that has stopped ${STOPS}`, async () => {
    await stopWhile(postgres.crash, postgres.start);
  });

  test(`a database that hangs ${STOPS}`, async () => {
    await stopWhile(
      () => link.misbehave('hold'),
      () => link.heal(),
    );
  });

  if (backend === 'redis') {
    test(`a Redis that was killed ${STOPS}`, async () => {
      await stopWhile(redis!.kill, redis!.restart);
    });

    test(`a Redis that hangs ${STOPS}`, async () => {
      await stopWhile(
        () => redis!.signal('SIGSTOP'),
        () => redis!.signal('SIGCONT'),
      );
    });
  }
});
