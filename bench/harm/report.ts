/** Who was harmed, and how much, as a table. */
import { written, writtenSpread } from '../report/figures.ts';
import { unexpected } from '../load/load.ts';
import type { Table } from '../report/report.ts';
import { median, ratios, spread } from '../report/stats.ts';
import type { HarmFigures, Suffered } from './measure.ts';

/** What a harm may do to the late answers of those who pay. */
const MOST_RATIO = 1.5;

export function harmTable(rows: readonly HarmFigures[]): Table {
  const head = ['harm', 'connections', 'asked', 'p99 ms alone', 'p99 ms under it', 'ratio (least–most)'];
  return [
    [...head, 'not done alone', 'not done under it', 'loop held ms', `≤ ${MOST_RATIO}, all done`],
    ...rows.map((row) => {
      const { alone, harmed, heldMs } = row;
      const [before, under] = [p99(alone), p99(harmed)];
      const { least, most } = spread(ratios(under, before));
      return [
        ...[row.label, String(row.connections), row.victim, writtenSpread(before), writtenSpread(under)],
        `${written(ratioOf(row))} (${written(least)}–${written(most)})`,
        ...[notDone(alone), notDone(harmed), written(Math.max(...heldMs))],
        isUnharmed(row) ? 'holds' : 'MISSED',
      ];
    }),
  ];
}

/** Of the medians; the spread is of the rounds. */
function ratioOf({ alone, harmed }: HarmFigures): number {
  return median(p99(harmed)) / median(p99(alone));
}

function isUnharmed(row: HarmFigures): boolean {
  return ratioOf(row) <= MOST_RATIO && share(row.harmed) <= share(row.alone);
}

function p99(suffered: readonly Suffered[]): number[] {
  return suffered.map(({ latencyMs }) => latencyMs.p99);
}

function share(suffered: readonly Suffered[]): number {
  const missed = suffered.reduce((sum, each) => sum + unexpected(each), 0);
  return missed / Math.max(1, countAll(suffered));
}

function notDone(suffered: readonly Suffered[]): string {
  const missed = suffered.reduce((sum, each) => sum + countAll([each]) - (each.statuses['200'] ?? 0), 0);
  return `${missed.toLocaleString('en')} of ${countAll(suffered).toLocaleString('en')}`;
}

function countAll(suffered: readonly Suffered[]): number {
  return suffered.reduce(
    (sum, { statuses, failed }) => sum + failed + Object.values(statuses).reduce((all, each) => all + each, 0),
    0,
  );
}
