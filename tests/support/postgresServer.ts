/**
 * A PostgreSQL server in a temporary folder, without fsync: tests lose nothing when the machine does. The same module
 * as `npm start` runs it.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startPostgres } from '../../cli/postgres/embeddedPostgres.ts';

/** The programs of another PostgreSQL, such as /usr/lib/postgresql/15/bin, for a run of the tests on that. */
export const OTHER_POSTGRES = 'TEST_POSTGRES_BIN';

export interface PostgresServer {
  /** Of the administrator's database, from which others can be created. */
  url: string;
  stop: () => Promise<void>;
}

export async function startPostgresServer(): Promise<PostgresServer> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'saldo-test-'));
  await chmod(folder, 0o711);
  const server = await startPostgres({
    folder,
    installed: process.env[OTHER_POSTGRES] || undefined,
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '300', max_wal_size: '4GB' },
  });
  return {
    url: server.url('postgres'),
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
