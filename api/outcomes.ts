/**
 * What the API knows of operations, read from PostgreSQL and nowhere else: once for an envelope, together for all the
 * requests that ask for a single one, and repeatedly for those that wait for one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readOutcomes } from '../shared/store/readOutcomes.ts';
import type { KnownOutcome } from '../shared/store/readOutcomes.ts';
import type { Pool } from '../shared/store/pool.ts';
import type { DatabaseClock } from '../shared/time.ts';
import { createBatcher } from './batcher.ts';
import type { DatabaseGuard } from './databaseGuard.ts';

/** How often a request that waits for an operation of another request looks again. All of them share one query. */
const WATCH_PAUSE_MS = 100;

export interface Outcomes {
  /** What is known of `ids`, by id. */
  read: (ids: readonly string[]) => Promise<Map<string, KnownOutcome>>;
  lookUp: (id: string) => Promise<KnownOutcome | undefined>;
  /** Waits until the operation is decided, at most `timeoutMs` or until the process is to stop; answers what is known then. */
  watch: (id: string, timeoutMs: number) => Promise<KnownOutcome | undefined>;
  /** The same for whatever `look` sees: what is not for the asker's eyes must take as long as what is not there. */
  watchFor: <T>(
    timeoutMs: number,
    look: () => Promise<{ value: T; isFinal: boolean } | undefined>,
  ) => Promise<T | undefined>;
}

interface OutcomesDeps {
  pool: Pool;
  guard: DatabaseGuard;
  clock: DatabaseClock;
  stopping?: AbortSignal;
}

export function createOutcomes(deps: OutcomesDeps): Outcomes {
  const read = (ids: readonly string[]) => deps.guard(() => readOutcomes(deps.pool, ids, deps.clock.observe));
  const lookUp = createBatcher(async (ids: string[]) => {
    const known = await read(ids);
    return ids.map((id) => known.get(id));
  });
  const watchFor: Outcomes['watchFor'] = async (timeoutMs, look) => {
    const untilMs = performance.now() + timeoutMs;
    for (;;) {
      const seen = await look();
      const leftMs = untilMs - performance.now();
      if (seen?.isFinal || leftMs <= 0 || deps.stopping?.aborted) return seen?.value;
      await sleep(Math.min(WATCH_PAUSE_MS, leftMs));
    }
  };
  const watch: Outcomes['watch'] = (id, timeoutMs) =>
    watchFor(timeoutMs, async () => {
      const known = await lookUp(id);
      return known && { value: known, isFinal: known.state !== 'pending' };
    });
  return { read, lookUp, watch, watchFor };
}
