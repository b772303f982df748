/**
 * Brings a database up to prisma/migrations, without Prisma's schema engine (an install that reaches nothing but the
 * package registry has none), and leaves the history that `prisma migrate deploy` would have left, so either can go on
 * where the other stopped.
 *
 * One runner at a time, by the advisory lock that Prisma takes too; each file and its row of the history are one
 * transaction, so a migration is there whole or not at all. A file that changed after it was applied is refused. A
 * migration that the folder lacks is not: in a rolling deployment the database is ahead of the older processes.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { runMigrations as runQueueMigrations } from 'bullmq';
import { Fault } from '../../errors/fault.ts';
import { ConfigurationError } from '../../env.ts';
import { ADVISORY_LOCKS } from './advisoryLocks.ts';
import { connectClient, unreachable } from './connection.ts';
import { assertServer } from './checks/assertServer.ts';
import type { Pool } from './pool.ts';

const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../../prisma/migrations/', import.meta.url));
/** How long a runner waits for another one. */
const RUNNER_WAIT = '60s';
/** How long a statement of a migration may wait for a table, while every query behind it waits too. */
const TABLE_WAIT = '5s';

const LOCK_NOT_AVAILABLE = '55P03';
const UNDEFINED_TABLE = '42P01';
/** insufficient_privilege, and invalid_schema_name: there is no schema `public`, or it may not be used. */
const NOT_ALLOWED = ['42501', '3F000'];

interface MigrateOptions {
  databaseUrl: string;
  /** Recorded by the first run; a later run with another number is refused. */
  partitions: number;
  /** Also create the tables of BullMQ's PostgreSQL backend: for a service without Redis. */
  queueInPostgres: boolean;
  folder?: string;
}

interface MigrateReport {
  applied: string[];
  /** Migrations that this version does not know: the database belongs to a newer one. */
  unknown: string[];
}

interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

interface HistoryRow {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
}

/** Throws `ConfigurationError` for everything that the person who runs it can put right. */
export async function migrate(options: MigrateOptions): Promise<MigrateReport> {
  try {
    return await migrateNow(options);
  } catch (error) {
    const refusal = error instanceof Error && error.cause instanceof pg.DatabaseError ? error.cause : error;
    if (!(refusal instanceof pg.DatabaseError) || !NOT_ALLOWED.includes(refusal.code ?? '')) throw error;
    throw new ConfigurationError(
      `DATABASE_URL: its user cannot make the tables: PostgreSQL says "${refusal.message}".`,
      { cause: error },
    );
  }
}

async function migrateNow(options: MigrateOptions): Promise<MigrateReport> {
  const migrations = await readMigrations(options.folder ?? MIGRATIONS_FOLDER);
  const client = await connectClient(options.databaseUrl, 'migrate');
  try {
    await assertServer(client);
    await takeLock(client);
    const history = await readHistory(client);
    assertHistory(history, migrations);
    const known = new Set(history.map((row) => row.migration_name));
    const pending = migrations.filter(({ name }) => !known.has(name));
    for (const migration of pending) await apply(client, migration);
    await recordPartitions(client, options.partitions);
    if (options.queueInPostgres) await runQueueMigrations(client);
    const names = new Set(migrations.map(({ name }) => name));
    return { applied: pending.map(({ name }) => name), unknown: [...known].filter((name) => !names.has(name)) };
  } finally {
    // Ends the session, and with it the lock.
    await client.end();
  }
}

/** Names of the migrations that the database still lacks: empty when it is current. */
export async function pendingMigrations(pool: Pool): Promise<string[]> {
  const names = await readNames(MIGRATIONS_FOLDER);
  const done = await readUnlessMissing(async () => {
    const { rows } = await pool.query<{ migration_name: string }>(
      'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
    );
    return new Set(rows.map((row) => row.migration_name));
  });
  return names.filter((name) => done?.has(name) !== true);
}

/**
 * For the start of every process: the wallet groups are what the database was made with. Throws `ConfigurationError`
 * when they are not, when the database was never migrated, and when it cannot be reached.
 */
