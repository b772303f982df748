/**
 * Is a server running on this data folder? `postmaster.pid` alone cannot tell: after a crash of the machine it names a
 * process id that may belong to anything by now. So the process is looked at, and then spoken to.
 */
import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type pg from 'pg';
import { ConfigurationError } from '../../shared/env.ts';

/** A server that is starting or stopping settles within this time. */
const SETTLE_LIMIT_MS = 10_000;
const LOOK_AGAIN_MS = 200;

/**
 * The port of the server that runs on `data`, or undefined. A leftover `postmaster.pid` that names another program is
 * removed, because PostgreSQL would not start beside it. Throws `ConfigurationError` when a server is there but does
 * not let us in.
 */
export async function findServer(
  data: string,
  connect: (port: number) => Promise<pg.Client>,
): Promise<number | undefined> {
  const pidFile = path.join(data, 'postmaster.pid');
  const deadlineMs = Date.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const recorded = await readPidFile(pidFile);
    if (recorded === undefined || !isAlive(recorded.pid)) return undefined;
    if (!(await looksLikePostgres(recorded.pid))) {
      await rm(pidFile, { force: true });
      return undefined;
    }
    try {
      const client = await connect(recorded.port);
      await client.end();
      return recorded.port;
    } catch {
      if (Date.now() >= deadlineMs) {
        throw new ConfigurationError(
          `A PostgreSQL server (process ${recorded.pid}) runs on ${data} and lets nobody in: stop it, then start again.`,
        );
      }
    }
    await delay(LOOK_AGAIN_MS);
  }
}

/** The first line is the process id, the fourth the port; a server that is just starting has not written all yet. */
async function readPidFile(pidFile: string): Promise<{ pid: number; port: number } | undefined> {
  const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  return Number.isInteger(pid) && pid > 0 ? { pid, port: Number(lines[3] ?? 0) } : undefined;
}

/** The id in `postmaster.pid`, whoever has it now. */
export async function serverPid(data: string): Promise<number | undefined> {
  return (await readPidFile(path.join(data, 'postmaster.pid')))?.pid;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Where neither /proc nor ps can say, it counts as PostgreSQL: removing a live server's file would be worse. */
async function looksLikePostgres(pid: number): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() =>
    promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).then(
      ({ stdout }) => stdout,
      () => 'postgres',
    ),
  );
  return command.includes('postgres');
}
