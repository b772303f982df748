/**
 * How often an address may do something within a minute, in this process. Nothing is kept of an address before it has
 * done it, so that asking from many addresses costs no memory.
 */
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { Problem } from '../http/problem.ts';

const WINDOW_S = 60;

export interface Quota {
  /** Throws `rate_limited` when the address has used it up. */
  refuse: (address: string) => Promise<void>;
  count: (address: string) => Promise<void>;
}

export function createQuota(perMinute: number): Quota {
  const limiter = new RateLimiterMemory({ points: perMinute, duration: WINDOW_S });
  return {
    async refuse(address) {
      const used = await limiter.get(address);
      if (!used || used.consumedPoints < perMinute) return;
      throw new Problem('rate_limited', { retryAfterSeconds: Math.max(1, Math.ceil(used.msBeforeNext / 1000)) });
    },
    async count(address) {
      await limiter.penalty(address);
    },
  };
}
