/** What the figures of one run must come to, and whether they do. */
import type { BenchResult } from '../bench.ts';
import type { Measured } from '../measure.ts';
import { median, ratios, spread } from './stats.ts';

/** In the unit that the figure is in. */
type Bound = { atLeast: number } | { atMost: number };

interface Figure {
  /** What is judged. */
  value: number;
  least: number;
  most: number;
}

interface Requirement {
  what: string;
  bound: Bound;
  unit: '' | 'ms' | 'MB';
  /** Undefined when this run has not measured what it takes. */
  figure: (result: BenchResult) => Figure | undefined;
}

export interface Judgement extends Omit<Requirement, 'figure'> {
  figure: Figure | undefined;
  holds: boolean | undefined;
}

/** Rows that are the same thing with another number of clients; the better one counts. */
const PGBENCH = ['pgbench-16', 'pgbench-32'];

const REQUIREMENTS: readonly Requirement[] = [
  atLeast(1, 'saldo ÷ pgbench interactive', rateOver('saldo-128', PGBENCH)),
  atLeast(2, 'saldo ÷ locks', rateOver('saldo-128', ['locks-128'])),
  atLeast(3, 'saldo ÷ one worker', rateOver('saldo-128', ['one-worker-128'])),
  atLeast(0.7, 'saldo on the embedded queue ÷ saldo on Redis', rateOver('embedded-128', ['saldo-128'])),
  atLeast(5, 'saldo bulk of 1,000 ÷ pgbench interactive', rateOver('bulk-1000', PGBENCH)),
  atLeast(0.8, 'hot merchant ÷ uniform', rateOver('hot-merchant', ['saldo-128'])),
  atLeast(0.8, 'hot bank ÷ uniform', rateOver('hot-bank', ['saldo-128'])),
  atMost(3, '', 'p50 at one connection, saldo ÷ locks', medianLatencyOver('saldo-1', 'locks-1')),
  atMost(60, 'ms', 'p99 at half load', steadyP99),
  atMost(200, 'MB', 'resident memory of the API, peak', peakMemory('api')),
  atMost(150, 'MB', 'resident memory of the worker, peak', peakMemory('worker')),
];

export function judge(result: BenchResult): Judgement[] {
  return REQUIREMENTS.map(({ what, bound, unit, figure: measure }) => {
    const figure = measure(result);
    return { what, bound, unit, figure, holds: figure && isWithin(figure.value, bound) };
  });
}

function isWithin(value: number, bound: Bound): boolean {
  return 'atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost;
}

function atLeast(least: number, what: string, figure: Requirement['figure']): Requirement {
  return { what, bound: { atLeast: least }, unit: '', figure };
}

function atMost(most: number, unit: Requirement['unit'], what: string, figure: Requirement['figure']): Requirement {
  return { what, bound: { atMost: most }, unit, figure };
}

function column(result: BenchResult, id: string, value: (measured: Measured) => number | undefined): number[] {
  const row = result.rows.find((each) => each.id === id);
  return (row?.measured ?? []).flatMap((measured) => value(measured) ?? []);
}

const rateOf = ({ perSecond }: Measured) => perSecond;
const p50Of = ({ latencyMs }: Measured) => latencyMs.p50;

function rateOver(id: string, others: readonly string[]): Requirement['figure'] {
  return (result) => {
    const columns = others.map((other) => column(result, other, rateOf));
    const [best = []] = columns.sort((a, b) => median(b) - median(a));
    return quotient(column(result, id, rateOf), best);
  };
}

function medianLatencyOver(id: string, other: string): Requirement['figure'] {
  return (result) => quotient(column(result, id, p50Of), column(result, other, p50Of));
}

/** Of the medians; least and most are of the rounds, each compared within itself. */
function quotient(values: readonly number[], over: readonly number[]): Figure | undefined {
  const within = ratios(values, over);
  if (within.length === 0) return undefined;
  return { value: median(values) / median(over), least: Math.min(...within), most: Math.max(...within) };
}

/** The median of the rounds. */
function steadyP99({ steady }: BenchResult): Figure | undefined {
  const measured = steady.find(({ target }) => target === 'saldo')?.measured ?? [];
  const p99s = measured.flatMap(({ latencyMs }) => latencyMs.p99 ?? []);
  if (p99s.length === 0) return undefined;
  const { median: value, least, most } = spread(p99s);
  return { value, least, most };
}

/** Over everything that was asked of it on Redis: the peak is what must fit. `least` is the median of what was seen. */
function peakMemory(process: string): Requirement['figure'] {
  return ({ rows }) => {
    const measured = rows.filter(({ target }) => target === 'saldo').flatMap((row) => row.measured);
    const seen = measured.flatMap(({ usage }) => usage[process]?.memoryMb ?? []);
    if (seen.length === 0) return undefined;
    const peak = Math.max(...seen.map((memory) => memory.peak));
    return { value: peak, least: median(seen.map((memory) => memory.median)), most: peak };
  };
}
