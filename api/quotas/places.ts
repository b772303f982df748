/**
 * Places for reads in this process, and of each account: what is being read takes connections and, once it is there, the
 * event loop's time, which payments need. Whoever finds no place waits in line for one, for a second at most.
 */
import { Problem } from '../http/problem.ts';

/** Of one account, whichever sessions it has. */
const EACH = 4;
const MAX_WAITING = 500;
const PATIENCE_MS = 1_000;

interface Waiting {
  account: bigint;
  begin: () => void;
}

/** Resolves with how to leave the place; throws `rate_limited` or, where others have taken all, `overloaded`. */
export type TakePlace = (account: bigint) => Promise<() => void>;

export function createPlaces(all: number): TakePlace {
  const takenBy = new Map<bigint, number>();
  const line = new Set<Waiting>();
  let taken = 0;
  const hasRoom = (account: bigint) => taken < all && (takenBy.get(account) ?? 0) < EACH;

  const enter = (account: bigint): (() => void) => {
    taken += 1;
    takenBy.set(account, (takenBy.get(account) ?? 0) + 1);
    return () => {
      taken -= 1;
      const left = (takenBy.get(account) ?? 0) - 1;
      if (left > 0) takenBy.set(account, left);
      else takenBy.delete(account);
      for (const waiting of line) {
        if (!hasRoom(waiting.account)) continue;
        waiting.begin();
        return;
      }
    };
  };

  return (account) => {
    if (hasRoom(account)) return Promise.resolve(enter(account));
    if (line.size >= MAX_WAITING) return Promise.reject(new Problem('overloaded'));
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        account,
        begin: () => {
          line.delete(waiting);
          clearTimeout(timer);
          resolve(enter(account));
        },
      };
      const timer = setTimeout(() => {
        line.delete(waiting);
        const isOwnDoing = (takenBy.get(account) ?? 0) >= EACH;
        reject(isOwnDoing ? new Problem('rate_limited', { retryAfterSeconds: 1 }) : new Problem('overloaded'));
      }, PATIENCE_MS);
      line.add(waiting);
    });
  };
}
