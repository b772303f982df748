/**
 * A PostgreSQL that others have set up: what a database or a role says by itself changes nothing for us, and what cannot be
 * overruled is refused at the start in one sentence.
 */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest';
import { createQueueBackend } from '../../shared/queue/queueBackend.ts';
import { ConfigurationError } from '../../shared/env.ts';
import { connectClient } from '../../shared/store/database/connection.ts';
import { assertServer } from '../../shared/store/database/checks/assertServer.ts';
import { assertUsable } from '../../shared/store/database/checks/assertUsable.ts';
import { FUNCTIONS, RIGHTS } from '../../shared/store/database/checks/rights.ts';
import { migrate } from '../../shared/store/database/migrate.ts';
import { createApplyPool, createPool, createPrisma, createSamplePool } from '../../shared/store/database/pool.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import type { TestDatabase } from '../support/database.ts';
import { query } from '../support/inspect.ts';
import { openRequestPool } from '../support/pools.ts';
import { spawnProgram } from '../support/processes.ts';
import { createTestDatabase } from '../support/stores.ts';

let database: TestDatabase;
let name: string;
/** Roles belong to no database, and can go when the one that they have rights in is gone. */
let users: string[];

beforeEach(async () => {
  database = await createTestDatabase();
  name = new URL(database.url).pathname.slice(1);
  users = [];
});
afterEach(async () => {
  await database.drop();
  for (const user of users) await query(inject('adminUrl'), `DROP ROLE ${user}`);
});

const NEEDS = { partitions: 4, queueInPostgres: true, connections: 10 };

/** What another owner of the server may have had reasons for. */
const FOREIGN: Record<string, string> = {
  search_path: 'elsewhere',
  default_transaction_isolation: 'serializable',
  row_security: 'on',
  statement_timeout: '1ms',
  lock_timeout: '1ms',
  idle_in_transaction_session_timeout: '1ms',
  idle_session_timeout: '1ms',
  exit_on_error: 'on',
  jit: 'on',
  enable_indexscan: 'off',
  enable_nestloop: 'off',
  TimeZone: 'Asia/Kolkata',
  DateStyle: 'SQL, DMY',
  IntervalStyle: 'sql_standard',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
};

async function setForeign(): Promise<void> {
  await query(database.url, `CREATE SCHEMA elsewhere`);
  const settings = Object.entries(FOREIGN).map(([key, value]) => `ALTER DATABASE ${name} SET ${key} = '${value}'`);
  await query(database.url, settings.join(';'));
}

/** A user of its own, who owns nothing. */
async function createUser(more = ''): Promise<{ user: string; url: string }> {
  const user = `user_${randomBytes(6).toString('hex')}`;
  await query(database.url, `CREATE ROLE ${user} LOGIN PASSWORD 'x' ${more}`);
  users.push(user);
  const url = new URL(database.url);
  [url.username, url.password] = [user, 'x'];
  return { user, url: url.href };
}

/** What a process would say at its start. */
async function refusal(url = database.url, needs = NEEDS): Promise<string> {
  const pool = openRequestPool(url, 1);
  try {
    await assertUsable(pool, needs);
    return 'taken';
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as Error).message).toMatch(/^[^\n]+\.$/);
    return (error as Error).message;
  } finally {
    await pool.end();
  }
}

const SESSIONS: [string, () => Promise<pg.ClientBase & { done: () => Promise<void> }>][] = [
  ['requests', () => lend(createPool({ databaseUrl: database.url, role: 'test', maxConnections: 1 }))],
  ['applying', () => lend(createApplyPool({ databaseUrl: database.url, role: 'test', maxConnections: 1 }))],
  ['samples', () => lend(createSamplePool({ databaseUrl: database.url, role: 'test' }))],
  ['queues', () => lend(openQueuePool())],
  [
    'one client',
    async () => {
      const client = await connectClient(database.url, 'test');
      return Object.assign(client, { done: () => client.end() });
    },
  ],
];

