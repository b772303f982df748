/** Rows that say what was counted since a process started, turned into what happened in between, and read for a chart. */
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { CATALOGUE, createCounter, createGauge, createHistogram } from '../../shared/telemetry/catalogue.ts';
import { samplesFrom } from '../../shared/telemetry/difference.ts';
import { mergedHistogram, parseSeries, quantile, seriesKey, sumOf } from '../../shared/telemetry/sample.ts';
import type { HistogramFigures, Sample, StoredTotals, Totals } from '../../shared/telemetry/sample.ts';
import { exposeFleet, takeTotals } from '../../shared/telemetry/totals.ts';

const histogram = (counts: number[], sum = 0): HistogramFigures => ({
  bounds: [1, 2, 4],
  counts,
  sum,
  count: counts.reduce((total, count) => total + count, 0),
});
const row = (process: string, atMs: number, totals: Partial<Totals>): StoredTotals => ({
  ...{ process, atMs, role: 'worker' },
  totals: { figures: {}, histograms: {}, ...totals },
});
const sample = (histograms: Sample['histograms']): Sample => ({
  ...{ process: 'p', role: 'api', atMs: 0, forMs: 5_000, figures: {}, histograms },
});

describe('a series', () => {
  test('is written with its labels in one order and read back', () => {
    const key = seriesKey('saldo_queue_jobs', { state: 'waiting', partition: 3 });
    expect(key).toBe('saldo_queue_jobs{partition="3",state="waiting"}');
    expect(parseSeries(key)).toEqual({ name: 'saldo_queue_jobs', labels: { partition: '3', state: 'waiting' } });
    expect(parseSeries(seriesKey('saldo_sweep_leader'))).toEqual({ name: 'saldo_sweep_leader', labels: {} });
  });

  test('adds up with those of its own name and no other', () => {
    const figures = { 'a{x="1"}': 1, 'a{x="2"}': 2, ab: 4, 'ab{x="1"}': 8, a: 16 };
    expect(sumOf(figures, 'a')).toBe(19);
    expect(sumOf(figures, 'b')).toBeUndefined();
  });
});

describe('the difference between two rows', () => {
  test('is what was counted in between, and gauges as they stand', () => {
    const [one, ...others] = samplesFrom([
      row('p', 1_000, {
        figures: { a_total: 5, 'b_total{x="1"}': 1, g: 7 },
        histograms: { h: histogram([1, 0, 0, 0], 1) },
      }),
      row('p', 6_000, {
        figures: { a_total: 8, 'b_total{x="1"}': 1, 'b_total{x="2"}': 4, g: 3 },
        histograms: { h: histogram([1, 2, 0, 1], 20), late: histogram([1, 0, 0, 0]) },
      }),
    ]);
    expect(others).toEqual([]);
    expect(one).toEqual({
      ...{ process: 'p', role: 'worker', atMs: 6_000, forMs: 5_000 },
      figures: { a_total: 3, 'b_total{x="1"}': 0, 'b_total{x="2"}': 4, g: 3 },
      histograms: { h: histogram([0, 2, 0, 1], 19), late: histogram([1, 0, 0, 0]) },
    });
  });

  test('is taken within one process only, and spans rows that were never written', () => {
    const figures = (a_total: number) => ({ figures: { a_total } });
    const samples = samplesFrom([
      row('p', 0, figures(100)),
      row('q', 1_000, figures(1)),
      row('q', 6_000, figures(4)),
      row('p', 15_000, figures(130)),
    ]);
    expect(samples.map(({ process, forMs, figures }) => [process, forMs, figures['a_total']])).toEqual([
      ['q', 5_000, 3],
      ['p', 15_000, 30],
    ]);
  });
});

