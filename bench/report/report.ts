/** What was measured as tables of text: for the terminal, and for the document that tells of it. */
import type { BenchResult, RowResult, SteadyResult } from '../bench.ts';
import type { BooksResult } from './books.ts';
import { written, writtenSpread } from './figures.ts';
import { unexpected } from '../load/load.ts';
import type { Measured } from '../measure.ts';
import type { Judgement } from './ratios.ts';
import { median } from './stats.ts';

/** Rows of cells, the first of them the head. */
export type Table = string[][];

/** Whose processor time is told. */
const PROCESSES = ['load', 'api', 'worker', 'postgres', 'redis'];

export function rateTable(rows: readonly RowResult[]): Table {
  const head = ['flat out', 'clients', 'per second (least–most)', 'p50 ms', 'p99 ms'];
  return [
    [...head, ...PROCESSES.map((name) => `${name} cores`), 'other answers'],
    ...rows.map(({ label, connections, measured, missing }) => [
      label,
      String(connections),
      missing === undefined ? writtenSpread(measured.map(({ perSecond }) => perSecond)) : `not measured: ${missing}`,
      ...(missing === undefined ? details(measured) : []),
    ]),
  ];
}

export function steadyTable(steady: readonly SteadyResult[]): Table {
  return [
    ['at half of its best', 'arrivals per second', 'p50 ms', 'p99 ms', 'max ms', 'other answers'],
    ...steady.map(({ target, perSecond, measured }) => [
      target,
      written(perSecond),
      writtenSpread(latencies(measured, 'p50')),
      writtenSpread(latencies(measured, 'p99')),
      writtenSpread(latencies(measured, 'max')),
      otherAnswers(measured),
    ]),
  ];
}

/** Resident memory by target: over all its rows, and over 128 connections with a transfer each. */
export function memoryTable(rows: readonly RowResult[]): Table {
  const targets = [...new Set(rows.map(({ target }) => target))];
  const lines = targets.flatMap((target) => {
    return ['api', 'worker'].flatMap((name) => {
      const own = rows.filter((row) => row.target === target);
      const usual = own.filter(({ id }) => id === `${target}-128`);
      const seen = [usual, own].map((each) => memoryOf(each, name));
      if (seen[1]?.length === 0) return [];
      return [[`${target} ${name}`, ...seen.flatMap((each) => [medianOf(each), peakOf(each)])]];
    });
  });
  return [['resident MB', 'at 128, median', 'at 128, peak', 'all, median', 'all, peak'], ...lines];
}

type Memory = Measured['usage'][string]['memoryMb'];

function memoryOf(rows: readonly RowResult[], process: string): Memory[] {
  return rows.flatMap(({ measured }) => measured.flatMap(({ usage }) => usage[process]?.memoryMb ?? []));
}

function medianOf(seen: readonly Memory[]): string {
  return medianOrNone(seen.map((each) => each.median));
}

function peakOf(seen: readonly Memory[]): string {
  return seen.length === 0 ? '' : written(Math.max(...seen.map(({ peak }) => peak)));
}

export function judgementTable(judgements: readonly Judgement[]): Table {
  return [
    ['what it must show', 'bound', 'measured (least–most)', ''],
    ...judgements.map(({ what, bound, unit, figure, holds }) => {
      const inUnit = (value: number) => `${written(value)}${unit && ` ${unit}`}`;
      const limit = 'atLeast' in bound ? `≥ ${inUnit(bound.atLeast)}` : `≤ ${inUnit(bound.atMost)}`;
      if (!figure) return [what, limit, '–', 'not measured'];
      const range = `${inUnit(figure.value)} (${written(figure.least)}–${written(figure.most)})`;
      return [what, limit, range, holds === true ? 'holds' : `MISSED by ${missedBy(figure.value, bound)}`];
    }),
  ];
}

export function booksLines(books: readonly BooksResult[]): string[] {
  return books.flatMap(({ name, isSound, findings, applied, acknowledged }) => [
    `${name}: ${applied.toLocaleString('en')} operations, of which ${acknowledged.toLocaleString('en')} were answered ` +
      `in time: ${isSound ? 'the books are sound.' : 'the books are NOT sound.'}`,
    ...findings.map((finding) => `    ${finding}`),
  ]);
}

/** Unsound books, and runs in which nothing was done at all, make a bench worthless. A missed ratio does not. */
export function failures(books: readonly BooksResult[], runs: readonly { name: string; measured: Measured[] }[]) {
  return [
    ...books.filter(({ isSound }) => !isSound).map(({ name }) => `The books of ${name} are not sound.`),
    ...runs
      .filter(({ measured }) => measured.some(({ done }) => done === 0))
      .map(({ name }) => `Nothing was done in a run of ${name}.`),
  ];
}

/** Every run of a bench, under a name. */
export function runsOf({ rows, steady }: Pick<BenchResult, 'rows' | 'steady'>) {
  return [
    ...rows.map(({ id, measured }) => ({ name: id, measured })),
    ...steady.map(({ target, measured }) => ({ name: `${target} at half of its best`, measured })),
  ];
}

function details(measured: readonly Measured[]): string[] {
  const cores = PROCESSES.map((name) => measured.flatMap(({ usage }) => usage[name]?.cores ?? []));
  return [
    medianOrNone(latencies(measured, 'p50')),
    medianOrNone(latencies(measured, 'p99')),
    ...cores.map(medianOrNone),
    otherAnswers(measured),
  ];
}

function latencies(measured: readonly Measured[], which: keyof Measured['latencyMs']): number[] {
  return measured.flatMap(({ latencyMs }) => latencyMs[which] ?? []);
}

function medianOrNone(values: readonly number[]): string {
  return values.length === 0 ? '' : written(median(values));
}

/** Answers but 200, by status. A mark where some are neither done nor refused by the ledger: such a run is to be doubted. */
function otherAnswers(measured: readonly Measured[]): string {
  const counts = new Map<string, number>();
  const add = (name: string, count: number) => counts.set(name, (counts.get(name) ?? 0) + count);
  for (const { statuses, failed } of measured) {
    for (const [status, count] of Object.entries(statuses)) if (status !== '200') add(status, count);
    if (failed > 0) add('failed', failed);
  }
  const isDoubtful = measured.some((each) => unexpected(each) > 0);
  const listed = [...counts].map(([name, count]) => `${name}: ${count.toLocaleString('en')}`);
  return `${isDoubtful ? '! ' : ''}${listed.join(', ')}`;
}

function missedBy(value: number, bound: Judgement['bound']): string {
  const off = 'atLeast' in bound ? 1 - value / bound.atLeast : value / bound.atMost - 1;
  return `${(off * 100).toFixed(0)}%`;
}
