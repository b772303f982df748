/** Databases for tests: each its own, made in some 50 ms as a copy of one that was migrated once. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../../shared/store/database/migrate.ts';

export interface TestDatabase {
  url: string;
  drop: () => Promise<void>;
}

const TEMPLATE = 'saldo_template';
const DEFAULT_PARTITIONS = 4;

function databaseUrl(adminUrl: string, name: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Once per test run. */
export async function createTemplate(adminUrl: string): Promise<void> {
  await run(adminUrl, `CREATE DATABASE ${TEMPLATE}`);
  await migrate({
    databaseUrl: databaseUrl(adminUrl, TEMPLATE),
    partitions: DEFAULT_PARTITIONS,
    queueInPostgres: true,
  });
}

/** A copy of the migrated template, or with `empty` a database that was never migrated. */
export async function createDatabase(
  adminUrl: string,
  options: { partitions?: number; empty?: boolean } = {},
): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await run(adminUrl, `CREATE DATABASE ${name} TEMPLATE ${options.empty === true ? 'template0' : TEMPLATE}`);
  const url = databaseUrl(adminUrl, name);
  if (options.partitions !== undefined) {
    await run(url, `UPDATE setting SET value = '${options.partitions}' WHERE key = 'partitions'`);
  }
  return { url, drop: () => run(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/** Statements on a connection of their own. */
export async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
