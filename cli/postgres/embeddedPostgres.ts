/**
 * A real PostgreSQL server in a folder of its own, for `npm start` and for the tests: loopback only, no Unix socket, a
 * free port at each start, a password that no process list shows.
 *
 * `pg_ctl` starts it in a session of its own, so it outlives a Ctrl-C in the terminal and is stopped last, by whoever
 * started it. What keeps two owners apart is not a file but a session's advisory lock in the server: PostgreSQL drops
 * it the moment its holder dies, however it dies.
 *
 *     no server ──────────────────────────▶ initdb if there is no data ─▶ start ─▶ take the lock ─▶ ours
 *     a server whose lock can be had ─────▶ its owner died: stop it ──▶ as above
 *     a server whose lock is held ────────▶ in use: refused
 *     postmaster.pid of another program ──▶ the machine restarted: remove it ──▶ as above
 *
 * Of two starts at once one gets the lock; the other is refused, whatever the order of their steps. initdb works in a
 * folder beside the data, which then takes its name, so a killed initdb leaves nothing half-made.
 */
import { randomBytes } from 'node:crypto';
import { chown, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { Fault } from '../../shared/errors/fault.ts';
import { ConfigurationError } from '../../shared/env.ts';
import { ADVISORY_LOCKS } from '../../shared/store/database/advisoryLocks.ts';
import { connectClient } from '../../shared/store/database/connection.ts';
import { findServer, isAlive, serverPid } from './postgresProcess.ts';
import { assertReachable, findOwner, findPrograms, runProgram } from './postgresBinaries.ts';
import type { Owner, Programs } from './postgresBinaries.ts';

export interface PostgresOptions {
  /** The parent of the data folder `postgres/`; must exist. */
  folder: string;
  /** Created if it is not there. */
  database?: string;
  /** Server settings over the defaults, for the tests. */
  settings?: Record<string, string>;
  /** The folder of an installed server's programs, to be run instead of the embedded ones. */
  installed?: string | undefined;
}

export interface EmbeddedPostgres {
  url: (database: string) => string;
  /** Its last owner died and left it running, so that owner's other processes may still be ending. */
  takenOver: boolean;
  /** Resolves if the server goes away by itself. */
  lost: Promise<void>;
  stop: () => Promise<void>;
}

interface Place extends PostgresOptions {
  data: string;
  owner: Owner;
  programs: Programs;
}

const DATA_FOLDER = 'postgres';
const WORKSHOP = 'postgres.new-';
const USER = 'saldo';
/** Kept with the data that it opens, so that the two cannot part. */
const PASSWORD_FILE = 'saldo.password';
/** How long the lock of an owner that has just been killed may linger. */
const OWNER_LOCK_WAIT = '2s';
const RETAKE_LIMIT_MS = 10_000;
const RETAKE_EVERY_MS = 250;
const LINGER_LIMIT_MS = 2_000;
const LINGER_LOOK_MS = 10;
const STOP_LIMIT_S = 30;
const START_LIMIT_S = 60;
const START_ATTEMPTS = 3;

/** Throws `ConfigurationError` when the folder is in use or cannot be used; nothing is left running then. */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const place = await prepare(options);
  const orphanPort = await findServer(place.data, async (port) =>
    connectClient(await serverUrl(place, port, 'postgres'), 'owner'),
  );
  if (orphanPort !== undefined) {
    const lock = await takeOwnership(place, orphanPort);
    await stopServer(place);
    await lock.end();
  }
  await createData(place);
  await readPassword(place.data);
  const port = await startServer(place);
  const ownership = await holdOwnership(place, port);
  await removeLeftovers(place);
  const urlOfNone = await serverUrl(place, port, '');
  const stop = async (): Promise<void> => {
    ownership.release();
    await stopServer(place);
  };
  if (options.database !== undefined) {
    await createDatabase(`${urlOfNone}postgres`, options.database).catch(async (error: unknown) => {
      await stop();
      throw error;
    });
  }
  return {
    url: (database) => `${urlOfNone}${database}`,
    takenOver: orphanPort !== undefined,
    lost: ownership.lost,
    stop,
  };
}

