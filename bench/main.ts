/**
 * `npm run bench`: how fast the service is, beside what else could be done, in one run. Exit status: 0 measured, and all
 * books are sound, whatever the ratios; 1 books are not, or nothing was done in a run; 2 it could not be measured.
 */
import { showProgress } from '../cli/progress.ts';
import type { Progress } from '../cli/progress.ts';
import { runBench } from './bench.ts';
import type { BenchDeps, BenchResult } from './bench.ts';
import { runBenchProgram, tellFailures } from './commandLine.ts';
import { chooseLoadRunner } from './load/runLoad.ts';
import { describeMachine, machineLine } from './report/machine.ts';
import { readOptions } from './options.ts';
import type { Options } from './options.ts';
import { judge } from './report/ratios.ts';
import type { Judgement } from './report/ratios.ts';
import { booksLines, failures, judgementTable, memoryTable, rateTable, runsOf, steadyTable } from './report/report.ts';
import { writeResult } from './report/results.ts';
import { PARTITIONS, WALLETS } from './servers/seed.ts';
import { startServers } from './servers/servers.ts';
import { alignColumns } from './report/table.ts';
import { startLocks, startOneWorker } from './targets/baselines.ts';
import { startPgbench } from './targets/pgbench.ts';
import { startSaldoEmbedded, startSaldoOnRedis } from './targets/saldo.ts';

await runBenchProgram(async (signal) => {
  const options = readOptions();
  const startedAt = new Date();
  const loadRunner = chooseLoadRunner();
  console.log(`Starting PostgreSQL with fsync, Redis without persistence, and ${WALLETS} funded wallets …`);
  const servers = await startServers();
  try {
    const machine = describeMachine(servers, loadRunner.name);
    console.log(machineLine(machine));
    const result = await measureAll(options, { servers, loadRunner, signal });
    const judgements = judge(result);
    const { rounds, seconds, steadySeconds, out } = options;
    const settings = { rounds, seconds, steadySeconds, wallets: WALLETS, partitions: PARTITIONS };
    await writeResult(out, { startedAt, endedAt: new Date(), machine, settings, judgements, ...result });
    print(result, judgements);
    return tellFailures(failures(result.books, runsOf(result)));
  } finally {
    await servers.stop();
  }
});

async function measureAll(options: Options, deps: Omit<BenchDeps, 'onProgress'>): Promise<BenchResult> {
  let progress: Progress | undefined;
  const onProgress = (done: number, total: number) => {
    progress ??= showProgress('measured', total);
    progress.update(done);
  };
  const starters = {
    saldo: startSaldoOnRedis,
    embedded: startSaldoEmbedded,
    locks: startLocks(options.pool),
    'one-worker': startOneWorker(options.pool),
    pgbench: startPgbench,
  };
  try {
    return await runBench({ ...options, starters }, { ...deps, onProgress });
  } finally {
    progress?.stop();
  }
}

function print(result: BenchResult, judgements: readonly Judgement[]): void {
  const tables = [rateTable(result.rows), steadyTable(result.steady), memoryTable(result.rows)];
  for (const table of [...tables.filter(({ length }) => length > 1), judgementTable(judgements)]) {
    console.log(`\n${alignColumns(table).join('\n')}`);
  }
  console.log(`\n${booksLines(result.books).join('\n')}`);
}
