/**
 * What the overview shows, worked out of the samples that the fleet's processes store (shared/telemetry/sample.ts).
 * Pure: samples in, figures out, so that the very same function makes a point of a chart and the figure above it.
 */
import { mergedHistogram, parseSeries, quantile, seriesKey, sumOf } from '../../../shared/telemetry/sample.ts';
import type { Sample } from '../../../shared/telemetry/sample.ts';

/** One stretch of time of the whole fleet. Undefined: nobody said. */
export interface Summary {
  appliedPerSecond: number | undefined;
  rejectedPerSecond: number | undefined;
  applyP50Ms: number | undefined;
  applyP99Ms: number | undefined;
  /** From acceptance to outcome, as clients wait for it. */
  waitP50Ms: number | undefined;
  waitP99Ms: number | undefined;
  commandsPerEnvelope: number | undefined;
  /** Envelopes in all queues, but not those that failed for good. */
  waiting: number | undefined;
  failed: number | undefined;
  oldestAgeMs: number | undefined;
  pending: number | undefined;
  sweptPerSecond: number | undefined;
  /** How many processes could not reach them. */
  cutOff: Record<DependencyName, number>;
  partitions: PartitionState[];
}

/** What processes say whether they can reach. */
const DEPENDENCIES = ['database', 'queue'] as const;
type DependencyName = (typeof DEPENDENCIES)[number];

export interface PartitionState {
  partition: number;
  waiting: number | undefined;
  active: number | undefined;
  delayed: number | undefined;
  failed: number | undefined;
  oldestAgeMs: number | undefined;
  isPaused: boolean;
}

const JOBS = 'saldo_queue_jobs';
const OLDEST = 'saldo_queue_oldest_age_seconds';
const PAUSED = 'saldo_queue_paused';
const OPERATIONS = 'saldo_operations_total';
const APPLIED = seriesKey(OPERATIONS, { outcome: 'applied' });
const OPEN_STATES = ['waiting', 'active', 'delayed'];

export function summarise(samples: readonly Sample[]): Summary {
  const apply = mergedHistogram(samples, 'saldo_apply_duration_seconds');
  const wait = mergedHistogram(samples, 'saldo_command_wait_seconds');
  const envelope = mergedHistogram(samples, 'saldo_envelope_commands');
  const queues = latestOf(samples, (figures) => sumOf(figures, JOBS) !== undefined)?.figures ?? {};
  const pending = latestOf(samples, (figures) => 'saldo_pending_operations' in figures)?.figures;
  const decided = rate(samples, (figures) => sumOf(figures, OPERATIONS));
  const applied = rate(
    samples,
    (figures) => figures[APPLIED] ?? (sumOf(figures, OPERATIONS) === undefined ? undefined : 0),
  );
  const ms = (seconds: number | undefined) => (seconds === undefined ? undefined : seconds * 1_000);
  return {
    appliedPerSecond: applied,
    rejectedPerSecond: decided === undefined ? undefined : decided - (applied ?? 0),
    applyP50Ms: ms(apply && quantile(apply, 0.5)),
    applyP99Ms: ms(apply && quantile(apply, 0.99)),
    waitP50Ms: ms(wait && quantile(wait, 0.5)),
    waitP99Ms: ms(wait && quantile(wait, 0.99)),
    commandsPerEnvelope: envelope && envelope.count > 0 ? envelope.sum / envelope.count : undefined,
    waiting: jobsIn(queues, OPEN_STATES),
    failed: jobsIn(queues, ['failed']),
    oldestAgeMs: ms(highest(queues, OLDEST)),
    pending: pending?.['saldo_pending_operations'],
    sweptPerSecond: rate(samples, (figures) => sumOf(figures, 'saldo_swept_commands_total')),
    cutOff: { database: cutOffFrom(samples, 'database'), queue: cutOffFrom(samples, 'queue') },
    partitions: partitionStates(samples, partitionsIn(queues)),
  };
}

