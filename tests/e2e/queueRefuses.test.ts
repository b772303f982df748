/**
 * A queue that answers and refuses what the service needs: nothing moves, so nobody is ready, the log says why, and every
 * process goes when it is told to.
 */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../support/client.ts';
import { query } from '../support/inspect.ts';
import { startRedis } from '../support/redisServer.ts';
import type { RedisServer } from '../support/redisServer.ts';
import { startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const NOTICED_MS = 10_000;
const STOPPED_MS = 10_000;

let service: RunningService;

const readyzOf = async () => {
  const client = createClient(service.url);
  const { status, json } = await client.get('/readyz');
  client.close();
  return { status, detail: String(json['detail']) };
};

async function expectRefusedAndStopped(reason: RegExp): Promise<void> {
  await until(
    'nobody is ready',
    async () => /queue.*workers|workers.*queue/.test((await readyzOf()).detail),
    NOTICED_MS,
  );
  const processes = [...service.apis, ...service.workers];
  for (const { output } of processes) expect(output()).toMatch(reason);
  for (const each of processes) {
    const toldMs = performance.now();
    each.kill('SIGTERM');
    const { code } = await each.exited;
    expect([code, performance.now() - toldMs < STOPPED_MS]).toEqual([0, true]);
  }
}

describe.runIf(backends.includes('redis'))('a Redis user who may not', () => {
  let redis: RedisServer;
  let stores: Stores;

  beforeAll(async () => {
    [redis, stores] = await Promise.all([startRedis(), createStores('postgres')]);
  });
  afterAll(async () => {
    await redis.stop();
    await stores.drop();
  });

  test.each([
    ['read what server it is', '-info'],
    ['run scripts', '-evalsha -eval'],
    ['write', '-@write'],
  ])('%s makes nobody ready, and keeps nobody from going', async (what, rights) => {
    const name = what.replaceAll(' ', '-');
    const admin = new Redis(redis.url);
    await admin.call('ACL', 'SETUSER', name, 'on', '>secret', '~*', '&*', '+@all', ...rights.split(' '));
    admin.disconnect();
    const url = redis.url.replace('redis://', `redis://${name}:secret@`);
    service = await startService({ env: { DATABASE_URL: stores.databaseUrl, REDIS_URL: url } });
    await expectRefusedAndStopped(/NOPERM/);
  });
});

test('a queue in PostgreSQL whose tables are gone makes nobody ready, and keeps nobody from going', async () => {
  const stores = await createStores('postgres');
  service = await startService({ env: stores.env });
  await until('ready', async () => (await readyzOf()).status === 200, NOTICED_MS);
  await query(stores.databaseUrl, 'DROP SCHEMA bullmq CASCADE');
  await expectRefusedAndStopped(/42P01|does not exist/);
  await stores.drop();
});
