/**
 * Sessions that were read a moment ago, so that a busy client costs no query per request. What is remembered is at most
 * five seconds old: a logout counts at once in the process that serves it, and within that time in the others.
 */
import { LRUCache } from 'lru-cache';
import type { Principal } from '../route.ts';

const MAX_AGE_MS = 5_000;
const MAX_REMEMBERED = 20_000;

/** The part of a request that says whose it is. */
interface Asking {
  headers: { cookie?: string | undefined };
}

export interface SessionCache {
  /** The principal of the request's cookie, if exactly this cookie was found good a moment ago. */
  recall: (req: Asking) => Principal | undefined;
  /** Call before a session is read; what it answers remembers who was found, unless a session has ended meanwhile. */
  beginRead: (req: Asking) => (principal: Principal) => void;
  forget: (sessionId: string) => void;
  /** `<session id>.<signature>` of the request's cookie, if it is in the form in which we give it out. */
  signedIdOf: (req: Asking) => string | undefined;
}

export function createSessionCache(cookieName: string): SessionCache {
  const remembered = new LRUCache<string, { cookie: string; principal: Principal }>({
    max: MAX_REMEMBERED,
    ttl: MAX_AGE_MS,
  });
  let endings = 0;
  const cookieOf = createCookieReader(cookieName);

  return {
    recall(req) {
      const cookie = cookieOf(req);
      const known = cookie && remembered.get(idOf(cookie));
      return known && known.cookie === cookie ? known.principal : undefined;
    },
    beginRead(req) {
      const endedBefore = endings;
      return (principal) => {
        const cookie = cookieOf(req);
        if (cookie && endings === endedBefore) remembered.set(idOf(cookie), { cookie, principal });
      };
    },
    forget(sessionId) {
      endings++;
      remembered.delete(sessionId);
    },
    signedIdOf: (req) => decoded(cookieOf(req)),
  };
}

/** The cookie's value as it was sent, signature and all, if it is in the form in which we give it out. */
function createCookieReader(name: string): (req: Asking) => string | undefined {
  const start = `${name}=s%3A`;
  return ({ headers: { cookie = '' } }) => {
    const from = cookie.startsWith(start) ? 0 : cookie.indexOf(`; ${start}`) + 2;
    if (from === 1) return undefined;
    const end = cookie.indexOf(';', from);
    return cookie.slice(from + start.length, end === -1 ? undefined : end);
  };
}

/** What express-session gives out is `s:<id>.<signature>`, percent-encoded; the id has no dot. */
function idOf(cookie: string): string {
  return cookie.slice(0, cookie.indexOf('.'));
}

function decoded(value: string | undefined): string | undefined {
  try {
    return value && decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
