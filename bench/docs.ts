/**
 * `npm run bench:docs`: writes the figures of the last runs (`bench/results/*.json`) into docs/PERFORMANCE.md, between
 * the marks that name them, so that what the document tells is what was measured. Of a bench without results it says so.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';
import type { BenchResult } from './bench.ts';
import type { BooksResult } from './report/books.ts';
import { harmTable } from './harm/report.ts';
import type { HarmFigures } from './harm/measure.ts';
import { growthTable } from './growth/report.ts';
import type { GrowthResult } from './growth/measure.ts';
import { machineLine } from './report/machine.ts';
import type { Machine } from './report/machine.ts';
import { judge } from './report/ratios.ts';
import { booksLines, judgementTable, memoryTable, rateTable, steadyTable } from './report/report.ts';
import type { Table } from './report/report.ts';
import { readResult, resultFile, writeWhole } from './report/results.ts';
import { scalingTables } from './scaling/report.ts';
import type { ScalingResult } from './scaling/measure.ts';
import { markdownTable } from './report/table.ts';

const DOCUMENT = fileURLToPath(new URL('../docs/PERFORMANCE.md', import.meta.url));

interface Latest extends BenchResult {
  machine: Machine;
  settings: { rounds: number; seconds: number };
}
interface Growth {
  machine: Machine;
  settings: { entries: number; rounds: number; seconds: number };
  rows: GrowthResult[];
  books: BooksResult[];
}
interface Harms {
  machine: Machine;
  settings: { rounds: number; seconds: number };
  rows: HarmFigures[];
  books: BooksResult[];
}
interface Scaling {
  machine: Machine;
  settings: { rounds: number; seconds: number };
  results: ScalingResult[];
  books: BooksResult[];
}

/** By the name of the results and of the mark. */
const SECTIONS = {
  latest: (result: Latest) => [
    introduction(result),
    ...[judgementTable(judge(result)), rateTable(result.rows)].map(asMarkdown),
    ...[steadyTable(result.steady), memoryTable(result.rows)].map(asMarkdown),
    list(booksLines(result.books)),
  ],
  growth: (result: Growth) => [
    introduction(result),
    asMarkdown(growthTable(result.rows, result.settings.entries)),
    list(booksLines(result.books)),
  ],
  harm: tellHarms,
  'harm-before': tellHarms,
  scaling: (result: Scaling) => [introduction(result), ...scalingTables(result.results).map(asMarkdown)],
};

let text = await readFile(DOCUMENT, 'utf8');
for (const [name, render] of Object.entries(SECTIONS)) {
  const result = await readResult(resultFile(`${name}.json`));
  const parts = result === undefined ? ['Not measured yet.'] : render(result as never);
  text = replaceSection(text, name, parts.join('\n\n'));
}
const config = await prettier.resolveConfig(DOCUMENT);
await writeWhole(DOCUMENT, await prettier.format(text, { ...config, filepath: DOCUMENT }));

function replaceSection(document: string, name: string, content: string): string {
  const [begin, end] = [`<!-- figures: ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the document has no place for ${name}`);
  return `${document.slice(0, from + begin.length)}\n\n${content}\n\n${document.slice(to)}`;
}

function tellHarms(result: Harms): string[] {
  return [introduction(result), asMarkdown(harmTable(result.rows)), list(booksLines(result.books))];
}

function introduction({ machine, settings }: Pick<Latest, 'machine' | 'settings'>): string {
  const { rounds, seconds } = settings;
  return `Medians of ${rounds} rounds of ${seconds} s each, least and most in brackets. ${machineLine(machine)}.`;
}

function asMarkdown(table: Table): string {
  return markdownTable(table).join('\n');
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line.trim()}`).join('\n');
}