export async function assertPartitions(pool: Pool, partitions: number): Promise<void> {
  const client = await pool.connect().catch((error: unknown) => {
    throw unreachable(pool.options.connectionString ?? '', error);
  });
  try {
    const recorded = await readPartitions(client);
    if (recorded === undefined) {
      throw new ConfigurationError('The database was never migrated: run "npm run migrate" first.');
    }
    assertSamePartitions(recorded, partitions);
  } finally {
    client.release();
  }
}

async function readNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = await readNames(folder);
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(`${folder}/${name}/migration.sql`, 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function takeLock(client: pg.Client): Promise<void> {
  try {
    await client.query(`SET lock_timeout = '${RUNNER_WAIT}'`);
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCKS.migration]);
    await client.query(`SET lock_timeout = '${TABLE_WAIT}'`);
  } catch (error) {
    if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE) throw error;
    throw new ConfigurationError(`Another migration of this database has been running for ${RUNNER_WAIT}.`);
  }
}

async function readHistory(client: pg.Client): Promise<HistoryRow[]> {
  await client.query(`SET client_min_messages = 'warning'`);
  await client.query(`
    CREATE TABLE IF NOT EXISTS _prisma_migrations (
      id                  VARCHAR(36) PRIMARY KEY NOT NULL,
      checksum            VARCHAR(64) NOT NULL,
      finished_at         TIMESTAMPTZ,
      migration_name      VARCHAR(255) NOT NULL,
      logs                TEXT,
      rolled_back_at      TIMESTAMPTZ,
      started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
      applied_steps_count INTEGER NOT NULL DEFAULT 0
    )`);
  const { rows } = await client.query<HistoryRow>(
    `SELECT migration_name, checksum, finished_at FROM _prisma_migrations
     WHERE rolled_back_at IS NULL ORDER BY started_at`,
  );
  return rows;
}

function assertHistory(history: readonly HistoryRow[], migrations: readonly Migration[]): void {
  const checksums = new Map(migrations.map(({ name, checksum }) => [name, checksum]));
  for (const row of history) {
    if (row.finished_at === null) {
      throw new ConfigurationError(
        `Migration ${row.migration_name} was begun elsewhere and never finished: see "prisma migrate resolve".`,
      );
    }
    const checksum = checksums.get(row.migration_name);
    if (checksum !== undefined && checksum !== row.checksum) {
      throw new ConfigurationError(
        `Migration ${row.migration_name} was changed after this database had applied it: restore the file and put the change in a new migration.`,
      );
    }
  }
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  const startedAt = new Date();
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, started_at, finished_at, migration_name, applied_steps_count)
       VALUES ($1, $2, $3, clock_timestamp(), $4, 1)`,
      [randomUUID(), checksum, startedAt, name],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new Fault(`Migration ${name} failed and changed nothing`, { cause: error });
  }
}

async function recordPartitions(client: pg.Client, partitions: number): Promise<void> {
  await client.query(`INSERT INTO setting (key, value) VALUES ('partitions', $1) ON CONFLICT DO NOTHING`, [
    String(partitions),
  ]);
  assertSamePartitions((await readPartitions(client)) ?? partitions, partitions);
}

async function readPartitions(client: pg.ClientBase): Promise<number | undefined> {
  return readUnlessMissing(async () => {
    const { rows } = await client.query<{ value: string }>(`SELECT value FROM setting WHERE key = 'partitions'`);
    return rows[0] && Number(rows[0].value);
  });
}

/** Undefined when the table is not there: a database that was never migrated. */
async function readUnlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if ((error as { code?: unknown }).code === UNDEFINED_TABLE) return undefined;
    throw error;
  }
}

function assertSamePartitions(recorded: number, partitions: number): void {
  if (recorded === partitions) return;
  throw new ConfigurationError(
    `PARTITIONS is ${partitions}, but this database was made with ${recorded}: start with PARTITIONS=${recorded}.`,
  );
}
