/**
 * A pool of connections to PostgreSQL that gets rid of those that lead nowhere any more. A firewall that has lost its state
 * swallows what is sent, and nobody says so: an idle connection would be found out by the next query on it, each of them by
 * one query that fails, and one that merely listens would never be.
 *
 *     a query is not answered in time ──a second later, a new connection──▶ is answered: those over which no byte
 *                                                                           has come meanwhile are dropped
 *                                                                         ▶ is not: the server hangs, and all are kept
 *
 * Whoever is in the middle of something on a connection that works has heard something within that second. The idle ones
 * have not, whether they work or not; dropping them costs new ones.
 */
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const LISTENED_MS = 1_000;
const NEW_CONNECTION_LIMIT_MS = 1_000;

/**
 * The server may end a session while somebody works on it. The queries then fail, which whoever made them hears of;
 * `pg` also emits it as an event, which nobody but the pool of an idle connection waits for and which would end the
 * process.
 */
export function openPool(config: pg.PoolConfig): pg.Pool {
  const sockets = new Set<Socket>();
  const openSocket = () => {
    const socket = new Socket();
    sockets.add(socket);
    return socket.once('close', () => sockets.delete(socket));
  };
  const pool = new pg.Pool({ ...config, stream: openSocket });
  pool.on('connect', (client) => client.on('error', () => undefined));

  let isLooking = false;
  const dropSilent = async () => {
    const heard = [...sockets].map((socket) => ({ socket, bytes: socket.bytesRead }));
    await sleep(LISTENED_MS, undefined, { ref: false });
    if (!(await isAnsweredAnew(config))) return;
    for (const { socket, bytes } of heard) if (socket.bytesRead === bytes) socket.destroy();
  };
  pool.on('release', (error) => {
    if (isLooking || !isUnanswered(error)) return;
    isLooking = true;
    void dropSilent().finally(() => (isLooking = false));
  });
  return pool;
}

/** `query_timeout`, which is ours: the server's own limit comes as an answer. */
function isUnanswered(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout';
}

/** Never rejects. */
async function isAnsweredAnew(config: pg.PoolConfig): Promise<boolean> {
  const client = new pg.Client({
    ...config,
    connectionTimeoutMillis: NEW_CONNECTION_LIMIT_MS,
    query_timeout: NEW_CONNECTION_LIMIT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    void client.end().catch(() => undefined);
  }
}
