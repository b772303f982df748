/**
 * Being the one process of the fleet that does a thing: a PostgreSQL session advisory lock on a connection of its own.
 *
 * A process that dies loses its connection and with it the lock. A process that is *frozen* keeps its connection, so the
 * session also has `idle_session_timeout`: the leader must be heard every second, or PostgreSQL ends the session and
 * another takes over. For a moment after waking up, a frozen leader still believes it leads: what is done under
 * leadership must be safe when two do it, and the lock only keeps them from doing it all the time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from '../shared/logger.ts';
import { sessionConfig } from '../shared/store/database/session.ts';

export const HEARTBEAT_MS = 1_000;
const SILENCE_MS = 3_000;
/** How long one that has resigned leaves the others the turn. */
const RESIGNED_MS = 10_000;

export interface Leadership {
  isLeader: () => boolean;
  /** Gives the lock up, for others to try: for a leader that finds it cannot do the work. */
  resign: () => void;
  close: () => Promise<void>;
}

interface LeadershipOptions {
  databaseUrl: string;
  /** Of `ADVISORY_LOCKS`. */
  lockKey: number;
  name: string;
  logger: Logger;
  onGained?: () => void;
  onLost?: () => void;
}

/** A session that PostgreSQL ends, with the locks it holds, unless it is heard every second. To be connected. */
export function createLeaseClient(databaseUrl: string, name: string): pg.Client {
  const client = new pg.Client({
    ...sessionConfig({ databaseUrl, name, settings: { idle_session_timeout: SILENCE_MS } }),
    connectionTimeoutMillis: SILENCE_MS,
    query_timeout: SILENCE_MS,
  });
  client.on('error', () => undefined); // the next heartbeat meets it
  return client;
}

export function lead(options: LeadershipOptions): Leadership {
  const stopping = new AbortController();
  let leading = false;
  let resigned = false;

  const setLeading = (now: boolean) => {
    if (leading === now) return;
    leading = now;
    options.logger.info(
      { role: options.name },
      now ? `leading: ${options.name}` : `no longer leading: ${options.name}`,
    );
    (now ? options.onGained : options.onLost)?.();
  };

  /** Holds or waits for the lock on one connection until that connection breaks. */
  const serveOnce = async () => {
    const client = createLeaseClient(options.databaseUrl, options.name);
    try {
      await client.connect();
      while (!stopping.signal.aborted && !resigned) {
        const { rows } = await client.query<{ held: boolean }>(
          leading ? 'SELECT true AS held' : 'SELECT pg_try_advisory_lock($1) AS held',
          leading ? [] : [options.lockKey],
        );
        setLeading(rows[0]?.held === true);
        await sleep(HEARTBEAT_MS, undefined, { signal: stopping.signal });
      }
    } finally {
      setLeading(false);
      await client.end().catch(() => undefined);
    }
  };

  const serve = async () => {
    while (!stopping.signal.aborted) {
      // A lost connection is the database's trouble, and reported by those who work with it; here it means to try again.
      await serveOnce().catch(() => undefined);
      const pauseMs = resigned ? RESIGNED_MS : HEARTBEAT_MS;
      resigned = false;
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const served = serve();

  return {
    isLeader: () => leading,
    resign: () => {
      resigned = true;
    },
    close: async () => {
      stopping.abort();
      await served;
    },
  };
}
