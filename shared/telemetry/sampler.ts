/**
 * Writes the process's sample every five seconds, and counts for the whole fleet while it is this process's turn.
 *
 * The turn is a session advisory lock on the connection that writes the samples: it falls free when that process dies,
 * and when it is frozen, for PostgreSQL ends a session that is silent for too long. A row that cannot be written is
 * dropped without a word: that the database is away is said elsewhere, and the next row has its counts.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import { ADVISORY_LOCKS } from '../store/database/advisoryLocks.ts';
import type { Pool } from '../store/database/pool.ts';
import { writeSample } from '../store/fleet/writeSample.ts';
import type { CountFleet } from './fleet.ts';
import type { ProcessMetrics } from './processMetrics.ts';
import { SAMPLE_PERIOD_MS } from './sample.ts';
import type { SampleRole } from './sample.ts';
import { takeTotals } from './totals.ts';

interface SamplerDeps {
  /** Of `createSamplePool`: one session. */
  pool: Pool;
  role: SampleRole;
  registry: Registry;
  processMetrics: ProcessMetrics;
  countFleet: CountFleet;
  periodMs?: number;
}

export interface Sampler {
  /** Resolves once nothing is written any more. */
  stop: () => Promise<void>;
}

/** The first sample is written at once: it is what the second is compared with. */
export function startSampler(deps: SamplerDeps): Sampler {
  const { pool, role, registry, processMetrics, periodMs = SAMPLE_PERIOD_MS } = deps;
  const name = `${hostname()}-${process.pid}-${randomBytes(2).toString('hex')}`;
  const hasTurn = createTurn(pool);
  const stopping = new AbortController();

  const sampleOnce = async () => {
    processMetrics.tick();
    const totals = await takeTotals(registry);
    if (await hasTurn()) Object.assign(totals.figures, await deps.countFleet());
    await writeSample(pool, { process: name, role, totals });
  };
  const run = async () => {
    while (!stopping.signal.aborted) {
      const dueMs = performance.now() + periodMs;
      await sampleOnce().catch(() => undefined);
      const leftMs = Math.max(0, dueMs - performance.now());
      await sleep(leftMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      processMetrics.close();
      // What is under way fails on the ended pool, and was to be dropped then anyway.
      await Promise.all([pool.end(), running]);
    },
  };
}

/** Whether this process counts for the fleet. The lock goes with the session, so a new session has to ask again. */
function createTurn(pool: Pool): () => Promise<boolean> {
  let isOurs = false;
  pool.on('connect', () => {
    isOurs = false;
  });
  return async () => {
    if (!isOurs) {
      const { rows } = await pool.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [
        ADVISORY_LOCKS.fleetCount,
      ]);
      isOurs = rows[0]?.held === true;
    }
    return isOurs;
  };
}
