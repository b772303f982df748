/**
 * `npm run build`: the service as JavaScript in dist/, which is what runs. Compiled ahead, a process takes some forty
 * megabytes less than one that translates its sources when it starts. Types are left to `npm run check`. Does nothing when
 * nothing has changed; otherwise dist/ is made beside the old one and put in its place whole.
 */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

const ROOT = import.meta.dirname;
const DIST = path.join(ROOT, 'dist');
const STAMP = path.join(DIST, '.built');
const SOURCES = [
  'api',
  'worker',
  'shared',
  'cli',
  'prisma',
  'bench',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'build.mjs',
  'docs/OPERATIONS.md',
];
/** What is read from beside the code. */
const COPIED = [
  'api/site/assets',
  'api/site/templates',
  'api/console/assets',
  'api/console/templates',
  'prisma/migrations',
  'docs/OPERATIONS.md',
  'package.json',
];

if (await isStale()) {
  await assertInstalled();
  await build();
}

async function isStale() {
  const builtMs = await changedMs(STAMP);
  for (const source of SOURCES) if ((await newestMs(path.join(ROOT, source))) > builtMs) return true;
  return false;
}

/** Folders count as well: theirs is the time at which something in them was removed or renamed. */
async function newestMs(place) {
  const entries = await readdir(place, { withFileTypes: true, recursive: true }).catch(() => []);
  const places = [place, ...entries.map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))];
  return Math.max(...(await Promise.all(places.map(changedMs))));
}

async function changedMs(place) {
  return (await stat(place).catch(() => undefined))?.mtimeMs ?? 0;
}

/** An install can have left out what its scripts make (`--ignore-scripts`, or a policy that says so). */
async function assertInstalled() {
  if (await stat(path.join(ROOT, 'prisma/generated/client.ts')).catch(() => undefined)) return;
  console.error('The Prisma client is missing, which an install makes as its last step: npm run postinstall');
  process.exit(1);
}

async function build() {
  const [made, old] = [`${DIST}-${process.pid}`, `${DIST}-${process.pid}-old`];
  try {
    // Its time is the build's beginning: what is changed meanwhile is built next time.
    await mkdir(made);
    await writeFile(path.join(made, '.built'), '');
    compile(made);
    for (const folder of COPIED) await cp(path.join(ROOT, folder), path.join(made, folder), { recursive: true });
    // Another build has come first, and its processes may be starting out of it.
    if (!(await isStale())) return;
    await rename(DIST, old).catch(ignoring('ENOENT'));
    await rename(made, DIST).catch(ignoring('ENOTEMPTY', 'EEXIST'));
  } finally {
    for (const place of [made, old]) await rm(place, { recursive: true, force: true });
  }
}

function ignoring(...codes) {
  return (error) => {
    if (!codes.includes(error.code)) throw error;
  };
}

function compile(outDir) {
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const args = [compiler, '-p', path.join(ROOT, 'tsconfig.build.json'), '--noCheck', '--outDir', outDir];
  const { status, error } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