/** Each partition's queue as the newest sample that speaks of it saw it. */
export function partitionStates(samples: readonly Sample[], partitions: number): PartitionState[] {
  const figures = latestOf(samples, (each) => sumOf(each, JOBS) !== undefined)?.figures ?? {};
  return Array.from({ length: partitions }, (_, partition) => {
    const jobs = (state: string) => figures[seriesKey(JOBS, { partition, state })];
    const oldestS = figures[seriesKey(OLDEST, { partition })];
    return {
      partition,
      waiting: jobs('waiting'),
      active: jobs('active'),
      delayed: jobs('delayed'),
      failed: jobs('failed'),
      oldestAgeMs: oldestS === undefined ? undefined : oldestS * 1_000,
      isPaused: figures[seriesKey(PAUSED, { partition })] === 1,
    };
  });
}

function partitionsIn(figures: Sample['figures']): number {
  const numbers = Object.keys(figures).map((key) => Number(parseSeries(key).labels['partition'] ?? -1));
  return Math.max(-1, ...numbers) + 1;
}

/** What the process could not reach when it stored the sample. */
export function unreachedBy({ figures }: Sample): DependencyName[] {
  return DEPENDENCIES.filter((each) => figures[seriesKey('saldo_dependency_up', { dependency: each })] === 0);
}

function cutOffFrom(samples: readonly Sample[], dependency: DependencyName): number {
  const cutOff = samples.filter((sample) => unreachedBy(sample).includes(dependency));
  return new Set(cutOff.map(({ process }) => process)).size;
}

/** The partitions whose envelopes a sample's process has taken. */
export function partitionsTaken({ figures }: Sample): number[] {
  return Object.keys(figures).flatMap((key) => {
    const { name, labels } = parseSeries(key);
    return name === 'saldo_envelopes_total' && (figures[key] ?? 0) > 0 ? [Number(labels['partition'])] : [];
  });
}

/** The newest sample of each process. */
export function newestByProcess(samples: readonly Sample[]): Sample[] {
  const newest = new Map<string, Sample>();
  for (const sample of samples) {
    const known = newest.get(sample.process);
    if (!known || known.atMs <= sample.atMs) newest.set(sample.process, sample);
  }
  return [...newest.values()];
}

/** Per second: each process over the time that its own samples count for, and all processes together. */
function rate(
  samples: readonly Sample[],
  read: (figures: Sample['figures']) => number | undefined,
): number | undefined {
  const byProcess = new Map<string, { counted: number; forMs: number }>();
  for (const { process, figures, forMs } of samples) {
    const counted = read(figures);
    if (counted === undefined) continue;
    const known = byProcess.get(process) ?? { counted: 0, forMs: 0 };
    byProcess.set(process, { counted: known.counted + counted, forMs: known.forMs + forMs });
  }
  if (byProcess.size === 0) return undefined;
  return [...byProcess.values()].reduce(
    (sum, { counted, forMs }) => sum + (forMs > 0 ? counted / (forMs / 1_000) : 0),
    0,
  );
}

function latestOf(samples: readonly Sample[], speaks: (figures: Sample['figures']) => boolean): Sample | undefined {
  return samples
    .filter(({ figures }) => speaks(figures))
    .reduce<Sample | undefined>((latest, each) => (latest && latest.atMs > each.atMs ? latest : each), undefined);
}

function jobsIn(figures: Sample['figures'], states: readonly string[]): number | undefined {
  let sum: number | undefined;
  for (const key in figures) {
    const { name, labels } = parseSeries(key);
    if (name === JOBS && states.includes(labels['state'] ?? '')) sum = (sum ?? 0) + (figures[key] ?? 0);
  }
  return sum;
}

function highest(figures: Sample['figures'], metric: string): number | undefined {
  const values = Object.keys(figures).flatMap((key) => (parseSeries(key).name === metric ? [figures[key] ?? 0] : []));
  return values.length === 0 ? undefined : Math.max(...values);
}
