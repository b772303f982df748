/**
 * A process's metrics as a row of `sample` holds them, and back as Prometheus reads them. Only what is in the catalogue
 * travels; the rest (Node's own figures) is told by an API process of itself.
 */
import { AggregatorRegistry } from 'prom-client';
import type { MetricObjectWithValues, MetricValue, Registry } from 'prom-client';
import { CATALOGUE, METRIC_NAMES, definitionOf } from './catalogue.ts';
import type { Definition } from './catalogue.ts';
import { parseSeries, seriesKey } from './sample.ts';
import type { HistogramFigures, StoredTotals, Totals } from './sample.ts';

type Family = MetricObjectWithValues<MetricValue<string>>;
type Value = MetricValue<string> & { metricName?: string };

export async function takeTotals(registry: Registry): Promise<Totals> {
  const totals: Totals = { figures: {}, histograms: {} };
  for (const name of METRIC_NAMES) {
    const known = await registry.getSingleMetric(name)?.get();
    if (!known) continue;
    const { type, labels: all, sampledLabels = all ?? [] }: Definition = CATALOGUE[name];
    if (type === 'histogram') addHistograms(totals, name, known.values, sampledLabels);
    else for (const { labels, value } of known.values) totals.figures[seriesKey(name, labels as Labels)] = value;
  }
  return totals;
}

type Labels = Record<string, string | number>;

/** Adds up the series that differ in labels that are not kept. Buckets come cumulative and in ascending order. */
function addHistograms(totals: Totals, name: string, values: readonly Value[], kept: readonly string[]): void {
  let below = 0;
  for (const { labels, value, metricName } of values) {
    const given = labels as Labels;
    const key = seriesKey(name, Object.fromEntries(kept.map((label) => [label, given[label] ?? ''])));
    const histogram = (totals.histograms[key] ??= emptyHistogram(name));
    if (metricName === `${name}_sum`) histogram.sum += value;
    else if (metricName === `${name}_count`) histogram.count += value;
    else {
      const bucket = given['le'] === '+Inf' ? histogram.bounds.length : histogram.bounds.indexOf(Number(given['le']));
      if (bucket === 0) below = 0;
      histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + value - below;
      below = value;
    }
  }
}

function emptyHistogram(name: string): HistogramFigures {
  const bounds = [...(definitionOf(name)?.buckets ?? [])];
  return { bounds, counts: bounds.map(() => 0).concat(0), sum: 0, count: 0 };
}

/**
 * The text that Prometheus reads: `own` figures of this process, those of each worker under the label `worker`, and
 * what is known of the whole fleet.
 */
export async function exposeFleet(own: Registry, stored: readonly StoredTotals[]): Promise<string> {
  const workers = stored.filter(({ role }) => role === 'worker');
  const families = [
    ...(await own.getMetricsAsJSON()),
    ...workers.flatMap(({ process, totals }) => toFamilies(totals, { worker: process }, false)),
    ...newestOfFleet(stored).flatMap(({ totals }) => toFamilies(totals, {}, true)),
  ] as Family[];
  // Families of one name become one. Their series all differ, so nothing is added up.
  return AggregatorRegistry.aggregate([families.map((family) => ({ ...family, aggregator: 'first' }))]).metrics();
}

/** One process at a time counts for the fleet; around a change of turns two have done so lately. */
function newestOfFleet(stored: readonly StoredTotals[]): StoredTotals[] {
  const counted = stored.filter(({ totals }) =>
    Object.keys(totals.figures).some((key) => definitionOf(parseSeries(key).name)?.isFleetWide),
  );
  return counted.sort((left, right) => right.atMs - left.atMs).slice(0, 1);
}

function toFamilies(totals: Totals, extra: Record<string, string>, isFleetWide: boolean): Family[] {
  const families: Family[] = [];
  const add = (key: string, toValues: (name: string, labels: Record<string, string>) => Value[]) => {
    const { name, labels } = parseSeries(key);
    const definition = definitionOf(name);
    if (!definition || (definition.isFleetWide ?? false) !== isFleetWide) return;
    const { help, type } = definition;
    families.push({ name, help, type, aggregator: 'first', values: toValues(name, { ...labels, ...extra }) } as never);
  };
  for (const key in totals.figures) {
    const value = totals.figures[key] ?? 0;
    add(key, (_, labels) => [{ labels, value }]);
  }
  for (const key in totals.histograms) {
    const histogram = totals.histograms[key];
    if (histogram) add(key, (name, labels) => toSeries(name, labels, histogram));
  }
  return families;
}

function toSeries(name: string, labels: Record<string, string>, histogram: HistogramFigures): Value[] {
  let below = 0;
  const buckets = histogram.counts.map((count, index) => {
    below += count;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: histogram.bounds[index] ?? '+Inf' }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: histogram.sum },
    { metricName: `${name}_count`, labels, value: histogram.count },
  ];
}
