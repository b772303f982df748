/** What is in the database, asked directly and past the service, and rows held from the outside. */
import pg from 'pg';
import { expect, onTestFinished } from 'vitest';
import { verifyBooks } from '../../shared/store/books/verifyBooks.ts';
import { until } from './waiting.ts';

/** Rows of one statement, on a connection of its own. */
export async function query<T extends pg.QueryResultRow>(
  databaseUrl: string,
  text: string,
  values: unknown[] = [],
): Promise<T[]> {
  return withConnection(databaseUrl, async (client) => (await client.query<T>(text, values)).rows);
}

/** Fails the test, naming the rows, when the product's own auditor finds anything. */
export async function expectSoundBooks(databaseUrl: string): Promise<void> {
  const { checks } = await withConnection(databaseUrl, (client) => verifyBooks(client));
  expect(checks.filter(({ broken }) => broken > 0).map(({ id, rows }) => ({ id, rows }))).toEqual([]);
}

/** Balances in minor units by wallet id. */
export async function readBalances(databaseUrl: string): Promise<Map<number, bigint>> {
  const rows = await query<{ id: string; balance: string }>(databaseUrl, 'SELECT id, balance FROM wallet');
  return new Map(rows.map(({ id, balance }) => [Number(id), BigInt(balance)]));
}

/** How often each operation of `ids` was applied. */
export async function countApplied(databaseUrl: string, ids: readonly string[]): Promise<number[]> {
  const rows = await query<{ count: string }>(
    databaseUrl,
    `SELECT (SELECT count(*) FROM entry e WHERE e.operation_id = given.id) / 2.0 AS count
     FROM unnest($1::uuid[]) WITH ORDINALITY AS given(id, place) ORDER BY place`,
    [ids],
  );
  return rows.map(({ count }) => Number(count));
}

export async function countPending(databaseUrl: string): Promise<number> {
  const [row] = await query<{ count: string }>(databaseUrl, 'SELECT count(*) FROM pending_operation');
  return Number(row?.count);
}

/** Every row of every table that a request could change, to be compared with what is there later. */
export async function readEverything(databaseUrl: string): Promise<Record<string, unknown[]>> {
  const tables = [
    'app_user',
    'wallet',
    'operation',
    'refused_operation',
    'entry',
    'pending_operation',
    'session',
    'setting',
  ];
  return withConnection(databaseUrl, async (client) => {
    const contents: Record<string, unknown[]> = {};
    for (const table of tables)
      contents[table] = (await client.query(`SELECT t::text FROM ${table} t ORDER BY 1`)).rows;
    return contents;
  });
}

export interface Held {
  release: () => Promise<void>;
}

/** Locks wallet rows until `release`: an envelope that touches them waits where it reads them. */
export function holdWallets(databaseUrl: string, ids: readonly number[]): Promise<Held> {
  return hold(databaseUrl, 'SELECT FROM wallet WHERE id = ANY($1::bigint[]) FOR UPDATE', [ids]);
}

/** Lets nobody write entries until `release`: an envelope waits where its last statements, up to COMMIT, are on their way. */
export function holdEntries(databaseUrl: string): Promise<Held> {
  return hold(databaseUrl, 'LOCK TABLE entry IN SHARE MODE');
}

async function hold(databaseUrl: string, statement: string, values: unknown[] = []): Promise<Held> {
  const client = await connect(databaseUrl);
  await client.query('BEGIN');
  await client.query(statement, values);
  onTestFinished(() => client.end()); // a test that fails before it releases them must not hold up the next
  return { release: () => client.end() };
}

interface ApplySession {
  /** As its process was told to call itself in `DATABASE_URL`. */
  name: string;
  state: string;
  waitsForLock: boolean;
}

/** The sessions that workers apply envelopes on and that are in a transaction now. */
export async function readApplySessions(databaseUrl: string): Promise<ApplySession[]> {
  return query(
    databaseUrl,
    `SELECT application_name AS name, state, wait_event_type IS NOT DISTINCT FROM 'Lock' AS "waitsForLock"
     FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'saldo-worker%' AND xact_start IS NOT NULL`,
  );
}

async function withConnection<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect(databaseUrl);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function connect(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined); // the next query says so as well
  await client.connect();
  return client;
}

/** The first worker session that waits for what a test holds. */
export async function untilHeldUp(databaseUrl: string): Promise<ApplySession> {
  return until('a worker is held up in its transaction', async () =>
    (await readApplySessions(databaseUrl)).find(({ waitsForLock }) => waitsForLock),
  );
}
