/**
 * What the API knows of operations, read from PostgreSQL and nowhere else: once for an envelope, together for all the
 * requests that ask for a single one, and repeatedly for those that wait for one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readOperations } from '../../shared/store/ledger/readOperation.ts';
import type { OperationView } from '../../shared/store/ledger/operationView.ts';
import type { UnreadablePromise } from '../../shared/store/ledger/readOperation.ts';
import { readOutcomes } from '../../shared/store/ledger/readOutcomes.ts';
import type { KnownOutcome } from '../../shared/store/ledger/readOutcomes.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import type { DatabaseClock } from '../../shared/time.ts';
import { createBatcher } from '../../shared/batcher.ts';
import type { Certainty } from './certainty.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';

/** How often a request that waits for an operation of another request looks again. */
const WATCH_PAUSE_MS = 100;

export interface Outcomes {
  /** What is known of `ids`, by id. */
  read: (ids: readonly string[]) => Promise<Map<string, KnownOutcome>>;
  lookUp: (id: string) => Promise<KnownOutcome | undefined>;
  /** The operation in full, by its id in lower case. */
  lookUpOperation: (id: string) => Promise<OperationView | UnreadablePromise | undefined>;
  /** Waits until the operation is decided, at most `timeoutMs` or until the process is to stop; answers what is known then. */
  watch: (id: string, timeoutMs: number) => Promise<KnownOutcome | undefined>;
  /** The same for whatever `look` sees: what is not for the asker's eyes must take as long as what is not there. */
  watchFor: <T>(
    timeoutMs: number,
    look: () => Promise<{ value: T | undefined; isFinal: boolean }>,
    pauseMs?: number,
  ) => Promise<T | undefined>;
}

interface OutcomesDeps {
  /** For what payments wait for. */
  pool: Pool;
  /** For who only looks. */
  readPool: Pool;
  guard: DatabaseGuard;
  clock: DatabaseClock;
  certainty: Pick<Certainty, 'confirm'>;
  stopping?: AbortSignal;
  /** Told how long each read took, whatever came of it. */
  onRead?: (durationMs: number) => void;
}

export function createOutcomes(deps: OutcomesDeps): Outcomes {
  const read = async (ids: readonly string[]) => {
    const startedMs = performance.now();
    try {
      const observe = deps.clock.beginObservation();
      return await deps.guard(() =>
        readOutcomes(deps.pool, ids, { onClock: observe, confirm: deps.certainty.confirm }),
      );
    } finally {
      deps.onRead?.(performance.now() - startedMs);
    }
  };
  const lookUp = createBatcher(async (ids: string[]) => {
    const known = await read(ids);
    return ids.map((id) => known.get(id));
  });
  const lookUpOperation = createBatcher(async (ids: string[]) => {
    const found = await deps.guard(() => readOperations(deps.readPool, [...new Set(ids)], deps.certainty.confirm));
    return ids.map((id) => found.get(id));
  });
  // Whoever waits looks again in the same moments as all the others: so they share a list, and with it one query.
  let moment: Promise<void> | undefined;
  const nextMoment = () => {
    moment ??= sleep(WATCH_PAUSE_MS).then(() => {
      moment = undefined;
    });
    return moment;
  };
  const watchFor: Outcomes['watchFor'] = async (timeoutMs, look, pauseMs = WATCH_PAUSE_MS) => {
    const untilMs = performance.now() + timeoutMs;
    for (;;) {
      const { value, isFinal } = await look();
      const leftMs = untilMs - performance.now();
      if (isFinal || leftMs <= 0 || deps.stopping?.aborted) return value;
      await (pauseMs === WATCH_PAUSE_MS && leftMs >= pauseMs ? nextMoment() : sleep(Math.min(leftMs, pauseMs)));
    }
  };
  const watch: Outcomes['watch'] = (id, timeoutMs) =>
    watchFor(timeoutMs, async () => {
      const value = await lookUp(id);
      return { value, isFinal: value !== undefined && value.state !== 'pending' };
    });
  return { read, lookUp, lookUpOperation, watch, watchFor };
}
