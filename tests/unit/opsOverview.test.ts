/** The overview's arithmetic: rates over processes, quantiles over samples, and an hour that is kept step by step. */
import { describe, expect, test } from 'vitest';
import { STEP_MS, createHistory } from '../../api/console/overview/history.ts';
import { newestByProcess, partitionStates, partitionsTaken, summarise } from '../../api/console/overview/summary.ts';
import { viewOf } from '../../api/console/overview/view.ts';
import type { Sample } from '../../shared/telemetry/sample.ts';

const T0 = 1_800_000_000_000 - (1_800_000_000_000 % STEP_MS);
const HOUR_MS = 3_600_000;

function sample(over: Partial<Sample> = {}): Sample {
  return { process: 'w-1', role: 'worker', atMs: T0, forMs: 5_000, figures: {}, histograms: {}, ...over };
}

const operations = (applied: number, rejected: number) => ({
  'saldo_operations_total{outcome="applied"}': applied,
  'saldo_operations_total{outcome="insufficient_funds"}': rejected,
});
const latency = (...counts: number[]) => ({
  saldo_apply_duration_seconds: {
    bounds: [0.01, 0.02],
    counts,
    sum: 1,
    count: counts.reduce((sum, count) => sum + count, 0),
  },
});

describe('a summary', () => {
  test('adds up what each process did per second of its own time', () => {
    const { appliedPerSecond, rejectedPerSecond } = summarise([
      sample({ figures: operations(500, 50) }),
      sample({ atMs: T0 + 5_000, figures: operations(300, 0) }),
      sample({ process: 'w-2', forMs: 15_000, figures: operations(150, 30) }),
    ]);
    expect(appliedPerSecond).toBeCloseTo(80 + 10, 6);
    expect(rejectedPerSecond).toBeCloseTo(5 + 2, 6);
  });
  test('of workers that only rejected has applied nothing, and of no worker is silent', () => {
    const onlyRejected = summarise([sample({ figures: { 'saldo_operations_total{outcome="expired"}': 10 } })]);
    expect([onlyRejected.appliedPerSecond, onlyRejected.rejectedPerSecond]).toEqual([0, 2]);
    const nobody = summarise([sample({ role: 'api', process: 'a-1' })]);
    expect([nobody.appliedPerSecond, nobody.rejectedPerSecond, nobody.applyP50Ms]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
  test('takes quantiles over all processes together', () => {
    const { applyP50Ms, applyP99Ms } = summarise([
      sample({ histograms: latency(90, 0, 0) }),
      sample({ process: 'w-2', histograms: latency(0, 10, 0) }),
    ]);
    expect(applyP50Ms).toBeCloseTo(10 * (50 / 90), 6);
    expect(applyP99Ms).toBeCloseTo(19, 6);
  });
  test('takes how queues stand from the newest sample that speaks of them', () => {
    const jobs = (waiting: number) => ({
      'saldo_queue_jobs{partition="0",state="waiting"}': waiting,
      'saldo_queue_jobs{partition="1",state="active"}': 1,
      'saldo_queue_jobs{partition="1",state="failed"}': 3,
      'saldo_queue_oldest_age_seconds{partition="0"}': 0.5,
      'saldo_queue_oldest_age_seconds{partition="1"}': 2,
      saldo_pending_operations: 7,
    });
    const samples = [
      sample({ atMs: T0 + 5_000, figures: jobs(4) }),
      sample({ figures: jobs(9) }),
      sample({ process: 'a-1', role: 'api', atMs: T0 + 6_000 }),
    ];
    expect(summarise(samples)).toMatchObject({ waiting: 5, failed: 3, oldestAgeMs: 2_000, pending: 7 });
  });
  test('knows each partition by its own series, and what nobody speaks of is not known', () => {
    const figures = {
      'saldo_queue_jobs{partition="0",state="waiting"}': 4,
      'saldo_queue_jobs{partition="10",state="waiting"}': 9,
      'saldo_queue_paused{partition="0"}': 1,
      'saldo_queue_oldest_age_seconds{partition="0"}': 1.5,
    };
    const [first, second] = partitionStates([sample({ figures })], 2);
    expect(first).toMatchObject({ partition: 0, waiting: 4, isPaused: true, oldestAgeMs: 1_500 });
    expect(second).toEqual({ partition: 1, isPaused: false });
  });
});

describe('a process', () => {
  test('has taken envelopes of the partitions that it counted some of', () => {
    const figures = {
      'saldo_envelopes_total{partition="0",result="applied"}': 3,
      'saldo_envelopes_total{partition="1",result="applied"}': 0,
      'saldo_envelopes_total{partition="12",result="failed"}': 1,
    };
    expect(partitionsTaken(sample({ figures }))).toEqual([0, 12]);
  });
  test('is shown by its newest sample', () => {
    const [newest] = newestByProcess([sample({ atMs: T0 + 5_000, forMs: 1 }), sample({ forMs: 2 })]);
    expect(newest?.atMs).toBe(T0 + 5_000);
  });
});

describe('the history', () => {
  test('wants an hour at first, then only what is new, and steps again after a pause', () => {
    const history = createHistory();
    expect(history.wanted(T0)).toEqual({ sinceMs: T0 - HOUR_MS, stepMs: STEP_MS });
    history.add([sample()], T0);
    expect(history.wanted(T0 + 5_000)).toEqual({ sinceMs: T0 - 5_000, stepMs: 1 });
    expect(history.wanted(T0 + 60_000)).toEqual({ sinceMs: T0 - 5_000, stepMs: STEP_MS });
    expect(history.wanted(T0 + 2 * HOUR_MS)).toEqual({ sinceMs: T0 + HOUR_MS, stepMs: STEP_MS });
  });
  test('looks at every row while a first look has found nobody, as of a fleet that has just started', () => {
    const history = createHistory();
    history.add([], T0);
    expect(history.wanted(T0)).toEqual({ sinceMs: T0 - 2 * STEP_MS, stepMs: 1 });
  });
  test('makes a point of a step once it is over, from all its samples, each counted once', () => {
    const history = createHistory();
    const samples = [0, 5_000, 10_000].map((afterMs) =>
      sample({ atMs: T0 + afterMs, figures: operations(100 + afterMs, 0) }),
    );
    history.add(samples.slice(0, 2), T0 + 6_000);
    expect(history.points()).toEqual([]);
    history.add(samples, T0 + 11_000);
    expect(history.points()).toEqual([]);
    history.add(samples.slice(1), T0 + STEP_MS + 5_000);
    expect(history.points().map(({ atMs }) => atMs)).toEqual([T0]);
    expect(history.points()[0]?.appliedPerSecond).toBeCloseTo((100 + 5_100 + 10_100) / 15, 6);
    history.add(samples, T0 + STEP_MS + 6_000);
    expect(history.points()).toHaveLength(1);
  });
  test('keeps an hour and no more', () => {
    const history = createHistory();
    for (let atMs = T0; atMs <= T0 + 2 * HOUR_MS; atMs += STEP_MS) history.add([sample({ atMs })], atMs);
    const points = history.points();
    expect(points.length).toBeGreaterThanOrEqual(HOUR_MS / STEP_MS - 1);
    expect(points.length).toBeLessThanOrEqual(HOUR_MS / STEP_MS + 1);
    expect(points[0]?.atMs).toBeGreaterThanOrEqual(T0 + HOUR_MS);
  });
  test('knows who took an envelope of each partition last, long after', () => {
    const history = createHistory();
    const took = (process: string, partition: number, atMs: number) =>
      sample({ process, atMs, figures: { [`saldo_envelopes_total{partition="${partition}",result="applied"}`]: 1 } });
    history.add([took('w-1', 0, T0), took('w-2', 1, T0), took('w-2', 0, T0 + 5_000)], T0 + 5_000);
    history.add([sample({ process: 'w-1', atMs: T0 + 600_000 })], T0 + 600_000);
    expect(history.lastTaken.get(0)).toEqual({ process: 'w-2', atMs: T0 + 5_000 });
    expect(history.lastTaken.get(1)).toEqual({ process: 'w-2', atMs: T0 });
    expect(history.recent(T0 + 600_000).map(({ process }) => process)).toEqual(['w-1']);
  });
});

describe('the view', () => {
  const figuresOf = (over: Partial<Parameters<typeof viewOf>[0]>) => ({
    ...{ nowMs: T0, now: summarise([]), partitions: [], processes: [], points: [] },
    ...{ isAway: { database: false, queue: false }, areWorkersThere: true, verdict: undefined },
    ...over,
  });
  const worker = (figures: Sample['figures']) => sample({ figures: { saldo_sweep_leader: 1, ...figures } });

  test('breaks the lines of the charts where nobody counted', () => {
    const point = (step: number) => ({
      atMs: T0 + step * STEP_MS,
      ...summarise([sample({ figures: operations(75, 0) })]),
    });
    const { times, charts } = viewOf(figuresOf({ points: [0, 1, 7, 8].map(point) }));
    expect(times).toEqual([0, 1, 2, 7, 8].map((step) => (T0 + step * STEP_MS) / 1_000));
    expect(charts[0]?.values[0]).toEqual([15, 15, null, 15, 15]);
  });
  test('draws a line for each partition, unless they are too many to be told apart', () => {
    const states = (partitions: number) =>
      Array.from({ length: partitions }, (_, partition) => ({
        [`saldo_queue_jobs{partition="${partition}",state="waiting"}`]: partition,
        [`saldo_queue_jobs{partition="${partition}",state="active"}`]: 1,
        [`saldo_queue_oldest_age_seconds{partition="${partition}"}`]: partition / 2,
      }));
    const chartsOf = (count: number) => {
      const now = summarise([sample({ figures: Object.assign({}, ...states(count)) as Sample['figures'] })]);
      const partitions = now.partitions.map((state) => ({ ...state, lastTaken: undefined }));
      const { charts } = viewOf(figuresOf({ partitions, points: [{ atMs: T0, ...now }] }));
      return new Map(charts.map(({ key, labels, values }) => [key, { labels, values }]));
    };
    const few = chartsOf(3);
    expect(few.get('open')).toEqual({ labels: ['partition 0', 'partition 1', 'partition 2'], values: [[1], [2], [3]] });
    expect(few.get('oldest')?.values).toEqual([[0], [0.5], [1]]);
    const many = chartsOf(9);
    expect([many.has('open'), many.get('oldest')]).toEqual([false, { labels: ['oldest'], values: [[4]] }]);
  });
  test('counts the processes that could not reach something', () => {
    const away = { 'saldo_dependency_up{dependency="queue"}': 0, 'saldo_dependency_up{dependency="database"}': 1 };
    const samples = [sample({ figures: away }), sample({ figures: away }), sample({ process: 'w-2' })];
    expect(summarise(samples).cutOff).toEqual({ database: 0, queue: 1 });
  });
  test('says at once which process cannot reach what, and when nobody sweeps', () => {
    const well = viewOf(figuresOf({ processes: [worker({ 'saldo_dependency_up{dependency="queue"}': 1 })] }));
    expect(well.alerts).toEqual([]);
    expect(viewOf(figuresOf({ areWorkersThere: false })).alerts).toEqual([
      expect.stringMatching(/^No worker works: .* Start one/),
    ]);
    const cutOff = worker({ saldo_sweep_leader: 0, 'saldo_dependency_up{dependency="queue"}': 0 });
    expect(viewOf(figuresOf({ processes: [cutOff] })).alerts).toEqual([
      'No worker sweeps: promised operations wait until one does.',
      'w-1 cannot reach: queue.',
    ]);
  });
});
