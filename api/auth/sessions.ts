/**
 * Sessions: express-session over the `session` table. A session holds the whole principal, so that a request needs no
 * look-up of its user; it is written once, when it starts, and never touched again.
 */
import type { Request, Response } from 'express';
import { unsign } from 'cookie-signature';
import session from 'express-session';
import type { SessionData, Store } from 'express-session';
import connectPgSimple from 'connect-pg-simple';
import { Fault } from '../../shared/errors/fault.ts';
import type { Pool } from '../../shared/store/pool.ts';
import { readSessions } from '../../shared/store/readSessions.ts';
import { createBatcher } from '../../shared/batcher.ts';
import type { DatabaseGuard } from '../databaseGuard.ts';
import type { Principal, Role } from '../route.ts';
import { createSessionCache } from './sessionCache.ts';

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

const COOKIE = 'saldo.sid';
const LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;
const COOKIE_OPTIONS = { path: '/', httpOnly: true, sameSite: 'lax' } as const;

export interface Sessions {
  /** Whether the request brings a session cookie, valid or not. */
  hasCookie: (req: Request, id?: string) => boolean;
  /** Whose session the request's cookie is. */
  read: (req: Request, res: Response) => Promise<Principal | undefined>;
  /** Starts a session under a new id, so that an id known from before is worth nothing. Answers the id. */
  start: (req: Request, res: Response, principal: Principal) => Promise<string>;
  /** Gives the client the cookie of a session that is there already. */
  give: (req: Request, res: Response, id: string) => void;
  /** Ends the session of the request's cookie, if there is one, and takes the cookie back. Answers the ended id. */
  end: (req: Request, res: Response) => Promise<string | undefined>;
  destroy: (id: string) => Promise<void>;
}

interface SessionsDeps {
  pool: Pool;
  guard: DatabaseGuard;
  secret: string;
}

export function createSessions({ pool, guard, secret }: SessionsDeps): Sessions {
  const readStored = createBatchedRead(pool, guard);
  const store = createStore(pool, readStored);
  const middleware = session({
    store,
    secret,
    name: COOKIE,
    resave: false,
    saveUninitialized: false,
    cookie: { ...COOKIE_OPTIONS, secure: 'auto', maxAge: LIFETIME_MS },
  });
  // Only requests that have to do with a session pay for the middleware, which wraps every answer it sees.
  const load = (req: Request, res: Response): Promise<void> => settled((done) => void middleware(req, res, done));

  const cache = createSessionCache(COOKIE);

  /** A cookie in the form that we give out is read without the middleware. */
  const readPrincipal = async (req: Request, res: Response): Promise<StoredPrincipal | undefined> => {
    const signed = cache.signedIdOf(req);
    if (signed === undefined) {
      await load(req, res);
      return req.session.principal;
    }
    const id = unsign(signed, secret);
    return id === false ? undefined : (await readStored(id))?.principal;
  };

  return {
    hasCookie: (req, id = '') => req.headers.cookie?.includes(`${COOKIE}=${id && `s%3A${id}.`}`) ?? false,
    async read(req, res) {
      const known = cache.recall(req);
      if (known) return known;
      const remember = cache.beginRead(req);
      const principal = toPrincipal(await readPrincipal(req, res));
      if (principal) remember(principal);
      return principal;
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
      res.cookie(COOKIE, id, { ...COOKIE_OPTIONS, secure: req.secure, maxAge: LIFETIME_MS, signed: true });
    },
    async end(req, res) {
      await load(req, res);
      const ended = req.session.principal && req.sessionID;
      await guard(() => settled((done) => req.session.destroy(done)));
      if (ended) cache.forget(ended);
      res.clearCookie(COOKIE, { ...COOKIE_OPTIONS, secure: req.secure });
      return ended;
    },
    async destroy(id) {
      await guard(() =>
        settled((done) => {
          store.destroy(id, done);
        }),
      );
      cache.forget(id);
    },
  };
}

/** connect-pg-simple, except that the sessions that many requests want at once are read together. */
function createStore(pool: Pool, read: ReadStored): Store {
  const PgStore = connectPgSimple(session);
  const store = new PgStore({
    pool,
    createTableIfMissing: false,
    disableTouch: true,
    // A worker removes what has expired (worker/prune.ts).
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
