/**
 * A PostgreSQL server that can be made to crash: `immediate` is what a power cut is to it, apart from the disk. It
 * starts again on the same port from its write-ahead log. It commits synchronously, and does without fsync, because
 * here it is the server that dies and never the machine.
 *
 * A small shell stands by: it ends the server and removes its folder as soon as this process is gone, however that went.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, chown } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { freePort } from '../../cli/postgres/embeddedPostgres.ts';
import { findOwner, findPrograms, runProgram } from '../../cli/postgres/postgresBinaries.ts';
import { run } from '../support/database.ts';

export interface CrashingPostgres {
  port: number;
  /** Straight to the server, past every proxy. */
  url: string;
  crash: () => Promise<void>;
  start: () => Promise<void>;
  stop: () => Promise<void>;
}

const DATABASE = 'saldo';
const LIMIT_S = 60;
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  synchronous_commit: 'on',
  fsync: 'off',
  max_connections: '200',
  max_wal_size: '2GB',
};
/** `$1` is the data folder, `$2` what is to be removed. SIGQUIT is the immediate shutdown. */
const GUARD = `cat >/dev/null
pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then kill -QUIT "$pid" 2>/dev/null; while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done; fi
rm -rf "$2"`;

export async function startCrashingPostgres(): Promise<CrashingPostgres> {
  const [owner, programs, port] = await Promise.all([findOwner(), findPrograms(), freePort()]);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'saldo-chaos-'));
  const data = path.join(folder, 'data');
  await chmod(folder, 0o711);
  await mkdir(data, { mode: 0o700 });
  if (owner.uid !== undefined && owner.gid !== undefined) await chown(data, owner.uid, owner.gid);

  const guard = spawn('sh', ['-c', GUARD, 'guard', data, folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const guardEnded = once(guard, 'exit');
  const stop = async () => {
    guard.stdin.end();
    await guardEnded;
  };

  const flags = Object.entries(SETTINGS).map(([name, value]) => `-c ${name}='${value}'`);
  const control = (...args: string[]) =>
    runProgram(programs.pg_ctl, [...args, '-w', '-t', String(LIMIT_S), '-D', data], owner);
  const start = () => control('start', '-l', path.join(data, 'server.log'), '-o', `-p ${port} ${flags.join(' ')}`);
  try {
    await runProgram(
      programs.initdb,
      [`--pgdata=${data}`, '--username=saldo', '--auth=trust', '--locale=C', '--encoding=UTF8', '--no-instructions'],
      owner,
    );
    await start();
    await run(`postgres://saldo@127.0.0.1:${port}/postgres`, `CREATE DATABASE ${DATABASE}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    url: `postgres://saldo@127.0.0.1:${port}/${DATABASE}`,
    crash: () => control('stop', '-m', 'immediate'),
    start,
    stop,
  };
}
