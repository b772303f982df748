/**
 * One service, asked steadily, alone and under each harm in turns: what was measured alone is always the neighbour of what
 * it is compared with.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { showProgress } from '../../cli/progress.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { readDatabaseTime } from '../../shared/store/database/readDatabaseTime.ts';
import { readSamples } from '../../shared/store/fleet/readSamples.ts';
import { SAMPLE_PERIOD_MS, seriesKey } from '../../shared/telemetry/sample.ts';
import { cpuMs } from '../../tests/support/cpu.ts';
import { runGenerator } from '../load/generator.ts';
import type { Ask, LatencyMs, LoadResult } from '../load/load.ts';
import { UNCOUNTED_SECONDS, runOpenLoop } from '../load/openLoop.ts';
import { untilQuiet } from '../quiet.ts';
import type { Target } from '../targets/target.ts';
import type { Harm } from './harms.ts';
import type { HarmLoad, HarmResult } from './harmLoad.ts';

/** Who is to be unharmed, and how often they come. */
export interface Victim {
  name: string;
  ask: Ask;
  perSecond: number;
}

export interface Suffered {
  statuses: Record<string, number>;
  failed: number;
  done: number;
  latencyMs: LatencyMs;
}

/** By round. */
export interface HarmFigures extends Pick<Harm, 'id' | 'label' | 'connections'> {
  victim: string;
  alone: Suffered[];
  harmed: Suffered[];
  /** The longest that the API's event loop was held meanwhile. */
  heldMs: number[];
  harm: HarmResult[];
}

export interface HarmPlan {
  rounds: number;
  seconds: number;
  signal: AbortSignal;
}

interface HarmDeps {
  target: Target;
  pool: Pool;
  peopleFile: string;
  victimsOf: (harm: Harm) => readonly Victim[];
}

/** Enough that payments do not wait for a free one while the service answers. */
const CONNECTIONS = 32;
const WARM_UP_SECONDS = 3;
/** What was due while a service is held is asked all the same, and answered late or not at all. */
const PATIENCE_MS = 300_000;

export async function measureHarms(harms: readonly Harm[], plan: HarmPlan, deps: HarmDeps): Promise<HarmFigures[]> {
  const { rounds, signal } = plan;
  const rows = harms.map((harm) => ({
    harm,
    figures: deps.victimsOf(harm).map(({ name }): HarmFigures => {
      const { id, label, connections } = harm;
      return { id, label, connections, victim: name, alone: [], harmed: [], heldMs: [], harm: [] };
    }),
  }));
  const [first] = harms;
  if (first) await measure(undefined, first, { ...plan, seconds: WARM_UP_SECONDS }, deps);
  const progress = showProgress('measured', rounds * rows.length);
  let done = 0;
  try {
    for (let round = 0; round < rounds; round++) {
      for (const { harm, figures } of rows) {
        signal.throwIfAborted();
        const alone = await measure(undefined, harm, plan, deps);
        const harmed = await measure(harm, harm, plan, deps);
        for (const [index, row] of figures.entries()) {
          row.alone.push(alone.suffered[index] as Suffered);
          row.harmed.push(harmed.suffered[index] as Suffered);
          row.heldMs.push(harmed.heldMs);
          if (harmed.harm) row.harm.push(harmed.harm);
        }
        progress.update(++done);
      }
    }
  } finally {
    progress.stop();
  }
  return rows.flatMap(({ figures }) => figures);
}

async function measure(harm: Harm | undefined, row: Harm, { seconds }: HarmPlan, deps: HarmDeps) {
  const { target, pool, peopleFile, victimsOf } = deps;
  const { url } = target;
  const sinceMs = await readDatabaseTime(pool);
  const doing = harm && runHarm({ ...harm, url, seconds: UNCOUNTED_SECONDS + seconds });
  const loads = victimsOf(row).map(({ ask, perSecond }) =>
    runOpenLoop({ url, ask, perSecond, connections: CONNECTIONS, seconds, peopleFile }, () => undefined, PATIENCE_MS),
  );
  const [suffered, harmResult] = await Promise.all([Promise.all(loads), doing]);
  await untilIdle(Object.values(target.processes));
  await untilQuiet(target.databaseUrl);
  return { suffered: suffered.map(toSuffered), harm: harmResult, heldMs: await longestHoldMs(pool, sinceMs) };
}

function toSuffered({ statuses, failed, done, latencyMs }: LoadResult): Suffered {
  return { statuses, failed, done, latencyMs };
}

function runHarm({ url, ask, connections, seconds }: HarmLoad): Promise<HarmResult> {
  const order: HarmLoad = { url, ask, connections, seconds };
  return runGenerator('bench/harm/harmProcess.ts', order, () => undefined);
}

const IDLE_CORES = 0.2;
const LOOK_MS = 500;
const IDLE_LIMIT_MS = 60_000;

/** What is left of a harm must not be the neighbour's. Gives up quietly: a service that is busy for so long is itself a result. */
async function untilIdle(pids: readonly number[]): Promise<void> {
  const used = async () => (await Promise.all(pids.map(cpuMs))).reduce((sum, each) => sum + each, 0);
  const deadlineMs = performance.now() + IDLE_LIMIT_MS;
  for (let before = await used(); performance.now() < deadlineMs;) {
    await delay(LOOK_MS);
    const now = await used();
    if (now - before < IDLE_CORES * LOOK_MS) return;
    before = now;
  }
}

/** The API tells it with its next sample. */
async function longestHoldMs(pool: Pool, sinceMs: number): Promise<number> {
  await delay(SAMPLE_PERIOD_MS);
  const samples = await readSamples(pool, sinceMs);
  const series = seriesKey('saldo_event_loop_lag_seconds', { quantile: '1' });
  const held = samples.flatMap(({ role, figures }) => (role === 'api' ? [figures[series] ?? 0] : []));
  return Math.max(0, ...held) * 1000;
}
