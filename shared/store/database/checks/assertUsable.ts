/** For the start of every process: the database is one that it can work on, with what it may do there, and all that. */
import type pg from 'pg';
import { ConfigurationError } from '../../../env.ts';
import { unreachable } from '../connection.ts';
import { assertDurable } from './durability.ts';
import { assertPartitions } from '../migrate.ts';
import type { Pool } from '../pool.ts';
import { assertRights } from './rights.ts';
import { assertServer } from './assertServer.ts';

interface Needs {
  partitions: number;
  queueInPostgres: boolean;
  /** How many connections this process may have at once. */
  connections: number;
}

// The least of what the server, the user and the database allow. Reserved connections came with PostgreSQL 16.
const READ_ROOM = `
  SELECT least(
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true)::int, 0),
    (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = session_user),
    (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())) AS room`;

/** Throws `ConfigurationError`. */
export async function assertUsable(pool: Pool, needs: Needs): Promise<void> {
  const client = await pool.connect().catch((error: unknown) => {
    throw unreachable(pool.options.connectionString ?? '', error);
  });
  try {
    await assertServer(client);
    await assertRights(client, needs.queueInPostgres);
    await assertRoom(client, needs.connections);
  } finally {
    client.release();
  }
  await assertPartitions(pool, needs.partitions);
  await assertDurable(pool);
}

async function assertRoom(client: pg.ClientBase, connections: number): Promise<void> {
  const { rows } = await client.query<{ room: number }>(READ_ROOM);
  const { room = 0 } = rows[0] ?? {};
  if (room >= connections) return;
  throw new ConfigurationError(
    `DATABASE_URL: PostgreSQL has ${room} connections for it, and this process alone may need ${connections}: raise max_connections, or the user's or the database's own limit.`,
  );
}
