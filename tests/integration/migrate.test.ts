/** The migration runner against real databases: what it applies, what it refuses, and what it leaves behind. */
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigurationError } from '../../shared/env.ts';
import { assertPartitions, migrate, pendingMigrations } from '../../shared/store/database/migrate.ts';
import { createPool } from '../../shared/store/database/pool.ts';
import { freePort } from '../../cli/postgres/embeddedPostgres.ts';
import { run } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { spawnProgram } from '../support/processes.ts';
import { createTestDatabase } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const SHIPPED = path.resolve('prisma/migrations');

let database: TestDatabase;
let folder: string;
let cleanUps: (() => Promise<unknown>)[];

beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
  folder = await mkdtemp(path.join(os.tmpdir(), 'saldo-migrations-'));
  await cp(SHIPPED, folder, { recursive: true });
  cleanUps = [() => database.drop(), () => rm(folder, { recursive: true })];
});

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

const options = (more: { partitions?: number; queueInPostgres?: boolean } = {}) => ({
  databaseUrl: database.url,
  partitions: 4,
  queueInPostgres: false,
  folder,
  ...more,
});

function openPool() {
  const pool = createPool({ databaseUrl: database.url, role: 'test', maxConnections: 2 });
  cleanUps.push(() => pool.end());
  return pool;
}

async function rows<T extends pg.QueryResultRow>(sql: string): Promise<T[]> {
  return (await openPool().query<T>(sql)).rows;
}

async function addMigration(name: string, sql: string): Promise<void> {
  await mkdir(path.join(folder, name));
  await writeFile(path.join(folder, name, 'migration.sql'), sql);
}

test('the first run applies every migration and leaves the rows that Prisma would have left', async () => {
  const names = (await readdir(SHIPPED)).sort();
  const report = await migrate(options());
  expect(report).toEqual({ applied: names, unknown: [] });
  const history = await rows<{ id: string; checksum: string; migration_name: string; finished: boolean }>(
    `SELECT id, checksum, migration_name, finished_at >= started_at AS finished, applied_steps_count, logs, rolled_back_at
     FROM _prisma_migrations ORDER BY migration_name`,
  );
  expect(history).toEqual(
    await Promise.all(
      names.map(async (name) => ({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        checksum: createHash('sha256')
          .update(await readFile(path.join(SHIPPED, name, 'migration.sql')))
          .digest('hex'),
        migration_name: name,
        finished: true,
        applied_steps_count: 1,
        logs: null,
        rolled_back_at: null,
      })),
    ),
  );
});

test('a second run applies nothing and changes nothing', async () => {
  await migrate(options());
  const before = await rows('SELECT * FROM _prisma_migrations');
  expect(await migrate(options())).toEqual({ applied: [], unknown: [] });
  expect(await rows('SELECT * FROM _prisma_migrations')).toEqual(before);
});

test('of several runners at once exactly one applies each migration', async () => {
  const reports = await Promise.all(Array.from({ length: 5 }, () => migrate(options())));
  const applied = reports.flatMap((report) => report.applied);
  expect(applied.sort()).toEqual((await readdir(SHIPPED)).sort());
});

test('a migration that was changed after it was applied is refused', async () => {
  await migrate(options());
  const [name = ''] = await readdir(folder);
  await writeFile(path.join(folder, name, 'migration.sql'), 'SELECT 1;');
  await expect(migrate(options())).rejects.toThrow(ConfigurationError);
  await expect(migrate(options())).rejects.toThrow(`${name} was changed`);
});

test.each([
  ['in its own statements', 'SELECT 1 / 0'],
  ['when it is recorded', `ALTER TABLE _prisma_migrations ADD CHECK (migration_name !~ 'broken') NOT VALID`],
])(
  'a migration that fails %s leaves neither its changes nor its row, and the next run tries again',
  async (_, failure) => {
    await addMigration('29990101000000_broken', `CREATE TABLE half (); ${failure};`);
    await expect(migrate(options())).rejects.toThrow('29990101000000_broken failed');
    expect(await rows(`SELECT FROM pg_class WHERE relname = 'half'`)).toHaveLength(0);
    await writeFile(path.join(folder, '29990101000000_broken', 'migration.sql'), 'CREATE TABLE half ();');
    expect((await migrate(options())).applied).toEqual(['29990101000000_broken']);
  },
);

test('a migration that another tool began and never finished is refused', async () => {
  await migrate(options());
  await run(database.url, 'UPDATE _prisma_migrations SET finished_at = NULL');
  await expect(migrate(options())).rejects.toThrow('never finished');
});

test('a database that is ahead of this version is accepted and reported', async () => {
  await addMigration('29990101000000_newer', 'CREATE TABLE newer ();');
  await migrate(options());
  await rm(path.join(folder, '29990101000000_newer'), { recursive: true });
  expect(await migrate(options())).toEqual({ applied: [], unknown: ['29990101000000_newer'] });
});

test('the queue tables are created only for a service without Redis', async () => {
  const schemas = () => rows(`SELECT FROM pg_namespace WHERE nspname = 'bullmq'`);
  await migrate(options());
  expect(await schemas()).toHaveLength(0);
  await migrate(options({ queueInPostgres: true }));
  expect(await schemas()).toHaveLength(1);
});

test('the first run records PARTITIONS and every later start with another number is refused', async () => {
  await migrate(options({ partitions: 8 }));
  await expect(assertPartitions(openPool(), 8)).resolves.toBeUndefined();
  await expect(assertPartitions(openPool(), 4)).rejects.toThrow(/PARTITIONS is 4.*made with 8/);
  await expect(migrate(options({ partitions: 4 }))).rejects.toThrow(/PARTITIONS is 4.*made with 8/);
  await expect(migrate(options({ partitions: 8 }))).resolves.toBeDefined();
});

test('a database that was never migrated is refused with a sentence and lacks every migration', async () => {
  await expect(assertPartitions(openPool(), 4)).rejects.toThrow(ConfigurationError);
  await expect(assertPartitions(openPool(), 4)).rejects.toThrow('never migrated');
  expect(await pendingMigrations(openPool())).toEqual((await readdir(SHIPPED)).sort());
});

test('a migrated database lacks no migration', async () => {
  await migrate(options());
  expect(await pendingMigrations(openPool())).toEqual([]);
});

test('npm run migrate says one sentence without the password when the database cannot be reached', async () => {
  const port = await freePort();
  const migration = spawnProgram('cli/migrate.ts', {
    env: { DATABASE_URL: `postgres://someone:s3cret-word@127.0.0.1:${port}/books` },
  });
  expect(await migration.exited).toEqual({ code: 1, signal: null });
  expect(migration.output()).toBe(
    `DATABASE_URL: the database "books" at 127.0.0.1:${port} cannot be used: nothing listens there.\n`,
  );
});

test('npm run migrate waits for another runner of the same database', async () => {
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  cleanUps.push(() => other.end());
  await other.query('SELECT pg_advisory_lock(72707369)');
  const migration = spawnProgram('cli/migrate.ts', { env: { DATABASE_URL: database.url } });
  cleanUps.push(() => migration.stop());
  await until('the runner waits for the lock', async () => {
    const { rows } = await other.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`);
    return rows.length > 0;
  });
  expect(await rows(`SELECT FROM pg_class WHERE relname = 'wallet'`)).toHaveLength(0);
  await other.query('SELECT pg_advisory_unlock(72707369)');
  expect(await migration.exited).toEqual({ code: 0, signal: null });
  expect(await rows(`SELECT FROM pg_class WHERE relname = 'wallet'`)).toHaveLength(1);
});
