/** What grew and what that cost, as a table. */
import { written, writtenSpread } from '../report/figures.ts';
import type { Table } from '../report/report.ts';
import { median, ratios, spread } from '../report/stats.ts';
import type { GrowthResult } from './measure.ts';

export function growthTable(rows: readonly GrowthResult[], entries: number): Table {
  const head = ['', 'connections', 'empty, per second', `${entries.toLocaleString('en')} entries, per second`];
  return [
    [...head, 'grown ÷ empty', 'p99 ms, empty', 'p99 ms, grown', ''],
    ...rows.map(({ label, connections, atLeast, empty, grown }) => {
      const [before, after] = [rates(empty), rates(grown)];
      const quotient = median(after) / median(before);
      const { least, most } = spread(ratios(after, before));
      return [
        ...[label, String(connections), writtenSpread(before), writtenSpread(after)],
        `${written(quotient)} (${written(least)}–${written(most)})`,
        ...[p99(empty), p99(grown)],
        atLeast === undefined ? '' : `≥ ${atLeast} ${quotient >= atLeast ? 'holds' : 'MISSED'}`,
      ];
    }),
  ];
}

function rates(measured: GrowthResult['empty']): number[] {
  return measured.map(({ perSecond }) => perSecond);
}

function p99(measured: GrowthResult['empty']): string {
  return written(median(measured.flatMap(({ latencyMs }) => latencyMs.p99 ?? [])));
}
