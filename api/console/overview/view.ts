/**
 * The figures as text, once, for the page and for the script that keeps the page up to date: what the server prints
 * first and what the script puts in its place later are the same words.
 */
import { seriesKey } from '../../../shared/telemetry/sample.ts';
import type { Sample } from '../../../shared/telemetry/sample.ts';
import { printDuration, printNumber, printTime } from '../print.ts';
import { OUTAGES } from '../outage.ts';
import type { Away } from '../outage.ts';
import type { Figures } from './figures.ts';
import { STEP_MS } from './history.ts';
import type { Point } from './history.ts';
import { unreachedBy } from './summary.ts';
import type { PartitionState } from './summary.ts';

interface Tile {
  key: string;
  label: string;
  text: string;
}

interface Chart {
  key: string;
  title: string;
  unit: string;
  labels: string[];
  /** One list per label, along with `times`. */
  values: (number | null)[][];
}

export interface OverviewView {
  asOf: string;
  /** What an operator should know at once, in sentences. */
  alerts: string[];
  tiles: Tile[];
  partitions: string[][];
  processes: string[][];
  /** Seconds since the epoch. */
  times: number[];
  charts: Chart[];
}

export const PARTITION_COLUMNS = ['Partition', 'Waiting', 'Active', 'Delayed', 'Failed', 'Oldest', 'Worker'];
export const PROCESS_COLUMNS = ['Process', 'Role', 'At work', 'Event-loop lag p99', 'Busy', 'Memory', 'Cannot reach'];

export function viewOf(figures: Figures): OverviewView {
  const steps = withGaps(figures.points);
  return {
    asOf: printTime(new Date(figures.nowMs)),
    alerts: alertsOf(figures),
    tiles: tilesOf(figures),
    partitions: figures.partitions.map((state) => [
      String(state.partition),
      `${printNumber(state.waiting)}${state.isPaused ? ', paused' : ''}`,
      printNumber(state.active),
      printNumber(state.delayed),
      printNumber(state.failed),
      // The metric says 0 where there is none.
      printDuration(state.oldestAgeMs || undefined),
      ownerOf(state.lastTaken, figures),
    ]),
    processes: [...figures.processes].sort(byRoleAndName).map(processRow),
    times: steps.map(({ atMs }) => atMs / 1_000),
    charts: chartsOf(steps, figures.partitions.length),
  };
}

function tilesOf({ now, isAway, verdict, processes }: Figures): Tile[] {
  const leader = processes.find(({ figures }) => figures['saldo_sweep_leader'] === 1);
  const tile = (key: string, label: string, text: string): Tile => ({ key, label, text });
  return [
    tile('applied', 'Applied per second', printNumber(now.appliedPerSecond, 1)),
    tile('rejected', 'Rejected per second', printNumber(now.rejectedPerSecond, 1)),
    tile('apply-p50', 'Apply, p50', printDuration(now.applyP50Ms)),
    tile('apply-p99', 'Apply, p99', printDuration(now.applyP99Ms)),
    tile('wait-p50', 'Clients wait, p50', printDuration(now.waitP50Ms)),
    tile('wait-p99', 'Clients wait, p99', printDuration(now.waitP99Ms)),
    tile('envelope', 'Commands per envelope', printNumber(now.commandsPerEnvelope, 1)),
    tile('failed', 'Failed envelopes', printNumber(now.failed)),
    tile('pending', 'Pending operations', printNumber(now.pending)),
    tile('sweep', 'Swept per second', printNumber(now.sweptPerSecond, 1)),
    tile('sweeper', 'Sweeping', leader?.process ?? 'nobody'),
    tile('database', 'Database', isAway.database ? 'away' : 'up'),
    tile('queue', 'Queue', isAway.queue ? 'away' : 'up'),
    tile(
      'books',
      'Books',
      verdict ? `${verdict.isSound ? 'sound' : 'NOT sound'} on ${printTime(verdict.endedAt)}` : 'never verified here',
    ),
  ];
}

function alertsOf({ now, partitions, processes, isAway, areWorkersThere, verdict }: Figures): string[] {
  if (isAway.database) return [...told('database'), 'The figures below are the last that are known.'];
  const alerts: string[] = isAway.queue ? told('queue') : [];
  if (!areWorkersThere) {
    alerts.push(
      'No worker works: payments are promised and wait. Start one (npm run worker), or see in the log of those that run what they cannot reach.',
    );
  }
  const workers = processes.filter(({ role }) => role === 'worker');
  if (workers.length > 0 && !workers.some(({ figures }) => figures['saldo_sweep_leader'] === 1)) {
    alerts.push('No worker sweeps: promised operations wait until one does.');
  }
  const cutOff = processes.filter((each) => unreachedBy(each).length > 0);
  for (const each of cutOff) alerts.push(`${each.process} cannot reach: ${unreachedBy(each).join(', ')}.`);
  if ((now.failed ?? 0) > 0) {
    alerts.push(
      `${printNumber(now.failed)} failed for good and wait for an operator: see the failed jobs of the queues.`,
    );
  }
  const paused = partitions.filter(({ isPaused }) => isPaused).map(({ partition }) => partition);
  if (paused.length > 0) alerts.push(`Paused by an operator: partition ${paused.join(', ')}.`);
  if (verdict && !verdict.isSound) alerts.push('The last verification has found the books not sound.');
  return alerts;
}

