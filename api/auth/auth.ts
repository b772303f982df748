/**
 * Who is asking. `Authorization` beats the cookie:
 *
 *     Authorization: Basic ──remembered?──▶ principal, and the cookie of the one session these credentials started
 *            │                    └─no──▶ proof of the password ──▶ remembered for a minute
 *            │                                └─ cannot be made now ──▶ remembered within the hour?
 *            └─ none ──▶ session cookie ──▶ principal, or nobody
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Request, Response } from 'express';
import passportLibrary from 'passport';

import { BasicStrategy } from 'passport-http';
import { Strategy as LocalStrategy } from 'passport-local';
import { Fault } from '../../shared/errors/fault.ts';
import { requireValue } from '../../shared/env.ts';
import type { Env } from '../../shared/env.ts';
import type { Dependency } from '../../shared/dependency.ts';
import type { Pool, PrismaClient } from '../../shared/store/database/pool.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';
import { Problem } from '../http/problem.ts';
import type { Principal } from '../http/route.ts';
import { addressOf } from './address.ts';
import { createBasicMemory } from './basicMemory.ts';
import type { BasicMemory, Remembered } from './basicMemory.ts';
import { createLanes } from './lanes.ts';
import { hashPassword } from './passwords.ts';
import { createProof } from './proof.ts';
import type { Prove } from './proof.ts';
import type { ProvenCredentials } from './provenCredentials.ts';
import { createAllowance } from '../quotas/allowance.ts';
import type { Allowance } from '../quotas/allowance.ts';
import { createQuota } from './quota.ts';
import { createSessions } from './sessions/sessions.ts';
import type { Sessions } from './sessions/sessions.ts';

/** Of Node's four threads, which DNS, files and zlib need too. */
const PROOFS_AT_ONCE = 2;
/** In either lane; a flood is refused while it can still be answered. */
const MAX_WAITING = 256;
/** Of one account, in this process. Each is a row that stays for a week, and those that are right cost no proof. */
const LOG_INS_PER_SECOND = 5;
const PATIENCE_MS = 2_000;

interface Claim {
  email: string;
  password: string;
}

export interface Auth {
  /** Who sent the request, or nobody. Throws `invalid_credentials` when what it claims is wrong. */
  identify: (req: Request, res: Response) => Promise<Principal | undefined>;
  /** Proves what is claimed and starts a session. Throws `invalid_credentials` or `rate_limited`. */
  login: (req: Request, res: Response, claim: Claim) => Promise<Principal>;
  startSession: (req: Request, res: Response, principal: Principal) => Promise<void>;
  logout: (req: Request, res: Response) => Promise<void>;
  /** For an account that is to be made. Throws `rate_limited` or `overloaded`. */
  hashNewPassword: (req: Request, password: string) => Promise<string>;
}

export interface AuthDeps {
  env: Env;
  pool: Pool;
  prisma: PrismaClient;
  guard: DatabaseGuard;
  database: Pick<Dependency, 'isAway' | 'isInDoubt'>;
  /** What has been proven already. */
  proven: ProvenCredentials;
}

export function createAuth({ env, pool, prisma, guard, database, proven }: AuthDeps): Auth {
  const lanes = createLanes({ atOnce: PROOFS_AT_ONCE, maxWaiting: MAX_WAITING, isInDoubt: database.isInDoubt });
  const logIns = createAllowance({
    perSecond: LOG_INS_PER_SECOND,
    patienceMs: PATIENCE_MS,
    now: () => performance.now(),
  });
  const signUps = createQuota(env.MAX_SIGNUPS_PER_MINUTE);
  const sessions = createSessions({ pool, guard, secret: requireValue(env, 'SESSION_SECRET'), database });
  const passport = createPassport(createProof({ env, pool, prisma, guard, lanes, proven }));
  const memory = createBasicMemory();

  const proveBasic = async (header: string, req: Request, res: Response): Promise<Remembered> => {
    try {
      return memory.remember(header, await authenticate(passport, 'basic', req, res));
    } catch (error) {
      const known = isNoVerdict(error) && memory.recall(header, { isOutage: true });
      if (known) return known;
      throw error;
    }
  };

  return {
    async identify(req, res) {
      const header = req.headers.authorization;
      if (header === undefined) return sessions.read(req);
      const remembered = memory.recall(header, { isOutage: database.isAway() });
      const known = remembered ?? (await proveBasic(header, req, res));
      await keepSession(sessions, known, req, res);
      return known.principal;
    },
    async login(req, res, claim) {
      // passport-local finds its fields on the body; an empty one is wrong like any other.
      req.body = claim;
      const principal = await authenticate(passport, 'local', req, res);
      await takeTurn(logIns, principal);
      await sessions.start(req, res, principal);
      return principal;
    },
    async startSession(req, res, principal) {
      await sessions.start(req, res, principal);
    },
    logout: (req, res) => logout({ sessions, memory }, req, res),
    async hashNewPassword(req, password) {
      const address = addressOf(req);
      await signUps.refuse(address);
      return lanes.run('signUp', address, async () => {
        await signUps.refuse(address);
        await signUps.count(address);
        return hashPassword(password);
      });
    },
  };
}

