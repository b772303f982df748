/**
 * Tells the fleet that this worker works, or is about to: while it is so, it holds a shared advisory lock on a session of its own, which
 * API processes look for (shared/store/fleet/workerPresence.ts). PostgreSQL ends the session of a frozen one, as it does a
 * leader's.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { ADVISORY_LOCKS } from '../shared/store/database/advisoryLocks.ts';
import { HEARTBEAT_MS, createLeaseClient } from './leadership.ts';

export interface Presence {
  close: () => Promise<void>;
}

export function announcePresence(options: { databaseUrl: string; isPresent: () => boolean }): Presence {
  const stopping = new AbortController();
  const pause = () => sleep(HEARTBEAT_MS, undefined, { signal: stopping.signal });

  const serveOnce = async () => {
    const client = createLeaseClient(options.databaseUrl, 'worker-present');
    try {
      await client.connect();
      let isHeld = false;
      while (!stopping.signal.aborted) {
        isHeld = await beat(client, isHeld);
        await pause();
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const beat = async (client: pg.Client, isHeld: boolean): Promise<boolean> => {
    const isPresent = options.isPresent();
    if (isPresent === isHeld) await client.query('SELECT');
    else if (isPresent) await client.query('SELECT pg_advisory_lock_shared($1)', [ADVISORY_LOCKS.workerPresent]);
    else await client.query('SELECT pg_advisory_unlock_shared($1)', [ADVISORY_LOCKS.workerPresent]);
    return isPresent;
  };
  const serve = async () => {
    while (!stopping.signal.aborted) {
      // A lost connection is the database's trouble, and reported by those who work with it; here it means to try again.
      await serveOnce().catch(() => undefined);
      await pause().catch(() => undefined);
    }
  };
  const served = serve();
  return {
    close: async () => {
      stopping.abort();
      await served;
    },
  };
}
