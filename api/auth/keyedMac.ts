/**
 * What memory calls a credential or a session: a MAC under a key that lives in this process only. Whoever gets to see the
 * memory of a process, in a core dump or on a swapped page, finds no name in there that would open anything.
 */
import { createHmac, randomBytes } from 'node:crypto';

/** Of all parts together; no other parts have the same. */
export type KeyedMac = (...parts: string[]) => string;

export function createKeyedMac(): KeyedMac {
  const key = randomBytes(32);
  return (...parts) => createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64');
}
