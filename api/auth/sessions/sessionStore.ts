/**
 * The `session` table as express-session wants it: connect-pg-simple, except that the sessions that many requests want at
 * once are read together, and that a session holds the whole principal, so that a request needs no look-up of its user.
 */
import connectPgSimple from 'connect-pg-simple';
import session from 'express-session';
import type { SessionData, Store } from 'express-session';
import { createBatcher } from '../../../shared/batcher.ts';
import { readSessions } from '../../../shared/store/accounts/readSessions.ts';
import type { Pool } from '../../../shared/store/database/pool.ts';
import type { DatabaseGuard } from '../../database/databaseGuard.ts';
import type { Principal, Role } from '../../http/route.ts';

/** The principal as JSON can carry it. */
interface StoredPrincipal {
  userId: string;
  role: Role;
  walletId: string | null;
}

declare module 'express-session' {
  interface SessionData {
    principal: StoredPrincipal;
  }
}

export interface SessionStore {
  store: Store;
  /** Whose session it is, if it is one. */
  read: (id: string) => Promise<Principal | undefined>;
}

export function createSessionStore(pool: Pool, guard: DatabaseGuard): SessionStore {
  const readTogether = createBatcher(async (ids: string[]) => {
    const found = await readSessions(pool, [...new Set(ids)]);
    return ids.map((id) => found.get(id) as SessionData | undefined);
  });
  const readStored = (id: string) => guard(() => readTogether(id));
  const PgStore = connectPgSimple(session);
  const store = new PgStore({
    pool,
    createTableIfMissing: false,
    disableTouch: true,
    // A worker removes what has expired (worker/sweep/prune.ts).
    pruneSessionInterval: false,
  });
  store.get = (id, callback) => {
    readStored(id).then(
      // express-session writes on the data it is given: requests that share a session each get their own.
      (data) => callback(null, data ? { ...data } : null),
      (error: unknown) => callback(error),
    );
  };
  return { store, read: async (id) => toPrincipal((await readStored(id))?.principal) };
}

export function fromPrincipal({ userId, role, walletId }: Principal): StoredPrincipal {
  return { userId: String(userId), role, walletId: walletId === null ? null : String(walletId) };
}

function toPrincipal(stored: StoredPrincipal | undefined): Principal | undefined {
  if (!stored) return undefined;
  const { userId, role, walletId } = stored;
  return { userId: BigInt(userId), role, walletId: walletId === null ? null : BigInt(walletId) };
}
