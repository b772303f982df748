/**
 * What the API knows of operations, read from PostgreSQL and nowhere else: once for an envelope, together for all the
 * requests that ask for a single one, and repeatedly for those that wait for one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { classifyFault } from '../shared/store/classifyFault.ts';
import { readOutcomes } from '../shared/store/readOutcomes.ts';
import type { KnownOutcome } from '../shared/store/readOutcomes.ts';
import type { Dependency } from '../shared/dependency.ts';
import type { Pool } from '../shared/store/pool.ts';
import type { DatabaseClock } from '../shared/time.ts';
import { createBatcher } from './batcher.ts';

/** How often a request that waits for an operation of another request looks again. All of them share one query. */
const WATCH_PAUSE_MS = 100;

export interface Outcomes {
  /** What is known of `ids`, by id. */
  read: (ids: readonly string[]) => Promise<Map<string, KnownOutcome>>;
  lookUp: (id: string) => Promise<KnownOutcome | undefined>;
  /** Waits until the operation is decided, at most `timeoutMs` or until the process is to stop; answers what is known then. */
  watch: (id: string, timeoutMs: number) => Promise<KnownOutcome | undefined>;
}

interface OutcomesDeps {
  pool: Pool;
  database: Dependency;
  clock: DatabaseClock;
  stopping?: AbortSignal;
}

export function createOutcomes(deps: OutcomesDeps): Outcomes {
  const read = async (ids: readonly string[]) => {
    try {
      return await readOutcomes(deps.pool, ids, deps.clock.observe);
    } catch (error) {
      if (classifyFault(error) !== 'data') deps.database.reportFailure();
      throw error;
    }
  };
  const lookUp = createBatcher(async (ids: string[]) => {
    const known = await read(ids);
    return ids.map((id) => known.get(id));
  });
  const watch = async (id: string, timeoutMs: number) => {
    const untilMs = performance.now() + timeoutMs;
    for (;;) {
      const known = await lookUp(id);
      if (known && known.state !== 'pending') return known;
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0 || deps.stopping?.aborted) return known;
      await sleep(Math.min(WATCH_PAUSE_MS, leftMs));
    }
  };
  return { read, lookUp, watch };
}
