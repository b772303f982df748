/**
 * Remembers verified HTTP Basic credentials for a minute, each with the one session it started, so that a client
 * without cookies neither proves its password nor starts a session on every call. While nobody can prove anything, for the
 * database is away or too many wait, what was proven within the hour counts: so /metrics tells of an outage for as long.
 * A header is known by its MAC: the memory holds no password.
 */
import { LRUCache } from 'lru-cache';
import type { Principal } from '../http/route.ts';
import { createKeyedMac } from './keyedMac.ts';

const REMEMBERED_MS = 60_000;
const REMEMBERED_IN_OUTAGE_MS = 60 * 60_000;
const MAX_REMEMBERED = 10_000;

export interface Remembered {
  principal: Principal;
  /** The id of the session that these credentials are starting or have started. */
  starting?: Promise<string>;
  /** The same once it is there. */
  sessionId?: string;
}

interface Proven {
  known: Remembered;
  atMs: number;
}

export interface BasicMemory {
  recall: (header: string, options?: { isOutage: boolean }) => Remembered | undefined;
  /** What is remembered from now on: of proofs made at once, the first. */
  remember: (header: string, principal: Principal) => Remembered;
  forget: (header: string) => void;
  /** Forgets whatever would hand this session out again. */
  forgetSession: (id: string) => void;
}

export function createBasicMemory(): BasicMemory {
  const mac = createKeyedMac();
  const remembered = new LRUCache<string, Proven>({ max: MAX_REMEMBERED, ttl: REMEMBERED_IN_OUTAGE_MS });
  const fresh = (proven: Proven | undefined, forMs: number) =>
    proven && performance.now() - proven.atMs < forMs ? proven.known : undefined;
  return {
    recall: (header, { isOutage } = { isOutage: false }) =>
      fresh(remembered.get(mac(header)), isOutage ? REMEMBERED_IN_OUTAGE_MS : REMEMBERED_MS),
    remember(header, principal) {
      const name = mac(header);
      const known = fresh(remembered.get(name), REMEMBERED_MS);
      if (known) return known;
      const made: Remembered = { principal };
      remembered.set(name, { known: made, atMs: performance.now() });
      return made;
    },
    forget: (header) => void remembered.delete(mac(header)),
    forgetSession(id) {
      for (const { known } of remembered.values()) {
        if (known.sessionId !== id) continue;
        delete known.starting;
        delete known.sessionId;
      }
    },
  };
}
