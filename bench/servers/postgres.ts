/**
 * The PostgreSQL server of one bench: the embedded one, as `npm start` runs it and with fsync, in a temporary folder.
 * Every target gets a database of its own, a copy of one template, so that all of them start from the same state.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startPostgres } from '../../cli/postgres/embeddedPostgres.ts';
import { serverPid } from '../../cli/postgres/postgresProcess.ts';
import { connectClient } from '../../shared/store/database/connection.ts';

export interface BenchPostgres {
  /** The server's first process, of which all others are children. */
  pid: number;
  version: string;
  url: (database: string) => string;
  createDatabase: (name: string, template?: string) => Promise<string>;
  dropDatabase: (name: string) => Promise<void>;
  /** Writes out what is dirty, so that nobody pays for the writes of the one before. */
  checkpoint: () => Promise<void>;
  stop: () => Promise<void>;
}

/** More than the default hundred, because several services stay connected side by side. */
const MAX_CONNECTIONS = '300';

/** `installed`: the folder of another server's programs. */
export async function startBenchPostgres(installed?: string): Promise<BenchPostgres> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'saldo-bench-'));
  // The server runs as another user where this one is root.
  await chmod(folder, 0o711);
  const server = await startPostgres({ folder, installed, settings: { max_connections: MAX_CONNECTIONS } });
  const admin = await connectClient(server.url('postgres'), 'bench');
  const { rows } = await admin.query<{ server_version: string }>('SHOW server_version');
  return {
    pid: (await serverPid(path.join(folder, 'postgres'))) ?? 0,
    version: rows[0]?.server_version ?? '',
    url: server.url,
    async createDatabase(name, template = 'template1') {
      await admin.query(`CREATE DATABASE ${admin.escapeIdentifier(name)} TEMPLATE ${admin.escapeIdentifier(template)}`);
      return server.url(name);
    },
    async dropDatabase(name) {
      await admin.query(`DROP DATABASE IF EXISTS ${admin.escapeIdentifier(name)} WITH (FORCE)`);
    },
    async checkpoint() {
      await admin.query('CHECKPOINT');
    },
    async stop() {
      await admin.end();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
