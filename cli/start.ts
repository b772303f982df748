/**
 * `npm start`: the whole service on one machine. A PostgreSQL server of its own in `.saldo/`, migrations, the API and
 * one worker, each a process; DATABASE_URL replaces the server, REDIS_URL moves the queues. What was started is
 * stopped in the opposite order, the database last, whether by Ctrl-C, by SIGTERM, by a terminal that was
 * closed, or because a later step failed.
 */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readEnv } from '../shared/env.ts';
import type { Env } from '../shared/env.ts';
import { runProcess } from '../shared/lifecycle.ts';
import { migrate } from '../shared/store/database/migrate.ts';
import { banner } from './banner.ts';
import { loadCredentials, prepareFolder } from './credentials.ts';
import { startPostgres } from './postgres/embeddedPostgres.ts';
import { assertPortFree } from './port.ts';
import { supervise } from './supervise.ts';

/** An API whose supervisor was killed has ten seconds to end; its port is free then. */
const ORPHAN_PATIENCE_MS = 15_000;
/** The API hands its waiters over within five seconds; the worker is there for them until then. */
const WORKER_OUTLIVES_API_MS = 6_000;
/** API and worker ten seconds each, PostgreSQL thirty, and a little. */
const STOP_LIMIT_MS = 60_000;
const DATABASE = 'saldo';

interface Database {
  url: string;
  takenOver: boolean;
  lost: Promise<string>;
  stop: () => Promise<void>;
}

runProcess(
  async (stopping) => {
    const env = readEnv(process.env);
    const folder = path.resolve('.saldo');
    await prepareFolder(folder);
    const credentials = await loadCredentials(folder, env);
    const database = await openDatabase(env, folder);
    try {
      stopping.throwIfAborted();
      const patienceMs = database.takenOver ? ORPHAN_PATIENCE_MS : 0;
      await assertPortFree(env.HOST, env.PORT, { patienceMs, signal: stopping });
      await migrate({
        databaseUrl: database.url,
        partitions: env.PARTITIONS,
        queueInPostgres: env.REDIS_URL === undefined,
      });
      stopping.throwIfAborted();
      // Quiet unless asked: the terminal is for the lines that a person reads.
      const { LOG_LEVEL = 'warn' } = process.env;
      const childEnv = { ...process.env, LOG_LEVEL, ...credentials, DATABASE_URL: database.url };
      const service = await startService(childEnv, stopping);
      console.log(banner({ url: service.url, folder, env, credentials }));
      return {
        ready: { url: service.url },
        failed: Promise.race([database.lost, service.givenUp]),
        async stop() {
          await service.stop();
          await database.stop();
        },
      };
    } catch (error) {
      await database.stop();
      throw error;
    }
  },
  { stopLimitMs: STOP_LIMIT_MS },
);

/** The one that DATABASE_URL names, or an embedded one. */
async function openDatabase(env: Env, folder: string): Promise<Database> {
  const never = new Promise<never>(() => undefined);
  if (env.DATABASE_URL !== undefined) {
    return { url: env.DATABASE_URL, takenOver: false, lost: never, stop: () => Promise.resolve() };
  }
  const server = await startPostgres({ folder, database: DATABASE });
  return {
    url: server.url(DATABASE),
    takenOver: server.takenOver,
    lost: server.lost.then(() => `The embedded PostgreSQL ended; ${folder}/postgres/server.log may say why.`),
    stop: server.stop,
  };
}

async function startService(
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<{ url: string; givenUp: Promise<string>; stop: () => Promise<void> }> {
  const options = { env, signal, onDeath: (sentence: string) => console.error(sentence) };
  const worker = await supervise({ ...options, main: 'worker/main.js' });
  try {
    const api = await supervise({ ...options, main: 'api/main.js' });
    return {
      url: String(api.ready['url']),
      givenUp: Promise.race([api.givenUp, worker.givenUp]),
      async stop() {
        const apiStopped = api.stop();
        await Promise.race([apiStopped, delay(WORKER_OUTLIVES_API_MS)]);
        await Promise.all([apiStopped, worker.stop()]);
      },
    };
  } catch (error) {
    await worker.stop();
    throw error;
  }
}