describe('a quantile', () => {
  test.each([
    [0.5, [10, 0, 0, 0], 0.5],
    [0.5, [0, 10, 0, 0], 1.5],
    [0.99, [50, 49, 1, 0], 2],
    [1, [1, 0, 1, 0], 4],
    [0.99, [0, 0, 0, 3], 4],
    [0, [0, 2, 0, 0], 1],
  ])('%f of %j is %f', (q, counts, expected) => {
    expect(quantile(histogram(counts), q)).toBeCloseTo(expected);
  });

  test('of nothing is unknown', () => {
    expect(quantile(histogram([0, 0, 0, 0]), 0.5)).toBeUndefined();
  });

  test('of several processes and series is that of all their observations', () => {
    const samples = [
      sample({ 'h{status="200"}': histogram([1, 0, 0, 0], 1), 'h{status="503"}': histogram([0, 1, 0, 0], 2) }),
      sample({ 'h{status="200"}': histogram([0, 0, 2, 0], 6), hh: histogram([9, 9, 9, 9]) }),
    ];
    expect(mergedHistogram(samples, 'h')).toEqual(histogram([1, 1, 2, 0], 9));
    expect(mergedHistogram(samples, 'none')).toBeUndefined();
  });

  test('of another version’s buckets is not mixed with ours', () => {
    const other = { bounds: [10], counts: [5, 5], sum: 50, count: 10 };
    expect(mergedHistogram([sample({ h: histogram([1, 0, 0, 0]) }), sample({ h: other })], 'h')).toEqual(
      histogram([1, 0, 0, 0]),
    );
  });
});

describe('a process’s metrics', () => {
  const busyRegistry = () => {
    const registry = new Registry();
    createCounter(registry, 'saldo_operations_total').inc({ outcome: 'applied' }, 3);
    createGauge(registry, 'saldo_sweep_leader', (gauge) => gauge.set(1));
    const http = createHistogram(registry, 'saldo_http_request_duration_seconds');
    http.observe({ method: 'GET', route: '/', status: 200 }, 0.003);
    http.observe({ method: 'POST', route: '/login', status: 200 }, 99);
    http.observe({ method: 'POST', route: '/login', status: 401 }, 0.0001);
    return registry;
  };

  test('become a row: buckets apart, labels that would make it large left out', async () => {
    const { figures, histograms } = await takeTotals(busyRegistry());
    expect(figures).toEqual({ 'saldo_operations_total{outcome="applied"}': 3, saldo_sweep_leader: 1 });
    expect(Object.keys(histograms)).toEqual([
      'saldo_http_request_duration_seconds{status="200"}',
      'saldo_http_request_duration_seconds{status="401"}',
    ]);
    const { bounds, counts, sum, count } = histograms['saldo_http_request_duration_seconds{status="200"}']!;
    expect(bounds).toEqual(CATALOGUE.saldo_http_request_duration_seconds.buckets);
    expect(counts).toEqual(bounds.map((bound) => (bound === 0.005 ? 1 : 0)).concat(1));
    expect([sum, count]).toEqual([99.003, 2]);
  });

  test('are published with those of every worker and of the fleet, each family once', async () => {
    const own = new Registry();
    createCounter(own, 'saldo_problems_total').inc({ code: 'overloaded' });
    createGauge(own, 'saldo_resident_memory_bytes', (gauge) => gauge.set(1));
    const worker = new Registry();
    createGauge(worker, 'saldo_resident_memory_bytes', (gauge) => gauge.set(2));
    const apply = createHistogram(worker, 'saldo_apply_duration_seconds');
    apply.observe(0.004);
    apply.observe(0.004);
    const totals = await takeTotals(worker);
    const pending = (count: number) => ({ figures: { saldo_pending_operations: count } });
    const text = await exposeFleet(own, [
      row('w-1', 5_000, { ...totals, figures: { ...totals.figures, saldo_pending_operations: 7, unknown_total: 1 } }),
      { ...row('a-2', 9_000, pending(8)), role: 'api' },
      { ...row('a-3', 1_000, pending(9)), role: 'api' },
      row('w-2', 5_000, totals),
    ]);
    const lines = text.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'saldo_problems_total{code="overloaded"} 1',
        'saldo_resident_memory_bytes 1',
        'saldo_resident_memory_bytes{worker="w-1"} 2',
        'saldo_resident_memory_bytes{worker="w-2"} 2',
        'saldo_apply_duration_seconds_bucket{worker="w-1",le="0.003"} 0',
        'saldo_apply_duration_seconds_bucket{worker="w-1",le="0.005"} 2',
        'saldo_apply_duration_seconds_bucket{worker="w-1",le="+Inf"} 2',
        'saldo_apply_duration_seconds_count{worker="w-1"} 2',
        'saldo_pending_operations 8',
      ]),
    );
    const families = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2]);
    expect(families).toEqual([...new Set(families)]);
    expect(text).not.toMatch(/unknown_total|saldo_pending_operations [79]/);
  });
});
