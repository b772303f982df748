/**
 * What one process tells of itself: every five seconds a row in the table `sample`, from which any API process draws the
 * charts of the whole fleet and answers `/metrics`. A process stores what it has counted since it started; whoever reads
 * gets the difference to the row before, so a row that was never written loses no count.
 *
 * Figures and histograms go by their series as Prometheus writes it: `saldo_sweep_leader`, or with labels in
 * alphabetical order `saldo_queue_jobs{partition="0",state="waiting"}`. The names are in `catalogue.ts`.
 */

/** How often a process writes a row, and so the finest step of a chart. */
export const SAMPLE_PERIOD_MS = 5_000;
/** For how long rows are kept: a chart's hour, and some. */
export const SAMPLE_KEPT_MS = 75 * 60_000;

export type SampleRole = 'api' | 'worker';

export interface HistogramFigures {
  /** Upper bounds, ascending, in the unit that the name says. */
  bounds: number[];
  /** Per bucket, not cumulative. One longer than `bounds`: the last counts what is above all of them. */
  counts: number[];
  sum: number;
  count: number;
}

/** By series: what a process has counted since it started, and how its gauges stand. */
export interface Totals {
  figures: Record<string, number>;
  histograms: Record<string, HistogramFigures>;
}

/** A row of the table. */
export interface StoredTotals {
  process: string;
  role: SampleRole;
  atMs: number;
  totals: Totals;
}

export interface Sample {
  /** Which process: host, process id and a random end, for that one life of it. */
  process: string;
  role: SampleRole;
  /** When it was stored, by the database's clock. */
  atMs: number;
  /** For how long before `atMs` the sample counts: `figures['…_total'] / (forMs / 1000)` is a rate per second. */
  forMs: number;
  /**
   * By series. What ends in `_total` was counted during `forMs`; anything else is how it stood at `atMs`. What belongs
   * to the whole fleet (the queues, what is pending) is in the samples of one process at a time.
   */
  figures: Record<string, number>;
  /** By series: what was observed during `forMs`. */
  histograms: Record<string, HistogramFigures>;
}

/** A series as samples know it. Label values are ours (partitions, states, codes) and need no escapes. */
export function seriesKey(name: string, labels: Record<string, string | number> = {}): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((label) => `${label}="${labels[label] ?? ''}"`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
}

/** The name and the labels of a series. */
export function parseSeries(key: string): { name: string; labels: Record<string, string> } {
  const brace = key.indexOf('{');
  if (brace < 0) return { name: key, labels: {} };
  const labels: Record<string, string> = {};
  for (const [, label = '', value = ''] of key.slice(brace).matchAll(/(\w+)="([^"]*)"/g)) labels[label] = value;
  return { name: key.slice(0, brace), labels };
}

/** The sum over all label values of a name; undefined when the sample says nothing of it. */
export function sumOf(figures: Sample['figures'], name: string): number | undefined {
  let sum: number | undefined;
  for (const key in figures) {
    if (key === name || key.startsWith(`${name}{`)) sum = (sum ?? 0) + (figures[key] ?? 0);
  }
  return sum;
}

/** The histograms of a name, over all label values and samples, as one; undefined when there is none. */
export function mergedHistogram(samples: readonly Sample[], name: string): HistogramFigures | undefined {
  let merged: HistogramFigures | undefined;
  for (const { histograms } of samples) {
    for (const key in histograms) {
      const each = histograms[key];
      if (each && (key === name || key.startsWith(`${name}{`))) merged = merged ? add(merged, each) : each;
    }
  }
  return merged;
}

/** Another version's buckets cannot be added up with ours: the first one seen wins. */
function add(left: HistogramFigures, right: HistogramFigures): HistogramFigures {
  if (left.bounds.join() !== right.bounds.join()) return left;
  return {
    bounds: left.bounds,
    counts: left.counts.map((count, index) => count + (right.counts[index] ?? 0)),
    sum: left.sum + right.sum,
    count: left.count + right.count,
  };
}

/**
 * The value below which the share `q` (0 to 1) of the observations lies, taken to be spread evenly within their bucket,
 * as Prometheus does it. Undefined when there are none; the highest bound when it lies above that.
 */
export function quantile({ bounds, counts, count }: HistogramFigures, q: number): number | undefined {
  if (count === 0) return undefined;
  let left = q * count;
  for (const [index, bound] of bounds.entries()) {
    const here = counts[index] ?? 0;
    if (left <= here && here > 0) {
      const below = index === 0 ? 0 : (bounds[index - 1] ?? 0);
      return below + (bound - below) * (left / here);
    }
    left -= here;
  }
  return bounds.at(-1);
}
