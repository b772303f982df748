/**
 * Every metric of the service's own, in one list: what the code counts, what `/metrics` says of it, what a sample holds
 * and what docs/OPERATIONS.md explains. Names follow Prometheus: base units, `_total` for what is counted.
 *
 * No label takes a value that a client chose: routes are patterns, codes and reasons are closed lists, partitions are
 * fixed when the database is made.
 */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

export interface Definition {
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels?: readonly string[];
  /** Upper bounds; of histograms alone. */
  buckets?: readonly number[];
  /** The labels that a sample keeps, where all of them would make it large. */
  sampledLabels?: readonly string[];
  /** It is about the whole fleet, told by one process at a time and published without saying which. */
  isFleetWide?: true;
}

/** From a millisecond to as long as a client may wait. */
const WAIT_BUCKETS = [
  0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
/** One transaction, its retries included. */
const APPLY_BUCKETS = [0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 5];
const READ_BUCKETS = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.5];

export const CATALOGUE = {
  saldo_http_request_duration_seconds: {
    type: 'histogram',
    help: 'Time from a request’s arrival to the end of its answer, by route and status.',
    labels: ['method', 'route', 'status'],
    buckets: WAIT_BUCKETS,
    sampledLabels: ['status'],
  },
  saldo_problems_total: {
    type: 'counter',
    help: 'Requests answered with a problem, by its code.',
    labels: ['code'],
  },
  saldo_waiting_commands: {
    type: 'gauge',
    help: 'Commands that wait in the process to be sent.',
    labels: ['partition'],
  },
  saldo_workers: {
    type: 'gauge',
    help: 'Workers of the fleet that work, as the process saw them within the last seconds.',
  },
  saldo_envelope_commands: {
    type: 'histogram',
    help: 'Commands per envelope sent.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 500],
  },
  saldo_command_wait_seconds: {
    type: 'histogram',
    help: 'Time from a command’s acceptance to its outcome, which was read after the commit.',
    buckets: WAIT_BUCKETS,
  },
  saldo_outcome_read_duration_seconds: {
    type: 'histogram',
    help: 'Time to read the outcomes of an envelope, or of requests that ask for one, from PostgreSQL.',
    buckets: READ_BUCKETS,
  },
  saldo_apply_duration_seconds: {
    type: 'histogram',
    help: 'Time to apply an envelope, its retries included.',
    buckets: APPLY_BUCKETS,
  },
  saldo_envelopes_total: {
    type: 'counter',
    help: 'Envelopes taken off a queue: applied, failed (the queue tries again), or unreadable (in its failed set).',
    labels: ['partition', 'result'],
  },
  saldo_operations_total: {
    type: 'counter',
    help: 'Operations decided and committed: applied, or the reason why they were rejected.',
    labels: ['outcome'],
  },
  saldo_worker_working: {
    type: 'gauge',
    help: '1 while the worker takes envelopes, 0 while it stands by.',
  },
  saldo_sweep_leader: {
    type: 'gauge',
    help: '1 in the worker that sweeps promised operations into their queues.',
  },
  saldo_sweep_rounds_total: {
    type: 'counter',
    help: 'Rounds of the sweep: done, or failed in at least one partition.',
    labels: ['result'],
  },
  saldo_swept_commands_total: {
    type: 'counter',
    help: 'Promised operations brought back into their queue.',
  },
  saldo_dependency_up: {
    type: 'gauge',
    help: 'Whether the process can reach what it depends on: database, queue.',
    labels: ['dependency'],
  },
  saldo_pool_connections: {
    type: 'gauge',
    help: 'Connections to PostgreSQL, by pool and whether they are in use.',
    labels: ['pool', 'state'],
  },
  saldo_pool_waiting: {
    type: 'gauge',
    help: 'Calls that wait for a connection of the pool.',
    labels: ['pool'],
  },
  saldo_event_loop_lag_seconds: {
    type: 'gauge',
    help: 'How late timers fired over the last five seconds, by quantile (1 is the worst).',
    labels: ['quantile'],
  },
  saldo_event_loop_utilization_ratio: {
    type: 'gauge',
    help: 'The share of the last five seconds in which the event loop was busy.',
  },
  saldo_cpu_seconds_total: {
    type: 'counter',
    help: 'Processor time the process has used, all its threads together.',
  },
  saldo_resident_memory_bytes: {
    type: 'gauge',
    help: 'Memory of the process that is in RAM.',
  },
  saldo_queue_jobs: {
    type: 'gauge',
    help: 'Envelopes in a partition’s queue: waiting (also while it is paused), active, delayed (between attempts), failed.',
    labels: ['partition', 'state'],
    isFleetWide: true,
  },
  saldo_queue_oldest_age_seconds: {
    type: 'gauge',
    help: 'Age of the oldest envelope that is not done, 0 when there is none.',
    labels: ['partition'],
    isFleetWide: true,
  },
  saldo_queue_paused: {
    type: 'gauge',
    help: '1 while an operator has paused the partition’s queue.',
    labels: ['partition'],
    isFleetWide: true,
  },
  saldo_pending_operations: {
    type: 'gauge',
    help: 'Operations promised by a 202 and not decided yet.',
    isFleetWide: true,
  },
  saldo_pending_oldest_age_seconds: {
    type: 'gauge',
    help: 'Age of the oldest of them, 0 when there is none.',
    isFleetWide: true,
  },
} as const satisfies Record<string, Definition>;

export type MetricName = keyof typeof CATALOGUE;
export const METRIC_NAMES = Object.keys(CATALOGUE) as MetricName[];
type NameOf<T extends Definition['type']> = {
  [N in MetricName]: (typeof CATALOGUE)[N]['type'] extends T ? N : never;
}[MetricName];
type LabelOf<N extends MetricName> = (typeof CATALOGUE)[N] extends { labels: readonly (infer L extends string)[] }
  ? L
  : never;

/** Undefined for a name of another version. */
export function definitionOf(name: string): Definition | undefined {
  return (CATALOGUE as Record<string, Definition>)[name];
}

export function createCounter<N extends NameOf<'counter'>>(registry: Registry, name: N): Counter<LabelOf<N>> {
  return new Counter({ ...common(registry, name) });
}

/** `collect` sets the gauge when somebody asks for it. */
export function createGauge<N extends NameOf<'gauge'>>(
  registry: Registry,
  name: N,
  collect?: (gauge: Gauge<LabelOf<N>>) => void,
): Gauge<LabelOf<N>> {
  const gauge: Gauge<LabelOf<N>> = new Gauge({
    ...common(registry, name),
    ...(collect && { collect: () => collect(gauge) }),
  });
  return gauge;
}

export function createHistogram<N extends NameOf<'histogram'>>(registry: Registry, name: N): Histogram<LabelOf<N>> {
  const { buckets = [] } = definitionOf(name) ?? {};
  return new Histogram({ ...common(registry, name), buckets: [...buckets] });
}

function common<N extends MetricName>(registry: Registry, name: N) {
  const { help, labels = [] }: Definition = CATALOGUE[name];
  return { name, help, labelNames: labels as readonly LabelOf<N>[], registers: [registry] };
}
