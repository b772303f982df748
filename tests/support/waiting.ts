/** Waiting on a condition, with a bound, instead of sleeping and hoping. */
import { setTimeout as delay } from 'node:timers/promises';

const LOOK_AGAIN_MS = 20;

/** The first value that is neither undefined nor false. Rejects, naming what was awaited, after `limitMs`. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  limitMs = 15_000,
): Promise<Exclude<T, undefined | false>> {
  const deadlineMs = Date.now() + limitMs;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    if (Date.now() >= deadlineMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await delay(LOOK_AGAIN_MS);
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
