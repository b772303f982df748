/** Connections to PostgreSQL that lead nowhere any more are found out together; those that work, or merely wait, are kept. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type pg from 'pg';
import { openPool } from '../../shared/store/database/openPool.ts';
import { createPool } from '../../shared/store/database/pool.ts';
import { startProxy } from '../chaos/proxy.ts';
import type { Proxy } from '../chaos/proxy.ts';
import type { TestDatabase } from '../support/database.ts';
import { query } from '../support/inspect.ts';
import { createTestDatabase } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const QUERY_MS = 500;
const CONNECTIONS = 5;

describe('a pool', () => {
  let database: TestDatabase;
  let link: Proxy;
  let pool: pg.Pool;

  beforeEach(async () => {
    database = await createTestDatabase();
    const place = new URL(database.url);
    link = await startProxy(Number(place.port));
    place.port = String(link.port);
    pool = openPool({
      ...{ connectionString: place.href, max: CONNECTIONS, connectionTimeoutMillis: QUERY_MS, query_timeout: QUERY_MS },
    });
    pool.on('error', () => undefined);
  });
  afterEach(async () => {
    await pool.end();
    await link.close();
    await database.drop();
  });

  const pid = async (client: pg.Pool | pg.PoolClient) =>
    (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]!.pid;
  const pids = async () => {
    const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => pool.connect()));
    const found = await Promise.all(clients.map(pid));
    for (const client of clients) client.release();
    return found.sort();
  };

  test('whose connections swallow what is sent drops them all after one query, one that listens too', async () => {
    const listener = await pool.connect();
    let isLost = false;
    listener.on('error', () => (isLost = true));
    await listener.query('LISTEN anything');
    const idle = await Promise.all(Array.from({ length: CONNECTIONS - 1 }, () => pool.connect()));
    for (const client of idle) client.release();

    link.misbehave('swallow');
    await expect(pool.query('SELECT 1')).rejects.toThrow('Query read timeout');
    await until('the listener is dropped', () => isLost);
    listener.release(true);
    const answers = await Promise.all(Array.from({ length: CONNECTIONS }, () => pid(pool)));
    expect(answers).toHaveLength(CONNECTIONS);
  });

  test('keeps the connections that somebody works on while a query waits for longer than it may', async () => {
    const worker = await pool.connect();
    await worker.query('BEGIN');
    const [slow] = await Promise.allSettled([pool.query('SELECT pg_sleep(10)')]);
    expect(slow.status).toBe('rejected');
    const untilMs = performance.now() + 2_500;
    while (performance.now() < untilMs) await worker.query('SELECT pg_sleep(0.05)');
    await worker.query('COMMIT');
    worker.release();
  });

  test('keeps its connections while the server answers nobody', async () => {
    const before = await pids();
    link.misbehave('hold');
    await expect(pool.query('SELECT 1')).rejects.toThrow('Query read timeout');
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    link.heal();
    const after = await pids();
    expect(after.filter((each) => before.includes(each))).toHaveLength(CONNECTIONS - 1);
  });

  test('for requests leaves what it had locked when its client is gone without a word', async () => {
    const place = new URL(database.url);
    place.port = String(link.port);
    const requests = createPool({ databaseUrl: place.href, role: 'test', maxConnections: 1 });
    const client = await requests.connect();
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock(1, 1)');
    link.misbehave('swallow');
    const isFree = async () => {
      const [row] = await query<{ free: boolean }>(database.url, 'SELECT pg_try_advisory_xact_lock(1, 1) AS free');
      return row?.free === true;
    };
    expect(await isFree()).toBe(false);
    await until('it is free', isFree, 8_000);
    client.release(true);
    await requests.end();
  });
});
