/**
 * Proving an e-mail and password. The same proof asked for many times at once is worked out once, and whoever guesses
 * is stopped: after ten failures for one e-mail from one address within a quarter of an hour, nothing more is checked
 * until it has passed. A success forgets the failures, and credentials that were right before are always checked.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { findUserByEmail } from '../../shared/store/findUserByEmail.ts';
import type { PrismaClient } from '../../shared/store/pool.ts';
import type { DatabaseGuard } from '../databaseGuard.ts';
import { Problem } from '../problem.ts';
import type { Principal } from '../route.ts';
import { MAX_EMAIL_LENGTH, normaliseEmail } from './email.ts';
import type { Passwords } from './passwords.ts';

const FAILURES = 10;
const WINDOW_S = 15 * 60;
const PROVEN_MS = 24 * 60 * 60_000;
const MAX_PROVEN = 10_000;

/** Whose e-mail and password these are. Throws `rate_limited`. */
export type Prove = (email: string, password: string, address: string) => Promise<Principal | undefined>;

interface ProofDeps {
  prisma: PrismaClient;
  guard: DatabaseGuard;
  passwords: Passwords;
  currency: string;
}

export function createProof(deps: ProofDeps): Prove {
  const limiter = new RateLimiterMemory({ points: FAILURES, duration: WINDOW_S });
  const key = randomBytes(32);
  const mac = (...parts: string[]) => createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64');
  // Whoever was right before is not locked out by others who guess, perhaps from behind the same proxy.
  const proven = new LRUCache<string, true>({ max: MAX_PROVEN, ttl: PROVEN_MS });
  const running = new Map<string, Promise<Principal | undefined>>();

  async function prove(email: string, password: string, address: string): Promise<Principal | undefined> {
    if (email.length > MAX_EMAIL_LENGTH) return undefined;
    const guesser = mac(address, email);
    const credentials = mac(email, password);
    // Counted before it is checked, so that guesses made at once are counted too.
    if (!proven.has(credentials)) await limiter.consume(guesser).catch(refuse);
    let principal: Principal | undefined;
    try {
      principal = await check(deps, email, password);
    } catch (error) {
      // Nothing was learnt, so nothing counts.
      const { consumedPoints } = await limiter.reward(guesser);
      if (consumedPoints <= 0) await limiter.delete(guesser);
      throw error;
    }
    if (principal) {
      proven.set(credentials, true);
      await limiter.delete(guesser);
    } else proven.delete(credentials);
    return principal;
  }

  return (givenEmail, password, address) => {
    const email = normaliseEmail(givenEmail);
    const asked = mac(email, password, address);
    const known = running.get(asked);
    if (known) return known;
    const proof = prove(email, password, address).finally(() => running.delete(asked));
    running.set(asked, proof);
    return proof;
  };
}

async function check(
  { prisma, guard, passwords, currency }: ProofDeps,
  email: string,
  password: string,
): Promise<Principal | undefined> {
  // An address that cannot be stored cannot be looked up either; it takes the same work as any other wrong one.
  const user = email.includes('\0') ? undefined : await guard(() => findUserByEmail(prisma, email, currency));
  const matches = await passwords.matches(user?.passwordHash, password);
  return user && matches ? { userId: user.id, role: user.role, walletId: user.walletId } : undefined;
}

function refuse(reason: unknown): never {
  if (!(reason instanceof RateLimiterRes)) throw reason;
  throw new Problem('rate_limited', { retryAfterSeconds: Math.ceil(reason.msBeforeNext / 1000) });
}
