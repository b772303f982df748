/** The console while PostgreSQL or Redis is away: it stays, says so in red and what to do, and opens nothing to others. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate } from '../../shared/store/database/migrate.ts';
import { startCrashingPostgres } from '../chaos/postgres.ts';
import type { CrashingPostgres } from '../chaos/postgres.ts';
import { createClient } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { startRedis } from '../support/redisServer.ts';
import type { RedisServer } from '../support/redisServer.ts';
import { OPERATOR_ACCOUNT, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const HTML = { Accept: 'text/html' };

describe.runIf(backends.includes('redis'))('the console in an outage', () => {
  let postgres: CrashingPostgres;
  let redis: RedisServer;
  let service: RunningService;
  let client: Client;
  let person: Person;
  let operator: Record<string, string>;

  beforeAll(async () => {
    [postgres, redis] = await Promise.all([startCrashingPostgres(), startRedis()]);
    await migrate({ databaseUrl: postgres.url, partitions: 4, queueInPostgres: false });
    service = await startService({ env: { DATABASE_URL: postgres.url, REDIS_URL: redis.url } });
    client = createClient(service.url);
    [person] = (await createPeople(postgres.url, 1)) as [Person];
    operator = { ...HTML, Cookie: await logIn() };
    await until('ready', isReady);
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await Promise.all([postgres.stop(), redis.stop()]);
  });

  const logIn = async () => {
    const { headers } = await client.post('/api/login', OPERATOR_ACCOUNT);
    return String(headers['set-cookie']).split(';')[0]!;
  };
  const isReady = async () => (await client.get('/readyz')).status === 200;

  test('stays for an operator whose session was seen before PostgreSQL went away, and shows others nothing but that', async () => {
    const unseen = { ...HTML, Cookie: await logIn() };
    expect((await client.get('/ops/', operator)).status).toBe(200);
    await client.get('/api/wallet', person.headers);
    await postgres.crash();
    try {
      await until('it is told', async () =>
        (await client.get('/ops/', operator)).text.includes('PostgreSQL cannot be'),
      );
      const overview = await client.get('/ops/', operator);
      expect([overview.status, overview.text]).toEqual([200, expect.stringContaining('What to do: See whether')]);
      const figures = await client.get('/ops/figures', { ...operator, Accept: 'application/json' });
      expect(figures.json['alerts']).toContainEqual(expect.stringContaining('PostgreSQL cannot be reached'));

      for (const [path, headers] of [
        ['/ops/books', operator],
        ['/ops/audit', operator],
        ['/ops/', unseen],
      ] as const) {
        const { status, text } = await client.get(path, headers);
        expect([status, text]).toEqual([503, expect.stringContaining('<h1>PostgreSQL cannot be reached</h1>')]);
        expect(text).toContain('What to do');
        expect(text).not.toContain('data-tile');
      }
      expect((await client.get('/ops/', HTML)).status).toBe(401);
      expect((await client.get('/ops/', { ...HTML, ...person.headers })).status).not.toBe(200);
      expect((await client.get('/api/wallet', person.headers)).status).toBe(503);
    } finally {
      await postgres.start();
    }
    await until('ready', isReady);
    expect((await client.get('/ops/books', operator)).status).toBe(200);
  });

  test('shows in place of the board that the queue cannot be reached while Redis is away', async () => {
    expect((await client.get('/ops/queues/', operator)).text).toContain('Saldo queues');
    await redis.kill();
    try {
      await until('it is noticed', async () => !(await isReady()));
      await until('it is told', async () => (await client.get('/ops/queues/', operator)).status === 503);
      const { text, headers } = await client.get('/ops/queues/queue/ledger-0', operator);
      expect(text).toContain('<h1>The queue cannot be reached</h1>');
      expect(headers['refresh']).toBe('5');
    } finally {
      await redis.restart();
    }
    await until('the board is back', async () => (await client.get('/ops/queues/', operator)).status === 200);
  });
});
