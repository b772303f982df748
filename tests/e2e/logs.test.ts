/**
 * What customers have sent is not in the logs, whatever fails on the way: a queue without memory, a row that the database
 * refuses, bodies that cannot be read, a table that is missing.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import { createClient } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { query } from '../support/inspect.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { hasRedis, startRedis } from '../support/redisServer.ts';
import type { RedisServer } from '../support/redisServer.ts';
import { BANK, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

/** Every one of them comes from a customer. */
const CANARY = 'CANARY_7f3a';

describe.skipIf(!hasRedis())('what customers have sent', () => {
  let stores: Stores;
  let queueServer: RedisServer;
  let service: RunningService;
  let client: Client;
  let people: Person[];
  let deposits = 0;

  beforeAll(async () => {
    [stores, queueServer] = await Promise.all([createStores('postgres'), startRedis()]);
    const env = { ...stores.env, REDIS_URL: queueServer.url, OPERATION_TIMEOUT_MS: '700', LOG_LEVEL: 'debug' };
    service = await startService({ env });
    client = createClient(service.url);
    people = await createPeople(stores.databaseUrl, 2);
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await Promise.all([stores.drop(), queueServer.stop()]);
  });

  const logs = (): string => [...service.apis, ...service.workers].map((each) => each.output()).join('\n');
  const deposit = () =>
    client.as(BANK).post('/api/external_to_wallet', {
      ...{ wallet_id: people[0]!.walletId, amount: 1 },
      ...{ external_id: `${CANARY}-${++deposits}`, details: `${CANARY} for ${CANARY}` },
    });
  const redis = async (work: (server: Redis) => Promise<unknown>) => {
    const server = new Redis(queueServer.url);
    await work(server);
    server.disconnect();
  };

  test('is not in the log of a service whose queue has no memory left', async () => {
    await redis((server) => server.config('SET', 'maxmemory', '1'));
    await Promise.all(Array.from({ length: 5 }, deposit));
    await until('it is told', () => /OOM command not allowed/.test(logs()));
    await redis((server) => server.config('SET', 'maxmemory', '0'));
    await until('deposits go through again', async () => (await deposit()).status === 200);
    expect(logs()).not.toContain(CANARY);
  });

  test('is neither in the log nor with the failed job when the database refuses the row', async () => {
    await query(
      stores.databaseUrl,
      `ALTER TABLE operation ADD CONSTRAINT quiet CHECK (details NOT LIKE '${CANARY}%') NOT VALID`,
    );
    const refused = await deposit();
    expect(refused.json).toMatchObject({ code: 'internal_error' });
    await query(stores.databaseUrl, 'ALTER TABLE operation DROP CONSTRAINT quiet');
    expect(logs()).toContain('"constraint":"quiet"');
    expect(logs()).not.toContain(CANARY);
  });

  test('is not in the log of requests that cannot be read, or whose tables are missing', async () => {
    const json = { 'Content-Type': 'application/json' };
    await client.post('/api/login', `{"email": ${CANARY}`, json);
    await client.post('/api/login', { email: `${CANARY}@example.org`, password: CANARY });
    await client.post('/api/signup', { email: `${CANARY}@x.org`, name: CANARY, password: CANARY, [CANARY]: 1 });
    await client.get(`/api/operations/%${CANARY}`);
    await client.get('/api/wallet', { Cookie: `saldo.sid=s%3A${CANARY}.${CANARY}` });
    await client.post('/api/operations/bulk', `${CANARY}\n`, { 'Content-Type': 'application/x-ndjson', ...BANK });
    await query(stores.databaseUrl, 'ALTER TABLE app_user RENAME TO app_user_away');
    const login = await client.post('/api/login', { email: `${CANARY}2@example.org`, password: CANARY });
    await query(stores.databaseUrl, 'ALTER TABLE app_user_away RENAME TO app_user');
    expect(login.status).toBe(500);
    expect(logs()).toContain('a request failed');
    expect(logs()).not.toContain(CANARY);
  });
});
