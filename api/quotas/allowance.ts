/**
 * So much a second for each account, and up to a second's worth at once: what a token bucket does, kept as one number, the
 * moment at which the bucket of an account is or was empty.
 *
 *     spent, and something was left ──▶ at once, however much it is: a whole list goes through, and its account is in debt
 *     in debt for less than `patienceMs` ──▶ in its turn, so much later
 *     in debt for more ──▶ refused, and nothing is added to the debt
 *
 * By hand, because the limiters of the libraries count windows and refuse what is larger than one. It costs a look into a
 * map. Accounts that have not been heard of for longest are forgotten, which forgives them.
 */
import { LRUCache } from 'lru-cache';

const MAX_ACCOUNTS = 100_000;
const FULL_AFTER_MS = 1_000;

export interface Allowance {
  /** Spends `cost` and answers in how many milliseconds it is its turn; undefined for no turn at all. */
  spend: (account: bigint, cost: number) => number | undefined;
  /** Adds to what the account has spent, whatever is left. */
  charge: (account: bigint, cost: number) => void;
  /** For how long the account is in debt. */
  debtMs: (account: bigint) => number;
}

/** `perSecond` may be infinite: then nothing is ever refused. */
export function createAllowance(options: { perSecond: number; patienceMs: number; now: () => number }): Allowance {
  const { perSecond, patienceMs, now } = options;
  const emptyAtMs = new LRUCache<bigint, number>({ max: MAX_ACCOUNTS });
  const emptyAt = (account: bigint) => Math.max(emptyAtMs.get(account) ?? -Infinity, now() - FULL_AFTER_MS);
  const debtMs = (account: bigint) => Math.max(0, emptyAt(account) - now());
  const charge = (account: bigint, cost: number) => {
    emptyAtMs.set(account, emptyAt(account) + (cost * 1_000) / perSecond);
  };
  return {
    spend: (account, cost) => {
      const waitMs = debtMs(account);
      if (waitMs > patienceMs) return undefined;
      charge(account, cost);
      return waitMs;
    },
    charge,
    debtMs,
  };
}
