/**
 * Sessions that were read a moment ago, so that a busy client costs no query per request. What is remembered is at most
 * five seconds old: a logout counts at once in the process that serves it, and within that time in the others. While the
 * database is away no session can be read, and operators who were seen within the hour are believed: what they can do then
 * is look at the console's last figures, for whatever changes something is written down first.
 */
import { LRUCache } from 'lru-cache';
import type { Principal } from '../../http/route.ts';

const MAX_AGE_MS = 5_000;
const MAX_REMEMBERED = 20_000;
const MAX_AGE_IN_OUTAGE_MS = 60 * 60_000;
const MAX_OPERATORS = 1_000;

interface Known {
  signed: string;
  principal: Principal;
  atMs: number;
}

export interface SessionCache {
  /** The principal of a cookie (`<session id>.<signature>`), if exactly this one was found good a moment ago. */
  recall: (signed: string, options?: { isOutage: boolean }) => Principal | undefined;
  /** Call before a session is read; what it answers remembers who was found, unless a session has ended meanwhile. */
  beginRead: (signed: string) => (principal: Principal) => void;
  forget: (sessionId: string) => void;
}

export function createSessionCache(): SessionCache {
  const remembered = new LRUCache<string, Known>({ max: MAX_REMEMBERED, ttl: MAX_AGE_MS });
  const operators = new LRUCache<string, Known>({ max: MAX_OPERATORS, ttl: MAX_AGE_IN_OUTAGE_MS });
  let endings = 0;

  return {
    recall(signed, { isOutage } = { isOutage: false }) {
      const id = idOf(signed);
      const known =
        fresh(remembered.get(id), MAX_AGE_MS) ??
        (isOutage ? fresh(operators.get(id), MAX_AGE_IN_OUTAGE_MS) : undefined);
      return known?.signed === signed ? known.principal : undefined;
    },
    beginRead(signed) {
      const endedBefore = endings;
      return (principal) => {
        if (endings !== endedBefore) return;
        const known: Known = { signed, principal, atMs: performance.now() };
        remembered.set(idOf(signed), known);
        if (principal.role === 'operator') operators.set(idOf(signed), known);
      };
    },
    forget(sessionId) {
      endings++;
      remembered.delete(sessionId);
      operators.delete(sessionId);
    },
  };
}

function idOf(signed: string): string {
  return signed.slice(0, signed.indexOf('.'));
}

function fresh(known: Known | undefined, forMs: number): Known | undefined {
  return known && performance.now() - known.atMs < forMs ? known : undefined;
}
