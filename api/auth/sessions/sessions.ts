/**
 * Sessions: express-session over the `session` table. A session is written once, when it starts, and never touched again.
 * Whose a request is is known by its cookies alone: of several, the first that is good counts.
 */
import type { Request, Response } from 'express';
import { sign, unsign } from 'cookie-signature';
import session from 'express-session';
import type { Store } from 'express-session';
import { Fault } from '../../../shared/errors/fault.ts';
import type { Pool } from '../../../shared/store/database/pool.ts';
import type { Dependency } from '../../../shared/dependency.ts';
import type { DatabaseGuard } from '../../database/databaseGuard.ts';
import type { Principal } from '../../http/route.ts';
import { createSessionCache } from './sessionCache.ts';
import { readSessionCookies, sessionCookieName } from './sessionCookies.ts';
import { createSessionStore, fromPrincipal } from './sessionStore.ts';

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
  const stored = createSessionStore(pool, guard);
  const load = createLoad(stored.store, secret);
  const cache = createSessionCache();

  const readSigned = async (signed: string): Promise<Principal | undefined> => {
    const id = unsign(signed, secret);
    if (id === false) return undefined;
    const remember = cache.beginRead(signed);
    const principal = await stored.read(id);
    if (principal) remember(principal);
    return principal;
  };

  const destroy = async (id: string): Promise<void> => {
    await guard(() =>
      settled((done) => {
        stored.store.destroy(id, done);
      }),
    );
    cache.forget(sign(id, secret));
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
      cache.forget(sign(before, secret));
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
      const ids = ownIds(req, secret);
      await Promise.all(ids.map(destroy));
      // Also one from before the service was behind TLS.
      const names = new Set([sessionCookieName(req.secure), sessionCookieName(false)]);
      for (const name of names) res.clearCookie(name, { ...COOKIE_OPTIONS, secure: req.secure });
      return ids;
    },
    destroy,
  };
}

/** The ids of the request's own sessions, as far as signatures tell. */
function ownIds(req: Request, secret: string): string[] {
  return readSessionCookies(req.headers.cookie).flatMap((signed) => unsign(signed, secret) || []);
}

/** express-session for a request that starts a session: only these pay for the middleware, which wraps every answer it sees. */
function createLoad(store: Store, secret: string): (req: Request, res: Response) => Promise<void> {
  const cookie = { ...COOKIE_OPTIONS, secure: 'auto' as const, maxAge: LIFETIME_MS };
  const [plain, strong] = [false, true].map((isSecure) => {
    const name = sessionCookieName(isSecure);
    return session({ store, secret, name, resave: false, saveUninitialized: false, cookie });
  }) as [Middleware, Middleware];
  return (req, res) => {
    const { cookie: header } = req.headers;
    const [id] = ownIds(req, secret);
    const name = sessionCookieName(req.secure);
    // It would take the first cookie of one name, whoever has signed it. It reads them before it returns.
    req.headers.cookie = id && `${name}=${encodeURIComponent(`s:${sign(id, secret)}`)}`;
    const loaded = settled((done) => void (req.secure ? strong : plain)(req, res, done));
    req.headers.cookie = header;
    return loaded;
  };
}

type Middleware = ReturnType<typeof session>;

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
