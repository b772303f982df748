/**
 * Proving an e-mail and password. The same proof asked for many times at once is worked out once, and whoever guesses is
 * stopped: after ten failures for one e-mail from one address within a quarter of an hour nothing more is checked until
 * it has passed, in any API process, and after sixty for whatever e-mails nothing from that address for a minute. A
 * success forgets the failures of its e-mail. Credentials that were right before are in none of this.
 *
 *     proven within a day? ──yes──▶ the account has the same hash? ──yes──▶ in
 *            │ no                            │ no
 *            ▼                               ▼
 *     too many failures from the address? ─▶ a place ─▶ too many for the e-mail? ─▶ argon2
 */
import type { Env } from '../../shared/env.ts';
import { findUserByEmail } from '../../shared/store/accounts/findUserByEmail.ts';
import type { StoredUser } from '../../shared/store/accounts/findUserByEmail.ts';
import {
  countLoginFailure,
  forgetLoginFailures,
  withdrawLoginFailure,
} from '../../shared/store/accounts/loginFailures.ts';
import type { Pool, PrismaClient } from '../../shared/store/database/pool.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';
import { Problem } from '../http/problem.ts';
import type { Principal } from '../http/route.ts';
import { MAX_EMAIL_LENGTH, normaliseEmail } from './email.ts';
import { createKeyedMac } from './keyedMac.ts';
import type { Lanes } from './lanes.ts';
import { isPassword } from './passwords.ts';
import type { Credentials, ProvenCredentials } from './provenCredentials.ts';
import { createQuota } from './quota.ts';

/** Whose e-mail and password these are. Throws `rate_limited` or `overloaded`. */
export type Prove = (email: string, password: string, address: string) => Promise<Principal | undefined>;

interface ProofDeps {
  env: Pick<Env, 'CURRENCY' | 'MAX_FAILED_LOGINS' | 'MAX_FAILED_LOGINS_PER_MINUTE'>;
  pool: Pool;
  prisma: PrismaClient;
  guard: DatabaseGuard;
  lanes: Lanes;
  proven: ProvenCredentials;
}

interface Claim extends Credentials {
  address: string;
}

export function createProof({ env, pool, prisma, guard, lanes, proven }: ProofDeps): Prove {
  const failures = createQuota(env.MAX_FAILED_LOGINS_PER_MINUTE);
  const mac = createKeyedMac();
  const running = new Map<string, Promise<Principal | undefined>>();

  // An address that cannot be stored cannot be looked up either; it takes the same work as any other wrong one.
  const find = async (email: string): Promise<StoredUser | undefined> =>
    email.includes('\0') ? undefined : guard(() => findUserByEmail(prisma, email, env.CURRENCY));

  /** Counted before it is checked, so that guesses made at once are counted too. */
  async function countGuess(claim: Claim): Promise<void> {
    const lockedS = await guard(() => countLoginFailure(pool, claim, env.MAX_FAILED_LOGINS));
    if (lockedS === undefined) return;
    await failures.count(claim.address);
    throw new Problem('rate_limited', { retryAfterSeconds: Math.max(1, lockedS) });
  }

  async function check(claim: Claim): Promise<Principal | undefined> {
    await failures.refuse(claim.address);
    // In turn like the rest, so that a flood of guesses is never more than a few queries at once.
    const user = await find(claim.email);
    await countGuess(claim);
    let isRight: boolean;
    try {
      isRight = await isPassword(user?.passwordHash, claim.password);
    } catch (error) {
      // Nothing was learnt, so nothing counts.
      await guard(() => withdrawLoginFailure(pool, claim)).catch(() => undefined);
      throw error;
    }
    if (!user || !isRight) {
      await failures.count(claim.address);
      return undefined;
    }
    await guard(() => forgetLoginFailures(pool, claim));
    proven.remember(claim, user.passwordHash);
    return principalOf(user);
  }

  async function prove(claim: Claim): Promise<Principal | undefined> {
    if (claim.email.length > MAX_EMAIL_LENGTH) return undefined;
    if (proven.has(claim)) {
      const user = await find(claim.email);
      if (user && proven.fit(claim, user.passwordHash)) return principalOf(user);
      proven.forget(claim);
    }
    await failures.refuse(claim.address);
    return lanes.run('logIn', claim.address, () => check(claim));
  }

  return (givenEmail, password, address) => {
    const claim = { email: normaliseEmail(givenEmail), password, address };
    const asked = mac(claim.email, password, address);
    const known = running.get(asked);
    if (known) return known;
    const proof = prove(claim).finally(() => running.delete(asked));
    running.set(asked, proof);
    return proof;
  };
}

function principalOf(user: StoredUser): Principal {
  return { userId: user.id, role: user.role, walletId: user.walletId };
}
