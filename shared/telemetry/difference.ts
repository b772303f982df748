/** Turns rows, which say what was counted since a process started, into samples, which say what happened in between. */
import type { HistogramFigures, Sample, StoredTotals } from './sample.ts';

/** `rows` oldest first. The first of each process has nothing to be compared with and makes no sample. */
export function samplesFrom(rows: readonly StoredTotals[]): Sample[] {
  const before = new Map<string, StoredTotals>();
  const samples: Sample[] = [];
  for (const row of rows) {
    const last = before.get(row.process);
    before.set(row.process, row);
    if (last) samples.push(difference(last, row));
  }
  return samples;
}

function difference(last: StoredTotals, row: StoredTotals): Sample {
  const figures: Sample['figures'] = {};
  for (const key in row.totals.figures) {
    const total = row.totals.figures[key] ?? 0;
    figures[key] = isCounted(key) ? total - (last.totals.figures[key] ?? 0) : total;
  }
  const histograms: Sample['histograms'] = {};
  for (const key in row.totals.histograms) {
    const total = row.totals.histograms[key];
    if (total) histograms[key] = subtract(total, last.totals.histograms[key]);
  }
  const { process, role, atMs } = row;
  return { process, role, atMs, forMs: atMs - last.atMs, figures, histograms };
}

function isCounted(key: string): boolean {
  const brace = key.indexOf('{');
  return (brace < 0 ? key : key.slice(0, brace)).endsWith('_total');
}

function subtract(total: HistogramFigures, last: HistogramFigures | undefined): HistogramFigures {
  if (!last) return total;
  return {
    bounds: total.bounds,
    counts: total.counts.map((count, index) => count - (last.counts[index] ?? 0)),
    sum: total.sum - last.sum,
    count: total.count - last.count,
  };
}
