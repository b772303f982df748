/**
 * Load at a fixed rate of arrivals: the n-th request is due at a moment that was fixed before the first was sent, and
 * its latency counts from that moment, whatever the ones before it are doing. A client that waits for an answer before
 * it sends the next request does not see how long others would have waited (coordinated omission); this one does.
 *
 * wrk has no rates, and autocannon's `overallRate` waits for a connection's answer before it sends the next request on
 * it and then estimates what it has missed; so this is a small generator of our own.
 */
import { runGenerator } from './generator.ts';
import type { Load, LoadResult } from './load.ts';

/** At the beginning of a load, whose answers are not counted. */
export const UNCOUNTED_SECONDS = 3;

export interface OpenLoad extends Load {
  /** Arrivals. */
  perSecond: number;
}

export function runOpenLoop(load: OpenLoad, onPid: (pid: number) => void, spareMs?: number): Promise<LoadResult> {
  return runGenerator('bench/load/openLoopProcess.ts', load, onPid, spareMs);
}