function openQueuePool(): Pool {
  const onError = () => undefined;
  const { pool } = createQueueBackend({
    ...{ redisUrl: undefined, databaseUrl: database.url, partitions: 1, role: 'test', onError },
  });
  if (!pool) throw new Error('the queues are not in PostgreSQL');
  return pool;
}

async function lend(pool: Pool): Promise<pg.ClientBase & { done: () => Promise<void> }> {
  const client = await pool.connect();
  return Object.assign(client, {
    done: async () => {
      client.release();
      await pool.end();
    },
  });
}

describe('settings of the database', () => {
  test.each(SESSIONS)('do not reach our sessions: %s', async (kind, open) => {
    await setForeign();
    const client = await open();
    const { rows } = await client.query<{ name: string; source: string; setting: string }>(
      'SELECT name, source, setting FROM pg_settings WHERE lower(name) = ANY($1::text[])',
      [Object.keys(FOREIGN).map((key) => key.toLowerCase())],
    );
    await client.done();
    const theirs = rows.filter(({ source }) => source === 'database').map((row) => row.name);
    // Plans are ours where the ledger's statements run.
    const free = ['requests', 'applying', 'samples'].includes(kind) ? [] : ['enable_indexscan', 'enable_nestloop'];
    expect(theirs.sort()).toEqual(free);
    const settings = Object.fromEntries(rows.map((row) => [row.name, row.setting]));
    expect(settings).toMatchObject({
      search_path: kind === 'queues' ? 'bullmq' : 'public',
      default_transaction_isolation: 'read committed',
      jit: 'off',
      DateStyle: 'ISO, MDY',
    });
  });

  test('do not lead a migration, a check at the start or a query of Prisma elsewhere', async () => {
    const empty = await createTestDatabase({ empty: true });
    onTestFinished(() => empty.drop());
    const emptyName = new URL(empty.url).pathname.slice(1);
    await query(empty.url, `CREATE SCHEMA elsewhere`);
    await query(empty.url, `ALTER DATABASE ${emptyName} SET search_path = elsewhere`);
    await migrate({ databaseUrl: empty.url, partitions: 4, queueInPostgres: true });
    expect(await query(empty.url, `SELECT FROM pg_tables WHERE schemaname = 'elsewhere'`)).toHaveLength(0);
    expect(await refusal(empty.url)).toBe('taken');
    const pool = openRequestPool(empty.url, 1);
    const prisma = createPrisma(pool);
    expect(await prisma.appUser.count()).toBe(0);
    await prisma.$disconnect();
    await pool.end();
  });
});

