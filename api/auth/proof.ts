/**
 * Proving an e-mail and password. The same proof asked for many times at once is worked out once, and whoever guesses
 * is stopped: after ten failures for one e-mail from one address within a quarter of an hour, nothing more is checked
 * until it has passed. A success forgets the failures.
 */
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { findUserByEmail } from '../../shared/store/findUserByEmail.ts';
import type { PrismaClient } from '../../shared/store/pool.ts';
import type { DatabaseGuard } from '../databaseGuard.ts';
import { Problem } from '../problem.ts';
import type { Principal } from '../route.ts';
import { normaliseEmail } from './email.ts';
import type { Passwords } from './passwords.ts';

const FAILURES = 10;
const WINDOW_S = 15 * 60;

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
  const running = new Map<string, Promise<Principal | undefined>>();

  async function prove(email: string, password: string, address: string): Promise<Principal | undefined> {
    const guesser = `${address} ${email}`;
    // Counted before it is checked, so that guesses made at once are counted too.
    await limiter.consume(guesser).catch(refuse);
    let principal: Principal | undefined;
    try {
      principal = await check(deps, email, password);
    } catch (error) {
      // Nothing was learnt, so nothing counts.
      await limiter.reward(guesser);
      throw error;
    }
    if (principal) await limiter.delete(guesser);
    return principal;
  }

  return (givenEmail, password, address) => {
    const email = normaliseEmail(givenEmail);
    const key = JSON.stringify([email, password, address]);
    const known = running.get(key);
    if (known) return known;
    const proof = prove(email, password, address).finally(() => running.delete(key));
    running.set(key, proof);
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
