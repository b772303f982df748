/**
 * Fresh ids (UUID version 7): every request needs two, so the randomness for many of them is drawn at once, which costs a
 * small part of drawing sixteen bytes each time.
 */
import { randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

const BYTES_PER_ID = 16;
const pool = new Uint8Array(256 * BYTES_PER_ID);
let used = pool.length;

export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, (used += BYTES_PER_ID));
  return uuidv7({ random });
}
