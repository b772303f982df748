/**
 * Sessions that were read a moment ago, so that a busy client costs no query per request. What is remembered is at most
 * five seconds old: a logout counts at once in the process that serves it, and within that time in the others. While the
 * database is away no session can be read, and operators who were seen within the hour are believed: what they can do then
 * is look at the console's last figures, for whatever changes something is written down first. A cookie
 * (`<session id>.<signature>`) is known by the MAC of all of it: the memory holds none that could be sent.
 */
import { LRUCache } from 'lru-cache';
import type { Principal } from '../../http/route.ts';
import { createKeyedMac } from '../keyedMac.ts';

const MAX_AGE_MS = 5_000;
const MAX_REMEMBERED = 20_000;
const MAX_AGE_IN_OUTAGE_MS = 60 * 60_000;
const MAX_OPERATORS = 1_000;

interface Known {
  principal: Principal;
  atMs: number;
}

export interface SessionCache {
  /** The principal of a cookie, if exactly this one was found good a moment ago. */
  recall: (signed: string, options?: { isOutage: boolean }) => Principal | undefined;
  /** Call before a session is read; what it answers remembers who was found, unless a session has ended meanwhile. */
  beginRead: (signed: string) => (principal: Principal) => void;
  forget: (signed: string) => void;
}

export function createSessionCache(): SessionCache {
  const mac = createKeyedMac();
  const remembered = new LRUCache<string, Known>({ max: MAX_REMEMBERED, ttl: MAX_AGE_MS });
  const operators = new LRUCache<string, Known>({ max: MAX_OPERATORS, ttl: MAX_AGE_IN_OUTAGE_MS });
  let endings = 0;

  return {
    recall(signed, { isOutage } = { isOutage: false }) {
      const name = mac(signed);
      return (
        fresh(remembered.get(name), MAX_AGE_MS) ??
        (isOutage ? fresh(operators.get(name), MAX_AGE_IN_OUTAGE_MS) : undefined)
      );
    },
    beginRead(signed) {
      const endedBefore = endings;
      return (principal) => {
        if (endings !== endedBefore) return;
        const name = mac(signed);
        const known: Known = { principal, atMs: performance.now() };
        remembered.set(name, known);
        if (principal.role === 'operator') operators.set(name, known);
      };
    },
    forget(signed) {
      endings++;
      const name = mac(signed);
      remembered.delete(name);
      operators.delete(name);
    },
  };
}

function fresh(known: Known | undefined, forMs: number): Principal | undefined {
  return known && performance.now() - known.atMs < forMs ? known.principal : undefined;
}