/** What is so, and what to do. */
function told(away: Away): string[] {
  const { facts, steps } = OUTAGES[away];
  return [`${facts.join(' ')} What to do: ${steps.join(' ')}`];
}

/** Whose envelope it was last; somebody who has stopped talking since is gone. */
function ownerOf(lastTaken: Figures['partitions'][number]['lastTaken'], { nowMs, processes }: Figures): string {
  if (!lastTaken) return 'none in the last hour';
  const { process, atMs } = lastTaken;
  if (!processes.some((each) => each.process === process)) return `${process}, gone`;
  const agoMs = nowMs - atMs;
  return agoMs < IDLE_MS ? process : `${process}, idle for ${printDuration(agoMs)}`;
}

/** A worker that has stored a sample or two without an envelope of the partition is idle there. */
const IDLE_MS = 15_000;

function processRow(sample: Sample): string[] {
  const { process, role, figures } = sample;
  const lagS = figures[seriesKey('saldo_event_loop_lag_seconds', { quantile: '0.99' })];
  const busy = figures['saldo_event_loop_utilization_ratio'];
  const memory = figures['saldo_resident_memory_bytes'];
  const standsBy = role === 'worker' && figures['saldo_worker_working'] === 0;
  return [
    process,
    role,
    standsBy ? 'stands by' : 'yes',
    printDuration(lagS === undefined ? undefined : lagS * 1_000),
    busy === undefined ? printNumber(undefined) : `${printNumber(busy * 100)}%`,
    memory === undefined ? printNumber(undefined) : `${printNumber(memory / 2 ** 20)} MiB`,
    unreachedBy(sample).join(', ') || 'nothing',
  ];
}

function byRoleAndName(one: Sample, other: Sample): number {
  return `${one.role} ${one.process}`.localeCompare(`${other.role} ${other.process}`);
}

interface Step {
  atMs: number;
  /** Undefined where nobody counted: the lines break there. */
  point: Point | undefined;
}

function withGaps(points: readonly Point[]): Step[] {
  return points.flatMap((point, index) => {
    const dueMs = (points[index - 1]?.atMs ?? point.atMs) + STEP_MS;
    const gap = point.atMs > dueMs ? [{ atMs: dueMs, point: undefined }] : [];
    return [...gap, { atMs: point.atMs, point }];
  });
}

/** More lines than this nobody can tell apart: then the figures of the whole fleet have to do. */
const MAX_LINES = 8;

function chartsOf(steps: readonly Step[], partitions: number): Chart[] {
  const chart = (
    key: string,
    title: string,
    unit: string,
    series: Record<string, (point: Point) => number | undefined>,
  ) => ({
    ...{ key, title, unit },
    labels: Object.keys(series),
    values: Object.values(series).map((read) => steps.map(({ point }) => rounded(point && read(point)))),
  });
  return [
    chart('operations', 'Operations per second', '/s', {
      applied: (point) => point.appliedPerSecond,
      rejected: (point) => point.rejectedPerSecond,
    }),
    chart('apply', 'Time to apply an envelope', 'ms', {
      p50: (point) => point.applyP50Ms,
      p99: (point) => point.applyP99Ms,
    }),
    chart('wait', 'Time that clients wait for an outcome', 'ms', {
      p50: (point) => point.waitP50Ms,
      p99: (point) => point.waitP99Ms,
    }),
    chart('envelope', 'Commands per envelope', '', { commands: (point) => point.commandsPerEnvelope }),
    chart('queues', 'Envelopes in the queues', '', {
      waiting: (point) => point.waiting,
      failed: (point) => point.failed,
    }),
    ...(partitions > MAX_LINES
      ? [chart('oldest', 'Age of the oldest envelope', 's', { oldest: (point) => inSeconds(point.oldestAgeMs) })]
      : [
          chart('open', 'Envelopes by partition, waiting or active', '', byPartition(partitions, openIn)),
          chart(
            'oldest',
            'Age of the oldest envelope by partition',
            's',
            byPartition(partitions, ({ oldestAgeMs }) => inSeconds(oldestAgeMs)),
          ),
        ]),
    chart('away', 'Processes that could not reach', '', {
      database: (point) => point.cutOff.database,
      queue: (point) => point.cutOff.queue,
    }),
    chart('pending', 'Pending operations', '', { pending: (point) => point.pending }),
    chart('sweep', 'Swept per second', '/s', { swept: (point) => point.sweptPerSecond }),
  ];
}

/** Three digits are what a chart can show. */
function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Number(value.toPrecision(3));
}

type Read = (point: Point) => number | undefined;

function byPartition(count: number, read: (state: PartitionState) => number | undefined): Record<string, Read> {
  const lines = Array.from({ length: count }, (_, partition): [string, Read] => [
    `partition ${partition}`,
    ({ partitions }) => partitions[partition] && read(partitions[partition]),
  ]);
  return Object.fromEntries(lines);
}

function openIn({ waiting, active }: PartitionState): number | undefined {
  return waiting === undefined && active === undefined ? undefined : (waiting ?? 0) + (active ?? 0);
}

function inSeconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1_000;
}
