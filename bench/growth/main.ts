/**
 * `npm run bench:growth -- --entries 10000000`: whether the service slows down as its books grow. Two services side by
 * side, one on books that were filled by SQL, one on books with just enough in them to fill a page, asked the same in
 * turns. Exit status as of `npm run bench`.
 */
import path from 'node:path';
import { z } from 'zod';
import type { BooksResult } from '../report/books.ts';
import { count, parseOptions, runBenchProgram, tellFailures } from '../commandLine.ts';
import { chooseLoadRunner } from '../load/runLoad.ts';
import { describeMachine, machineLine } from '../report/machine.ts';
import { booksLines, failures } from '../report/report.ts';
import { resultFile, writeResult } from '../report/results.ts';
import { startServers } from '../servers/servers.ts';
import { alignColumns } from '../report/table.ts';
import { judgeBook, openBook } from './books.ts';
import type { Book } from './books.ts';
import { measureInTurns } from './measure.ts';
import { growthTable } from './report.ts';

/** Enough for the merchant to have several pages. */
const FEW_ENTRIES = 20_000;

const schema = z.object({
  entries: count(1_000_000_000).default(10_000_000),
  rounds: count(1_000).default(5),
  seconds: count(3_600).default(4),
  out: z.string().default(resultFile('growth.json')),
});
const USAGE = 'npm run bench:growth -- [--entries 10000000] [--rounds 5] [--seconds 4] [--out FILE]';

await runBenchProgram(async (signal) => {
  const { entries, rounds, seconds, out } = parseOptions(schema, { usage: USAGE });
  const loadRunner = chooseLoadRunner();
  const servers = await startServers();
  const books: Book[] = [];
  try {
    const machine = describeMachine(servers, loadRunner.name);
    console.log(machineLine(machine));
    books.push(await openBook(servers, { name: 'empty', entries: FEW_ENTRIES, signal }));
    books.push(await openBook(servers, { name: 'grown', entries, signal }));
    const rows = await measureInTurns(books, { rounds, seconds, signal }, { servers, loadRunner });
    for (const { target } of books) await target.stop();
    const judged: BooksResult[] = [];
    for (const book of books) judged.push(await judgeBook(book));
    await writeResult(path.resolve(out), { machine, settings: { entries, rounds, seconds }, rows, books: judged });
    console.log(`\n${alignColumns(growthTable(rows, entries)).join('\n')}\n\n${booksLines(judged).join('\n')}`);
    const runs = rows.flatMap(({ label, empty, grown }) =>
      [empty, grown].map((measured) => ({ name: label, measured })),
    );
    return tellFailures(failures(judged, runs));
  } finally {
    await Promise.allSettled(books.map(({ target }) => target.stop()));
    await servers.stop();
  }
});
