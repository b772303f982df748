/** The books as they are in the database, read past the service. */
import pg from 'pg';
import { expect } from 'vitest';
import { verifyBooks } from '../../shared/store/verifyBooks.ts';

/** One statement on a connection of its own. */
export async function query<T extends pg.QueryResultRow>(
  databaseUrl: string,
  text: string,
  values?: unknown[],
): Promise<T[]> {
  return connected(databaseUrl, async (client) => (await client.query<T>(text, values)).rows);
}

/** In minor units, by wallet. */
export async function readBalances(databaseUrl: string): Promise<Map<number, bigint>> {
  const rows = await query<{ id: string; balance: string }>(databaseUrl, 'SELECT id, balance FROM wallet');
  return new Map(rows.map(({ id, balance }) => [Number(id), BigInt(balance)]));
}

/** How often each operation was applied: once, or never. */
export async function countApplied(databaseUrl: string, ids: readonly string[]): Promise<number[]> {
  const rows = await query<{ count: number }>(
    databaseUrl,
    `SELECT (SELECT count(*) FROM operation o WHERE o.id = given.id AND o.status = 'applied')::int AS count
     FROM unnest($1::uuid[]) WITH ORDINALITY AS given(id, place) ORDER BY place`,
    [ids],
  );
  return rows.map(({ count }) => count);
}

/** Holds these wallets' rows until `release`: whatever moves their money waits. */
export async function holdWallets(
  databaseUrl: string,
  walletIds: readonly number[],
): Promise<{ release: () => Promise<void> }> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT FROM wallet WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE', [walletIds]);
  return { release: () => client.end() };
}

/** Fails, naming the broken rows, unless the books hold whatever `npm run verify` checks. */
export async function expectSoundBooks(databaseUrl: string): Promise<void> {
  const report = await connected(databaseUrl, (client) => verifyBooks(client));
  expect(report.checks.filter(({ broken }) => broken > 0)).toEqual([]);
}

async function connected<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
