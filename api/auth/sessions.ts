/**
 * Sessions: express-session over the `session` table. A session holds the whole principal, so that a request needs no
 * look-up of its user; it is written once, when it starts, and never touched again.
 */
import type { Request, Response } from 'express';
import { sign, unsign } from 'cookie-signature';
import session from 'express-session';
import type { SessionData, Store } from 'express-session';
import connectPgSimple from 'connect-pg-simple';
import { Fault } from '../../shared/errors/fault.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import type { Dependency } from '../../shared/dependency.ts';
import { readSessions } from '../../shared/store/accounts/readSessions.ts';
import { createBatcher } from '../../shared/batcher.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';
import type { Principal, Role } from '../http/route.ts';
import { createSessionCache } from './sessionCache.ts';
import { readSessionCookies, sessionCookieName } from './sessionCookies.ts';

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

const LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;
const COOKIE_OPTIONS = { path: '/', httpOnly: true, sameSite: 'lax' } as const;

export interface Sessions {
  /** Whether the request brings a cookie of this session, or one that says so. */
  hasCookie: (req: Request, id: string) => boolean;
  /** Whose session the request's cookie is: of several, the first that is good. */
  read: (req: Request) => Promise<Principal | undefined>;
  /** Starts a session under a new id, so that an id known from before is worth nothing. Answers the id. */
  start: (req: Request, res: Response, principal: Principal) => Promise<string>;
  /** Gives the client the cookie of a session that is there already. */
  give: (req: Request, res: Response, id: string) => void;
  /** Ends every session that the request has a cookie of, and takes the cookies back. Answers the ended ids. */
  end: (req: Request, res: Response) => Promise<string[]>;
  destroy: (id: string) => Promise<void>;
}

interface SessionsDeps {
  pool: Pool;
  guard: DatabaseGuard;
  secret: string;
  database: Pick<Dependency, 'isAway'>;
}

export function createSessions({ pool, guard, secret, database }: SessionsDeps): Sessions {
  const readStored = createBatchedRead(pool, guard);
  const store = createStore(pool, readStored);
  const [plain, strong] = [false, true].map((isSecure) => createMiddleware(store, secret, isSecure)) as [Load, Load];
  const cache = createSessionCache();

  /** The ids of the request's own sessions, as far as signatures tell. */
  const idsOf = (req: Request): string[] =>
    readSessionCookies(req.headers.cookie).flatMap((signed) => unsign(signed, secret) || []);

  /** Only requests that start a session pay for the middleware, which wraps every answer it sees. */
  const load = (req: Request, res: Response): Promise<void> => {
    const { cookie } = req.headers;
    const [id] = idsOf(req);
    const name = sessionCookieName(req.secure);
    // It would take the first cookie of one name, whoever has signed it. It reads them before it returns.
    req.headers.cookie = id && `${name}=${encodeURIComponent(`s:${sign(id, secret)}`)}`;
    const loaded = settled((done) => void (req.secure ? strong : plain)(req, res, done));
    req.headers.cookie = cookie;
    return loaded;
  };

  const readSigned = async (signed: string): Promise<Principal | undefined> => {
    const id = unsign(signed, secret);
    if (id === false) return undefined;
    const remember = cache.beginRead(signed);
    const principal = toPrincipal((await readStored(id))?.principal);
    if (principal) remember(principal);
    return principal;
  };

  const destroy = async (id: string): Promise<void> => {
    await guard(() =>
      settled((done) => {
        store.destroy(id, done);
      }),
    );
    cache.forget(id);
  };

  return {
    hasCookie: (req, id) => readSessionCookies(req.headers.cookie).some((signed) => signed.startsWith(`${id}.`)),
    async read(req) {
      for (const signed of readSessionCookies(req.headers.cookie)) {
        const principal = cache.recall(signed, { isOutage: database.isAway() }) ?? (await readSigned(signed));
        if (principal) return principal;
      }
      return undefined;
    },
    async start(req, res, principal) {
      await load(req, res);
      const before = req.sessionID;
      await guard(() => settled((done) => req.session.regenerate(done)));
      cache.forget(before);
      req.session.principal = fromPrincipal(principal);
      await guard(() => settled((done) => req.session.save(done)));
      return req.sessionID;
    },
    give(req, res, id) {
      Object.assign(req, { secret });
      const options = { ...COOKIE_OPTIONS, secure: req.secure, maxAge: LIFETIME_MS, signed: true };
      res.cookie(sessionCookieName(req.secure), id, options);
    },
    async end(req, res) {
      const ids = idsOf(req);
      await Promise.all(ids.map(destroy));
      // Also one from before the service was behind TLS.
      const names = new Set([sessionCookieName(req.secure), sessionCookieName(false)]);
      for (const name of names) res.clearCookie(name, { ...COOKIE_OPTIONS, secure: req.secure });
      return ids;
    },
    destroy,
  };
}

type Load = ReturnType<typeof session>;

function createMiddleware(store: Store, secret: string, isSecure: boolean): Load {
  const cookie = { ...COOKIE_OPTIONS, secure: 'auto' as const, maxAge: LIFETIME_MS };
  return session({ store, secret, name: sessionCookieName(isSecure), resave: false, saveUninitialized: false, cookie });
}

/** connect-pg-simple, except that the sessions that many requests want at once are read together. */
function createStore(pool: Pool, read: ReadStored): Store {
  const PgStore = connectPgSimple(session);
  const store = new PgStore({
    pool,
    createTableIfMissing: false,
    disableTouch: true,
    // A worker removes what has expired (worker/sweep/prune.ts).
    pruneSessionInterval: false,
  });
  store.get = (id, callback) => {
    read(id).then(
      // express-session writes on the data it is given: requests that share a session each get their own.
      (data) => callback(null, data ? { ...data } : null),
      (error: unknown) => callback(error),
    );
  };
  return store;
}

type ReadStored = (id: string) => Promise<SessionData | undefined>;

function createBatchedRead(pool: Pool, guard: DatabaseGuard): ReadStored {
  const read = createBatcher(async (ids: string[]) => {
    const found = await readSessions(pool, [...new Set(ids)]);
    return ids.map((id) => found.get(id) as SessionData | undefined);
  });
  return (id) => guard(() => read(id));
}

function fromPrincipal({ userId, role, walletId }: Principal): StoredPrincipal {
  return { userId: String(userId), role, walletId: walletId === null ? null : String(walletId) };
}

function toPrincipal(stored: StoredPrincipal | undefined): Principal | undefined {
  if (!stored) return undefined;
  const { userId, role, walletId } = stored;
  return { userId: BigInt(userId), role, walletId: walletId === null ? null : BigInt(walletId) };
}

/** A promise of what a callback will report. */
function settled(run: (done: (error?: unknown) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    run((error) => {
      if (error)
        reject(error instanceof Error ? error : new Fault('a session store reported a fault', { cause: error }));
      else resolve();
    });
  });
}
