/** Throughput by partitions and workers, a table per load. */
import { writtenSpread } from '../report/figures.ts';
import type { Table } from '../report/report.ts';
import { countsOf, findResult } from './measure.ts';
import type { ScalingResult } from './measure.ts';

export function scalingTables(results: readonly ScalingResult[]): Table[] {
  const { loads, partitions, workers } = countsOf(results);
  return loads.map((load) => [
    [`${load}: per second`, ...partitions.map((count) => `partitions ${count}`)],
    ...workers.map((count) => [
      `workers ${count}`,
      ...partitions.map((each) => {
        const found = findResult(results, { load, partitions: each, workers: count });
        return writtenSpread((found?.measured ?? []).map(({ perSecond }) => perSecond));
      }),
    ]),
  ]);
}
