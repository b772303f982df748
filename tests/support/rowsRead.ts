/** How much of a table a statement of the product goes through, whichever plan it has. */
import type { Pool, PoolClient } from '../../shared/store/database/pool.ts';

/** Rows and index entries of `table` that `work` has PostgreSQL look at; what it writes is taken back. */
export async function rowsRead(pool: Pool, table: string, work: (pool: Pool) => Promise<unknown>): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const before = await looked(client, table);
    await work({ query: client.query.bind(client) } as never);
    return (await looked(client, table)) - before;
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

/** Of this session, since PostgreSQL last took the figures from it: which it does between transactions. */
async function looked(client: PoolClient, table: string): Promise<number> {
  const { rows } = await client.query<{ read: bigint }>(
    `SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid))::bigint AS read
     FROM (SELECT $1::regclass::oid AS oid UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = $1::regclass) AS t`,
    [table],
  );
  return Number(rows[0]?.read);
}
