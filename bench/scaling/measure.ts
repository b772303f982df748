/** Each fleet under each load, once per round: started for it, warmed up, measured, stopped. */
import type { Progress } from '../../cli/progress.ts';
import { measureRow } from '../measure.ts';
import type { MeasureDeps, Measured } from '../measure.ts';
import type { Row } from '../rows.ts';
import { inTurn } from '../turns.ts';
import { startFleet } from './fleets.ts';
import type { ScaledFleet } from './fleets.ts';

export interface ScalingLoad extends Pick<Row, 'connections' | 'ask'> {
  label: string;
}

/** More than enough under way to keep eight partitions busy, and less than an API process refuses. */
export const LOADS: readonly ScalingLoad[] = [
  {
    label: '1,024 connections, a transfer each',
    connections: 1024,
    ask: () => ({ kind: 'transfer', isKeyed: false }),
  },
  { label: '64 connections, 100 transfers each', connections: 64, ask: () => ({ kind: 'bulk', items: 100 }) },
];

export interface ScalingResult {
  load: string;
  partitions: number;
  workers: number;
  /** By round. */
  measured: Measured[];
}

export interface ScalingPlan {
  rounds: number;
  seconds: number;
  proxyPort: number;
  signal: AbortSignal;
  progress: Progress;
}

const WARM_UP_SECONDS = 2;

export async function measureFleets(
  fleets: readonly ScaledFleet[],
  plan: ScalingPlan,
  deps: MeasureDeps,
): Promise<ScalingResult[]> {
  const results: ScalingResult[] = [];
  for (let round = 0; round < plan.rounds; round++) {
    for (const fleet of inTurn(fleets, round, plan.rounds)) {
      plan.signal.throwIfAborted();
      for (const [load, measured] of await measureFleet(fleet, plan, deps)) {
        resultOf(results, load, fleet).measured.push(measured);
      }
      plan.progress.update(results.reduce((sum, { measured }) => sum + measured.length, 0));
    }
  }
  return results;
}

async function measureFleet(
  fleet: ScaledFleet,
  { seconds, proxyPort }: ScalingPlan,
  deps: MeasureDeps,
): Promise<Map<ScalingLoad, Measured>> {
  const target = await startFleet(fleet, deps.servers, proxyPort);
  const measured = new Map<ScalingLoad, Measured>();
  const measure = async (load: ScalingLoad, forSeconds: number) => {
    const result = await measureRow(deps, load, target, forSeconds);
    fleet.acknowledged += result.moved;
    return result;
  };
  try {
    for (const load of LOADS) {
      await measure(load, WARM_UP_SECONDS);
      measured.set(load, await measure(load, seconds));
    }
    return measured;
  } finally {
    await target.stop();
  }
}

function resultOf(results: ScalingResult[], { label: load }: ScalingLoad, { partitions, workers }: ScaledFleet) {
  const known = findResult(results, { load, partitions, workers });
  if (known) return known;
  const result: ScalingResult = { load, partitions, workers, measured: [] };
  results.push(result);
  return result;
}

type ResultKey = Pick<ScalingResult, 'load' | 'partitions' | 'workers'>;

export function findResult(results: readonly ScalingResult[], key: ResultKey): ScalingResult | undefined {
  return results.find(
    ({ load, partitions, workers }) => load === key.load && partitions === key.partitions && workers === key.workers,
  );
}

/** What was compared, in order. */
export function countsOf(results: readonly ScalingResult[]): {
  loads: string[];
  partitions: number[];
  workers: number[];
} {
  const ascending = (counts: readonly number[]) => [...new Set(counts)].sort((a, b) => a - b);
  return {
    loads: LOADS.map(({ label }) => label).filter((label) => results.some(({ load }) => load === label)),
    partitions: ascending(results.map(({ partitions }) => partitions)),
    workers: ascending(results.map(({ workers }) => workers)),
  };
}
