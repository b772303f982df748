/**
 * Sessions that were read a moment ago, so that a busy client costs no query per request. What is remembered is at most
 * five seconds old: a logout counts at once in the process that serves it, and within that time in the others.
 */
import { LRUCache } from 'lru-cache';
import type { Principal } from '../route.ts';

const MAX_AGE_MS = 5_000;
const MAX_REMEMBERED = 20_000;

export interface SessionCache {
  /** The principal of a cookie (`<session id>.<signature>`), if exactly this one was found good a moment ago. */
  recall: (signed: string) => Principal | undefined;
  /** Call before a session is read; what it answers remembers who was found, unless a session has ended meanwhile. */
  beginRead: (signed: string) => (principal: Principal) => void;
  forget: (sessionId: string) => void;
}

export function createSessionCache(): SessionCache {
  const remembered = new LRUCache<string, { signed: string; principal: Principal }>({
    max: MAX_REMEMBERED,
    ttl: MAX_AGE_MS,
  });
  let endings = 0;

  return {
    recall(signed) {
      const known = remembered.get(idOf(signed));
      return known?.signed === signed ? known.principal : undefined;
    },
    beginRead(signed) {
      const endedBefore = endings;
      return (principal) => {
        if (endings === endedBefore) remembered.set(idOf(signed), { signed, principal });
      };
    },
    forget(sessionId) {
      endings++;
      remembered.delete(sessionId);
    },
  };
}

function idOf(signed: string): string {
  return signed.slice(0, signed.indexOf('.'));
}