/** Throws `rate_limited`. */
async function takeTurn(allowance: Allowance, { userId }: Principal): Promise<void> {
  const waitMs = allowance.spend(userId, 1);
  if (waitMs === undefined) throw new Problem('rate_limited', { retryAfterSeconds: Math.ceil(PATIENCE_MS / 1_000) });
  if (waitMs > 0) await sleep(waitMs);
}

/** Too many wait, or a part we depend on is away: nothing was learnt of the credentials. */
function isNoVerdict(error: unknown): boolean {
  return error instanceof Problem && (error.code === 'overloaded' || error.code === 'unavailable');
}

/** The verified credentials' own session, unless the request's cookie is a session of the same user already. */
async function keepSession(sessions: Sessions, known: Remembered, req: Request, res: Response): Promise<void> {
  if (known.sessionId && sessions.hasCookie(req, known.sessionId)) return;
  const holder = await sessions.read(req);
  if (holder?.userId === known.principal.userId) return;
  if (known.starting) {
    sessions.give(req, res, await known.starting);
    return;
  }
  known.starting = sessions.start(req, res, known.principal);
  try {
    known.sessionId = await known.starting;
  } catch (error) {
    delete known.starting;
    throw error;
  }
}

/** Whatever the request could come in with again ends: its cookie's session, and the one its credentials started. */
async function logout(
  { sessions, memory }: { sessions: Sessions; memory: BasicMemory },
  req: Request,
  res: Response,
): Promise<void> {
  const header = req.headers.authorization;
  if (header !== undefined) {
    const started = memory.recall(header)?.starting;
    memory.forget(header);
    if (started) await sessions.destroy(await started);
  }
  for (const id of await sessions.end(req, res)) memory.forgetSession(id);
}

type Proofs = InstanceType<typeof passportLibrary.Passport>;

function createPassport(prove: Prove): Proofs {
  const passport = new passportLibrary.Passport();
  passport.use(
    new LocalStrategy(
      { usernameField: 'email', passwordField: 'password', passReqToCallback: true },
      (req, email, password, done) => tell(prove(email, password, addressOf(req)), done),
    ),
  );
  passport.use(
    new BasicStrategy({ passReqToCallback: true }, (req, _user, _password, done) => {
      // passport-http ends a password at its first colon and replaces bytes that are not UTF-8: read it again.
      const claim = readBasic(req.headers.authorization);
      tell(claim ? prove(claim.email, claim.password, addressOf(req)) : Promise.resolve(undefined), done);
    }),
  );
  return passport;
}

/** User name and password out of a Basic header (RFC 7617, charset UTF-8); the password may have colons. */
function readBasic(header: string | undefined): { email: string; password: string } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/_-]+=*) *$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, 'base64'));
    const colon = text.indexOf(':');
    return colon === -1 ? undefined : { email: text.slice(0, colon), password: text.slice(colon + 1) };
  } catch {
    return undefined;
  }
}

function tell(proof: Promise<Principal | undefined>, done: (error: unknown, user?: Principal | false) => void): void {
  proof.then(
    (principal) => done(null, principal ?? false),
    (error: unknown) => done(error),
  );
}

/** One proof by a passport strategy. Sessions are ours to start, so passport is told to keep out of them. */
function authenticate(passport: Proofs, strategy: 'basic' | 'local', req: Request, res: Response): Promise<Principal> {
  return new Promise((resolve, reject) => {
    const answer = (error: unknown, principal?: Principal | false | null): void => {
      if (error) reject(error instanceof Error ? error : new Fault('a proof failed', { cause: error }));
      else if (principal) resolve(principal);
      else reject(new Problem('invalid_credentials'));
    };
    const middleware = passport.authenticate(strategy, { session: false }, answer) as (
      req: Request,
      res: Response,
      next: (error?: unknown) => void,
    ) => void;
    middleware(req, res, answer);
  });
}
