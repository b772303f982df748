/**
 * `npm run bench:scaling`: what partitions and workers are worth when the database is not next door. A TCP proxy delays
 * everything between the workers and PostgreSQL, both ways. Writes the figures and a plot of them. Exit status as
 * of `npm run bench`.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { showProgress } from '../../cli/progress.ts';
import { startProxy } from '../../tests/chaos/proxy.ts';
import type { BooksResult } from '../report/books.ts';
import { count, parseOptions, runBenchProgram, tellFailures } from '../commandLine.ts';
import { chooseLoadRunner } from '../load/runLoad.ts';
import { describeMachine, machineLine } from '../report/machine.ts';
import { booksLines, failures } from '../report/report.ts';
import { resultFile, writeResult, writeWhole } from '../report/results.ts';
import { startServers } from '../servers/servers.ts';
import { alignColumns } from '../report/table.ts';
import { requireRedis } from '../targets/target.ts';
import { createFleets, judgeFleet } from './fleets.ts';
import { LOADS, measureFleets } from './measure.ts';
import { plotScaling } from './plot.ts';
import { scalingTables } from './report.ts';

const counts = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .transform((text) => text.split(',').map(Number))
    .pipe(z.array(z.int().min(1).max(64)));

const schema = z.object({
  delay: count(1_000).default(5),
  partitions: counts('1,2,4,8'),
  workers: counts('1,2,4'),
  rounds: count(1_000).default(3),
  seconds: count(3_600).default(4),
  out: z.string().default(resultFile('scaling.json')),
  plot: z.string().default(fileURLToPath(new URL('../../docs/img/scaling.svg', import.meta.url))),
});
const USAGE = `npm run bench:scaling -- [--delay 5] [--partitions 1,2,4,8] [--workers 1,2,4] [--rounds 3] [--seconds 4] [--out FILE] [--plot FILE]
  --delay  milliseconds, each way`;

await runBenchProgram(async (signal) => {
  const options = parseOptions(schema, { usage: USAGE });
  const { delay: delayMs, rounds, seconds, out, plot } = options;
  const loadRunner = chooseLoadRunner();
  const servers = await startServers();
  const proxy = await startProxy(Number(new URL(servers.postgres.url('postgres')).port));
  try {
    requireRedis(servers); // on the PostgreSQL queue only one worker works
    const machine = describeMachine(servers, loadRunner.name);
    console.log(machineLine(machine));
    const fleets = await createFleets(servers, options);
    proxy.misbehave('delay', delayMs);
    const progress = showProgress('measured', fleets.length * LOADS.length * rounds);
    const plan = { rounds, seconds, proxyPort: proxy.port, signal, progress };
    const results = await measureFleets(fleets, plan, { servers, loadRunner }).finally(progress.stop);
    const books: BooksResult[] = [];
    for (const fleet of fleets) books.push(await judgeFleet(fleet));
    await writeResult(path.resolve(out), { machine, settings: { delayMs, rounds, seconds }, results, books });
    await writeWhole(path.resolve(plot), plotScaling(results, delayMs));
    for (const table of scalingTables(results)) console.log(`\n${alignColumns(table).join('\n')}`);
    console.log(`\n${booksLines(books).join('\n')}`);
    const runs = results.map(({ load, partitions, workers, measured }) => {
      return { name: `${partitions} partitions over ${workers} workers, ${load}`, measured };
    });
    return tellFailures(failures(books, runs));
  } finally {
    await proxy.close();
    await servers.stop();
  }
});
