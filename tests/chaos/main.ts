/**
 * `npm run chaos -- --minutes 10 --seed 1 --queue redis --faults worker-kill,flush`: one chaos run. Exit status: 0 every
 * promise was kept, 1 one was broken, 2 the run could not be made.
 */
import { parseArgs } from 'node:util';
import { buildService } from '../support/processes.ts';
import { FAULT_KINDS } from './faults.ts';
import { tableLines, violationLines } from './report.ts';
import { runChaos } from './run.ts';
import { defaultQueue } from './system.ts';
import type { QueueKind } from './system.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    seed: { type: 'string' },
    queue: { type: 'string', default: defaultQueue() },
    faults: { type: 'string' },
    every: { type: 'string' },
    settle: { type: 'string' },
  },
});

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

try {
  process.exitCode = await main();
} catch (error) {
  console.error(interrupted.signal.aborted ? 'interrupted; everything has been stopped' : error);
  process.exitCode = 2;
}

async function main(): Promise<number> {
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
  const minutes = Number(values.minutes);
  const queue = values.queue as QueueKind;
  const faults = values.faults?.split(',');
  const names = FAULT_KINDS.map(({ name }) => name);
  const unknown = faults?.find((name) => !names.includes(name));
  if (
    !(minutes > 0) ||
    !Number.isSafeInteger(seed) ||
    !['redis', 'postgres'].includes(queue) ||
    unknown !== undefined
  ) {
    console.error('npm run chaos -- [--minutes 2] [--seed N] [--queue redis|postgres] [--faults a,b]');
    console.error('  [--every seconds between two faults] [--settle seconds that promises are waited for at the end]');
    console.error(`faults: ${names.join(', ')}`);
    return 2;
  }
  buildService();
  console.log(`chaos: seed ${seed}, ${minutes} minutes, queue on ${queue}`);
  const everyMs = Number(values.every ?? 0) * 1_000;
  const result = await runChaos({
    ...{ seed, queue, runMs: minutes * 60_000, say: (line) => console.log(line), signal: interrupted.signal },
    ...(faults && { faults }),
    ...(values.settle !== undefined && { settleMs: Number(values.settle) * 1_000 }),
    ...(everyMs > 0 && { pace: { firstMs: 2_000, gapMs: [everyMs, everyMs] as const } }),
  });
  for (const line of violationLines(result.violations, result.history.faults)) console.log(line);
  console.log('');
  for (const line of tableLines(result)) console.log(line);
  return result.violations.length === 0 ? 0 : 1;
}