describe('refused at the start', () => {
  test('nothing, where nothing is wrong', async () => {
    expect(await refusal()).toBe('taken');
  });

  test('a database in another encoding, before anything is made in it', async () => {
    const latin = `test_${randomBytes(6).toString('hex')}`;
    const adminUrl = inject('adminUrl');
    await query(adminUrl, `CREATE DATABASE ${latin} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`);
    onTestFinished(async () => {
      await query(adminUrl, `DROP DATABASE ${latin} WITH (FORCE)`);
    });
    const url = Object.assign(new URL(adminUrl), { pathname: `/${latin}` }).href;
    await expect(migrate({ databaseUrl: url, partitions: 4, queueInPostgres: true })).rejects.toThrow(/in LATIN1/);
    expect(await query(url, `SELECT FROM pg_tables WHERE schemaname = 'public'`)).toHaveLength(0);
  });

  test('a database that is read-only', async () => {
    await query(database.url, `ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    expect(await refusal()).toMatch(/default_transaction_read_only = on/);
  });

  test('sessions without the triggers that keep the history', async () => {
    await query(database.url, `ALTER DATABASE ${name} SET session_replication_role = replica`);
    expect(await refusal()).toMatch(/session_replication_role is replica/);
  });

  test('a user without rights, who hears which, and not one with all of them', async () => {
    const { user, url } = await createUser();
    expect(await refusal(url)).toMatch(new RegExp(`user "${user}" lacks rights .*USAGE on schema bullmq`));
    const tables = Object.entries(RIGHTS).map(([table, rights]) => `GRANT ${rights.join()} ON ${table} TO ${user}`);
    const queue = ['TABLES', 'SEQUENCES', 'FUNCTIONS'].map(
      (kind) => `GRANT ALL ON ALL ${kind} IN SCHEMA bullmq TO ${user}`,
    );
    await query(database.url, [...tables, ...queue, `GRANT USAGE ON SCHEMA bullmq TO ${user}`].join(';'));
    expect(await refusal(url)).toBe('taken');
    await query(database.url, `REVOKE DELETE ON pending_operation FROM ${user}`);
    expect(await refusal(url)).toBe(
      `DATABASE_URL: its user "${user}" lacks rights that the service needs: DELETE on pending_operation.`,
    );
    await query(database.url, `GRANT DELETE ON pending_operation TO ${user}`);
    await query(database.url, 'REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC');
    expect(await refusal(url)).toMatch(/EXECUTE on function decision_key/);
  });

  test('a migration by a user who may make no tables, in one sentence', async () => {
    const empty = await createTestDatabase({ empty: true });
    onTestFinished(() => empty.drop());
    const { url } = await createUser();
    const own = Object.assign(new URL(url), { pathname: new URL(empty.url).pathname }).href;
    const migration = spawnProgram('cli/migrate.ts', { env: { DATABASE_URL: own } });
    expect((await migration.exited).code).toBe(1);
    expect(migration.output()).toBe(
      'DATABASE_URL: its user cannot make the tables: PostgreSQL says "permission denied for schema public".\n',
    );
  });

  test.each([
    ['the user', (user: string) => `ALTER ROLE ${user} CONNECTION LIMIT 9`],
    ['the database', () => `ALTER DATABASE ${name} CONNECTION LIMIT 9`],
  ])('fewer connections than a process may need, by %s', async (_, limit) => {
    const { user, url } = await createUser('IN ROLE pg_write_all_data, pg_read_all_data');
    const needs = { ...NEEDS, queueInPostgres: false };
    expect(await refusal(url, needs)).toBe('taken');
    await query(database.url, limit(user));
    expect(await refusal(url, needs)).toMatch(/has 9 connections for it, and this process alone may need 10/);
  });

  test('a session that lost on its way what it began with, as behind a pooler', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await expect(assertServer(client)).rejects.toThrow(/a connection pooler such as PgBouncer/);
    await client.end();
  });
});

test('every table and function of the database has its rights named', async () => {
  const tables = await query<{ name: string }>(
    database.url,
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')`,
  );
  expect(Object.keys(RIGHTS).sort()).toEqual(tables.map((row) => row.name).sort());
  const functions = await query<{ name: string }>(
    database.url,
    `SELECT proname AS name FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prorettype <> 'trigger'::regtype`,
  );
  expect([...FUNCTIONS].sort()).toEqual(functions.map((row) => row.name).sort());
});

describe('whoever cannot connect hears what the server said', () => {
  /** A server that answers the first message of every connection with an error. */
  async function serverThatSays(code: string, message: string): Promise<string> {
    const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
    const head = Buffer.from([0x45, 0, 0, 0, 0]);
    head.writeInt32BE(fields.length + 4, 1);
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(Buffer.concat([head, fields])));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return `postgres://saldo:x@127.0.0.1:${(server.address() as AddressInfo).port}/books`;
  }

  test.each([
    [
      '08P01',
      'unsupported startup parameter: statement_timeout',
      /a connection pooler such as PgBouncer .*\(it says "unsupported startup parameter: statement_timeout"\)/,
    ],
    ['42501', 'permission denied for database "books"', /it says "permission denied for database "books""/],
    ['22023', 'invalid value for parameter "lock_timeout"', /it says "invalid value for parameter "lock_timeout""/],
    ['28P01', 'password authentication failed', /it refuses the user or the password/],
  ])('%s %s', async (code, message, words) => {
    const url = await serverThatSays(code, message);
    const sentence = await connectClient(url, 'test').then(
      () => 'connected',
      (error: unknown) => (error as Error).message,
    );
    expect(sentence).toMatch(words);
    expect(sentence).not.toMatch(/does not answer/);
    expect(await refusal(url)).toMatch(words);
  });
});