async function createDatabase(adminUrl: string, name: string): Promise<void> {
  const client = await connectClient(adminUrl, 'owner');
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

/** The URL maker of the server that runs in the folder, or undefined; for whoever only wants to read. */
export async function findPostgres(folder: string): Promise<EmbeddedPostgres['url'] | undefined> {
  const data = path.join(folder, DATA_FOLDER);
  const port = await findServer(data, async (at) => connectClient(await serverUrl({ data }, at, 'postgres'), 'find'));
  if (port === undefined) return undefined;
  const urlOfNone = await serverUrl({ data }, port, '');
  return (database) => `${urlOfNone}${database}`;
}

async function serverUrl({ data }: { data: string }, port: number, database: string): Promise<string> {
  return `postgres://${USER}:${await readPassword(data)}@127.0.0.1:${port}/${database}`;
}

async function readPassword(data: string): Promise<string> {
  try {
    return (await readFile(path.join(data, PASSWORD_FILE), 'utf8')).trim();
  } catch {
    throw new ConfigurationError(`${data} has no ${PASSWORD_FILE} that can be read, so it cannot be opened.`);
  }
}

async function prepare(options: PostgresOptions): Promise<Place> {
  const [owner, programs] = await Promise.all([findOwner(), findPrograms(options.installed)]);
  await assertReachable(path.dirname(programs.initdb), owner);
  await assertReachable(options.folder, owner);
  return { ...options, owner, programs, data: path.join(options.folder, DATA_FOLDER) };
}

function inUse({ folder }: Place): ConfigurationError {
  return new ConfigurationError(`${folder} is in use by a service that is running: stop that one first.`);
}

async function createData(place: Place): Promise<void> {
  if (await isThere(path.join(place.data, 'PG_VERSION'))) return;
  const workshop = await mkdtemp(path.join(place.folder, WORKSHOP));
  const [data, passwordFile] = [path.join(workshop, 'data'), path.join(workshop, PASSWORD_FILE)];
  try {
    await mkdir(data, { mode: 0o700 });
    await writeFile(passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
    const { uid, gid } = place.owner;
    if (uid !== undefined && gid !== undefined) {
      for (const file of [workshop, data, passwordFile]) await chown(file, uid, gid);
    }
    const access = [`--username=${USER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
    await runProgram(
      place.programs.initdb,
      [`--pgdata=${data}`, '--locale=C', '--encoding=UTF8', '--no-instructions', ...access],
      place.owner,
    );
    await rename(passwordFile, path.join(data, PASSWORD_FILE));
    await rename(data, place.data);
  } catch (error) {
    // Another start was quicker, and its data are as good.
    if (!(await isThere(path.join(place.data, 'PG_VERSION')))) throw error;
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** What starts that were killed in the middle of createData have left. A start that is in it now has lost anyway. */
async function removeLeftovers({ folder }: Place): Promise<void> {
  const leftovers = (await readdir(folder)).filter((name) => name.startsWith(WORKSHOP));
  await Promise.all(
    leftovers.map((name) => rm(path.join(folder, name), { recursive: true, force: true }).catch(() => undefined)),
  );
}

/** Returns the port. A port found free may be taken a moment later, hence the attempts. */
async function startServer(place: Place): Promise<number> {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    synchronous_commit: 'on',
    ...place.settings,
  };
  const flags = Object.entries(settings).map(([name, value]) => `-c ${name}='${value}'`);
  const log = path.join(place.data, 'server.log');
  await rm(log, { force: true });
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const start = ['start', '-w', '-t', String(START_LIMIT_S), '-D', place.data, '-l', log];
    try {
      await runProgram(place.programs.pg_ctl, [...start, '-o', `-p ${port} ${flags.join(' ')}`], place.owner);
      return port;
    } catch (error) {
      const said = await readFile(log, 'utf8').catch(() => '');
      if (/lock file "postmaster.pid" already exists|pre-existing shared memory/.test(said)) throw inUse(place);
      if (attempt === START_ATTEMPTS || !said.includes('Address already in use')) {
        await stopServer(place).catch(() => undefined);
        throw new Fault(`The embedded PostgreSQL did not start:\n${said.slice(-2_000)}`, { cause: error });
      }
    }
  }
}

/** pg_ctl returns a little before the process has ended. */
async function stopServer({ programs, data, owner }: Place): Promise<void> {
  const pid = await serverPid(data);
  await runProgram(programs.pg_ctl, ['stop', '-w', '-t', String(STOP_LIMIT_S), '-m', 'fast', '-D', data], owner);
  const deadlineMs = Date.now() + LINGER_LIMIT_MS;
  while (pid !== undefined && isAlive(pid) && Date.now() < deadlineMs) await delay(LINGER_LOOK_MS);
}

/** A session that holds the lock until it ends. A server that vanishes meanwhile was stopped by another start. */
async function takeOwnership(place: Place, port: number): Promise<pg.Client> {
  const client = await connectClient(await serverUrl(place, port, 'postgres'), 'owner').catch(
    async (error: unknown) => {
      if (!isRefusedPassword(error)) throw inUse(place);
      await stopServer(place);
      throw new ConfigurationError(`${place.data}/${PASSWORD_FILE} is not the password of its database any more.`);
    },
  );
  try {
    await client.query(`SET lock_timeout = '${OWNER_LOCK_WAIT}'`);
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCKS.embeddedOwner]);
    return client;
  } catch {
    await client.end();
    throw inUse(place);
  }
}

/** Keeps the lock for life: a server that ends all sessions, as after the crash of one, is asked for it again. */
async function holdOwnership(place: Place, port: number): Promise<{ lost: Promise<void>; release: () => void }> {
  let released = false;
  const taken = await takeOwnership(place, port);
  const pid = (await serverPid(place.data)) ?? 0;
  const hold = async (): Promise<void> => {
    for (let client: pg.Client | undefined = taken; client && !released; client = await retake()) {
      const session = client;
      await new Promise((resolve) => session.once('end', resolve));
    }
    // After a release nobody is told: the server ends because it was told to.
    if (released) await new Promise(() => undefined);
  };
  const retake = async (): Promise<pg.Client | undefined> => {
    for (const deadlineMs = Date.now() + RETAKE_LIMIT_MS; !released && isAlive(pid) && Date.now() < deadlineMs;) {
      const client = await takeOwnership(place, port).catch(() => undefined);
      if (client) return client;
      await delay(RETAKE_EVERY_MS);
    }
    return undefined;
  };
  return { lost: hold(), release: () => (released = true) };
}

function isRefusedPassword(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as { code?: unknown } | undefined) : undefined;
  return cause?.code === '28P01';
}

async function isThere(file: string): Promise<boolean> {
  return readFile(file).then(
    () => true,
    () => false,
  );
}

/** A loopback port that nothing listens at now. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Fault('no address'));
      });
    });
  });
}
