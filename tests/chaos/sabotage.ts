/**
 * `npm run chaos:sabotage`: proves that the chaos runs can fail. Every defence in `sabotages.ts` is taken away in a copy
 * of the working tree, one at a time, and the run there must end with the violation that the defence prevents. Exit
 * status: 0 the checker objected to every one, 1 it missed one, 2 a change no longer fits the source.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { patched } from './patched.ts';
import { SABOTAGES } from './sabotages.ts';
import type { Sabotage } from './sabotages.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COPIED = [
  'api',
  'cli',
  'docs',
  'prisma',
  'shared',
  'tests',
  'worker',
  'build.mjs',
  'package.json',
  'prisma.config.ts',
  'tsconfig.json',
  'tsconfig.build.json',
];
const RUN_LIMIT_MS = 600_000;

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const chosen = SABOTAGES.filter(({ name }) => values.only?.split(',').includes(name) ?? true);
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error);
  process.exitCode = 2;
}

async function main(): Promise<number> {
  if (chosen.length === 0)
    throw new Error(`there is none of that name: ${SABOTAGES.map(({ name }) => name).join(', ')}`);
  // All of them are tried on the source before the first long run, so that a stale one is known at once.
  for (const { patches } of SABOTAGES) for (const patch of patches) await patched(ROOT, patch);
  const missed: string[] = [];
  for (const sabotage of chosen) {
    console.log(`\n${sabotage.name}: ${sabotage.says}\n  npm run chaos -- ${sabotage.args.join(' ')}`);
    const rules = await runSabotaged(sabotage);
    const { expects } = sabotage;
    const isCaught = expects.length > 0 ? expects.some((rule) => rules.includes(rule)) : rules.length === 0;
    console.log(isCaught ? '  as expected' : `  NOT AS EXPECTED: ${expects.join(' or ') || 'no violation'} was`);
    if (!isCaught) missed.push(sabotage.name);
    interrupted.signal.throwIfAborted();
  }
  console.log(
    `\n${chosen.length - missed.length} of ${chosen.length} were caught${missed.length > 0 ? `; missed: ${missed.join(', ')}` : ''}`,
  );
  return missed.length === 0 ? 0 : 1;
}

/** Runs in a copy, which is removed afterwards. Returns the rules that the checker found broken. */
async function runSabotaged(sabotage: Sabotage): Promise<string[]> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'saldo-sabotage-'));
  try {
    for (const name of COPIED) await cp(path.join(ROOT, name), path.join(folder, name), { recursive: true });
    await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
    for (const patch of sabotage.patches) {
      await writeFile(path.join(folder, patch.file), await patched(folder, patch));
    }
    const lines = await run(folder, sabotage.args);
    const found = lines.filter((line) => line.startsWith('VIOLATION '));
    for (const line of found.length > 0 ? found : lines.slice(-5)) console.log(`  ${line}`);
    return found.map((line) => line.split(' ')[1] ?? '');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(folder: string, args: readonly string[]): Promise<string[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'tests/chaos/main.ts', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: RUN_LIMIT_MS,
    // A first SIGTERM lets the run end its own servers and processes.
    signal: interrupted.signal,
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  // Interrupted, it is an error too, and yet its folder is needed until it has ended.
  child.on('error', (error) => console.error(error.message));
  await new Promise((resolve) => child.once('close', resolve));
  interrupted.signal.throwIfAborted();
  return output.trimEnd().split('\n');
}
