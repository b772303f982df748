/** `npm start` as a person meets it: real processes in a folder of their own, and nothing left behind. */
import { exec, spawn } from 'node:child_process';
import {
  access,
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../../cli/postgres/embeddedPostgres.ts';
import { assertReachable } from '../../cli/postgres/postgresBinaries.ts';
import { message, spawnProgram } from '../support/processes.ts';
import type { Spawned } from '../support/processes.ts';
import { childrenOf } from '../support/processTree.ts';
import { backends, createStores, createTestDatabase } from '../support/stores.ts';
import { isAlive, until } from '../support/waiting.ts';

interface Running extends Spawned {
  url: string;
  postgresPid: number;
  childPid: (main: string) => Promise<number>;
}

/** What must be gone once a service has ended. */
type Left = () => string[];

let folder: string;
let port: number;
let started: Spawned[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'saldo-start-'));
  await chmod(folder, 0o755);
  port = await freePort();
  started = [];
});

afterEach(async () => {
  const postgres = await postgresPid();
  await Promise.all(started.map((service) => service.stop()));
  // Only a test that failed leaves one.
  if (postgres !== undefined && isAlive(postgres)) process.kill(postgres, 'SIGQUIT');
  await until('the server has gone', () => postgres === undefined || !isAlive(postgres));
  await rm(folder, { recursive: true, force: true });
});

const DATA = '.saldo/postgres';

function launch(env: Record<string, string> = {}): Spawned {
  const service = spawnProgram('cli/start.ts', { cwd: folder, env: { PORT: String(port), ...env }, detached: true });
  started.push(service);
  return service;
}

async function start(env: Record<string, string> = {}): Promise<Running> {
  const service = launch(env);
  const { url } = await message(service, 'ready');
  return {
    ...service,
    url: String(url),
    postgresPid: (await postgresPid()) ?? 0,
    async childPid(main) {
      const [child] = (await childrenOf(service.pid)).filter(({ command }) => command.includes(main));
      return child?.pid ?? 0;
    },
  };
}

async function postgresPid(): Promise<number | undefined> {
  const lines = await readFile(path.join(folder, DATA, 'postmaster.pid'), 'utf8').catch(() => '');
  return Number(lines.split('\n')[0]) || undefined;
}

async function everythingOf(service: Running): Promise<Left> {
  const pids = new Map([
    ['supervisor', service.pid],
    ['postgres', service.postgresPid],
    ['api', await service.childPid('api/main.js')],
    ['worker', await service.childPid('worker/main.js')],
  ]);
  expect([...pids.values()].every((pid) => pid > 0 && isAlive(pid))).toBe(true);
  return () => [...pids].filter(([, pid]) => isAlive(pid)).map(([name]) => name);
}

/** Fails unless the start ended with one sentence on stderr, exit code 1, and no database server. */
async function expectRefusal(service: Spawned, sentence: RegExp): Promise<void> {
  expect(await service.exited).toEqual({ code: 1, signal: null });
  expect(service.stderr()).toMatch(/^[^\n]+\n$/);
  expect(service.stderr()).toMatch(sentence);
  expect(service.stderr()).not.toMatch(/^\s+at /m);
}

async function expectNoServer(): Promise<void> {
  expect(await postgresPid()).toBeUndefined();
}

async function ping(service: Running): Promise<boolean> {
  return fetch(`${service.url}/readyz`).then(
    (response) => response.ok,
    () => false,
  );
}

function printed(service: Spawned): { lines: string[]; credentials: string[] } {
  return {
    lines: service
      .output()
      .split('\n')
      .filter((line) => line.startsWith('curl ')),
    credentials: [...service.output().matchAll(/^ {2}(?:bank|operator) +(.*)$/gm)].map(([, found = '']) => found),
  };
}

async function paste(line: string): Promise<Record<string, unknown>> {
  const { stdout } = await promisify(exec)(line, { shell: '/bin/sh', timeout: 20_000 });
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('a start', () => {
  test('prints the URL, the credentials and three lines that work, and a second one finds its data', async () => {
    const first = await start();
    expect(first.output()).toContain(`http://127.0.0.1:${port}`);
    const { lines, credentials } = printed(first);
    expect(lines).toHaveLength(3);
    const [signUp = '', deposit = '', look = ''] = lines;
    expect(await paste(signUp)).toMatchObject({ status: 'OK' });
    expect(await paste(deposit)).toMatchObject({ status: 'OK', balance: 100 });
    expect(await paste(look)).toMatchObject({ balance: 100 });

    const left = await everythingOf(first);
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    expect(left()).toEqual([]);

    const second = await start();
    expect(printed(second).credentials).toEqual(credentials);
    expect(await paste(look)).toMatchObject({ balance: 100 });
  });

  test('keeps its credentials for its owner only, whole and without drafts', async () => {
    await start();
    const file = path.join(folder, '.saldo/credentials.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readdir(path.join(folder, '.saldo'))).sort()).toEqual(['credentials.json', 'postgres']);
    const { mode } = await stat(path.join(folder, DATA));
    expect(mode & 0o777).toBe(0o700);
  });

  test('prefers the credentials of the environment and does not write them down', async () => {
    const service = await start({ BANK_PASS: 'from-the-environment', OPERATOR_PASS: 'this-one-too' });
    expect(printed(service).credentials.join()).toMatch(/from-the-environment,.*this-one-too/);
    expect(await readFile(path.join(folder, '.saldo/credentials.json'), 'utf8')).not.toContain('environment');
  });

  test('shows no secret in any process argument', async () => {
    const service = await start();
    const { BANK_PASS = '', SESSION_SECRET = '' } = JSON.parse(
      await readFile(path.join(folder, '.saldo/credentials.json'), 'utf8'),
    ) as Record<string, string>;
    const password = (await readFile(path.join(folder, DATA, 'saldo.password'), 'utf8')).trim();
    const commands = (await childrenOf(service.pid)).map(({ command }) => command).join('\n');
    const server = await readFile(path.join(folder, DATA, 'postmaster.opts'), 'utf8');
    for (const secret of [BANK_PASS, SESSION_SECRET, password]) {
      expect(secret).not.toBe('');
      expect(commands + server).not.toContain(secret);
    }
  });

  test('uses the database that DATABASE_URL names and makes no server of its own', async () => {
    const database = await createTestDatabase({ empty: true });
    const service = await start({ DATABASE_URL: database.url });
    expect(await paste(printed(service).lines[0] ?? '')).toMatchObject({ status: 'OK' });
    await expect(access(path.join(folder, DATA))).rejects.toThrow('ENOENT');
    expect(await service.stop()).toEqual({ code: 0, signal: null });
    await database.drop();
  });

  test.each(backends.filter((backend) => backend === 'redis'))(
    'puts the queues on %s when REDIS_URL is set',
    async (backend) => {
      const stores = await createStores(backend);
      const service = await start({ REDIS_URL: stores.redisUrl ?? '' });
      const [signUp = '', deposit = ''] = printed(service).lines;
      await paste(signUp);
      expect(await paste(deposit)).toMatchObject({ status: 'OK' });
      const redis = new Redis(stores.redisUrl ?? '');
      expect(await redis.keys('{ledger-*')).not.toHaveLength(0);
      redis.disconnect();
      await service.stop();
      await stores.drop();
    },
  );
});

describe('a start is refused with one sentence and leaves nothing running', () => {
  test('when its port is taken', async () => {
    const other = createServer().listen(port, '127.0.0.1');
    await expectRefusal(launch(), /Port \d+ .*taken.*PORT/);
    await expectNoServer();
    other.close();
  });

  test('when its folder is in use by a live service, which goes on', async () => {
    const first = await start();
    await expectRefusal(launch({ PORT: String(await freePort()) }), /\.saldo is in use/);
    expect(await ping(first)).toBe(true);
  });

  test('when DATABASE_URL cannot be reached', async () => {
    const url = `postgres://someone:s3cret-word@127.0.0.1:${await freePort()}/books`;
    const service = launch({ DATABASE_URL: url });
    await expectRefusal(service, /DATABASE_URL.*nothing listens there/);
    expect(service.output()).not.toContain('s3cret-word');
  });

  test('when PARTITIONS is not what the database was made with', async () => {
    await (await start({ PARTITIONS: '2' })).stop();
    await expectRefusal(launch({ PARTITIONS: '3' }), /PARTITIONS is 3.*made with 2/);
    await expectNoServer();
  });

  test('when a variable makes no sense', async () => {
    await expectRefusal(launch({ PORT: 'eighty' }), /^PORT/);
    await expect(access(path.join(folder, '.saldo'))).rejects.toThrow('ENOENT');
  });

  test('when its credentials are damaged', async () => {
    await mkdir(path.join(folder, '.saldo'));
    await writeFile(path.join(folder, '.saldo/credentials.json'), '{"SESSION_SECRET":');
    await expectRefusal(launch(), /credentials\.json is damaged/);
    await expectNoServer();
  });

  test('when another start of a fresh folder was a moment quicker', async () => {
    const rivals = [launch(), launch({ PORT: String(await freePort()) })];
    const outcomes = await Promise.all(
      rivals.map(async (rival) => ({
        rival,
        runs: await message(rival, 'ready').then(
          () => true,
          () => false,
        ),
      })),
    );
    expect(outcomes.filter(({ runs }) => runs)).toHaveLength(1);
    for (const { rival, runs } of outcomes) if (!runs) await expectRefusal(rival, /\.saldo is in use/);
  });
});

describe('an end', () => {
  test('by Ctrl-C, which reaches the whole process group and twice, leaves nothing and exits 0', async () => {
    const service = await start();
    const left = await everythingOf(service);
    process.kill(-service.pid, 'SIGINT');
    process.kill(-service.pid, 'SIGINT');
    expect(await service.exited).toEqual({ code: 0, signal: null });
    expect(left()).toEqual([]);
    expect(service.stderr()).toBe('');
  });

  test('by a terminal that is closed, to which nothing can be said any more, leaves nothing and exits 0', async () => {
    const service = await start();
    const left = await everythingOf(service);
    service.child.stdout?.destroy();
    service.child.stderr?.destroy();
    process.kill(-service.pid, 'SIGHUP');
    expect(await service.exited).toEqual({ code: 0, signal: null });
    expect(left()).toEqual([]);
  });

  test('by SIGTERM to npm, which runs it, leaves nothing', async () => {
    for (const name of ['build.mjs', 'dist', 'node_modules']) {
      await symlink(path.resolve(name), path.join(folder, name));
    }
    await copyFile('package.json', path.join(folder, 'package.json'));
    const { PATH = '', HOME = '' } = process.env;
    const npm = spawn('npm', ['start'], { cwd: folder, env: { PATH, HOME, PORT: String(port) } });
    let output = '';
    npm.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const exited = new Promise((resolve) => npm.once('close', resolve));
    await until('it runs', () => /^curl /m.test(output), 30_000);
    const [supervisor] = await childrenOf(npm.pid ?? 0);
    const pids = [supervisor?.pid ?? 0, (await postgresPid()) ?? 0];
    expect(pids.every((pid) => pid > 0 && isAlive(pid))).toBe(true);
    npm.kill('SIGTERM');
    await exited;
    await until('nothing is left', () => !pids.some(isAlive));
  });

  test('while starting leaves nothing and exits 0', async () => {
    const service = launch();
    const postgres = await until('the server is there', postgresPid);
    service.kill('SIGTERM');
    expect(await service.exited).toEqual({ code: 0, signal: null });
    expect(isAlive(postgres)).toBe(false);
    expect(service.stderr()).toBe('');
  });

  test('by SIGKILL leaves a server that the next start replaces without help', async () => {
    const first = await start();
    const [signUp = '', deposit = '', look = ''] = printed(first).lines;
    await paste(signUp);
    await paste(deposit);
    const left = await everythingOf(first);
    first.kill('SIGKILL');
    await first.exited;
    expect(isAlive(first.postgresPid)).toBe(true);

    const second = await start();
    expect(second.postgresPid).not.toBe(first.postgresPid);
    expect(await paste(look)).toMatchObject({ balance: 100 });
    await until('the first one is gone', () => left().length === 0);
  });

  test('of the machine leaves a postmaster.pid whose number another program of the same user has by now', async () => {
    await (await start()).stop();
    const { uid, gid } = await stat(path.join(folder, DATA));
    const stranger = spawn('sleep', ['60'], process.getuid?.() === 0 ? { uid, gid } : {});
    const pidFile = path.join(folder, DATA, 'postmaster.pid');
    await writeFile(pidFile, [stranger.pid, path.join(folder, DATA), 0, 1, '', '127.0.0.1', ''].join('\n'));
    const service = await start();
    expect(await ping(service)).toBe(true);
    expect(stranger.exitCode).toBeNull();
    stranger.kill();
  });

  test('in the middle of making the data leaves a folder that does not matter', async () => {
    await mkdir(path.join(folder, '.saldo/postgres.new-abcdef/data'), { recursive: true });
    const service = await start();
    expect(await ping(service)).toBe(true);
    expect(await readdir(path.join(folder, '.saldo'))).not.toContain('postgres.new-abcdef');
  });
});

describe('a process that dies', () => {
  test.each(['api/main.js', 'worker/main.js'])('%s is started again and the service goes on', async (main) => {
    const service = await start();
    const [signUp = '', deposit = ''] = printed(service).lines;
    const pid = await service.childPid(main);
    process.kill(pid, 'SIGKILL');
    await until('another one runs', async () => ![0, pid].includes(await service.childPid(main)));
    await until('the service is ready', () => ping(service));
    await paste(signUp);
    expect(await paste(deposit)).toMatchObject({ balance: 100 });
  });

  test('too often ends everything with one sentence', async () => {
    const service = await start();
    const left = await everythingOf(service);
    const killed = new Set<number>([0]);
    while (service.child.exitCode === null && killed.size <= 7) {
      const pid = await service.childPid('worker/main.js');
      if (!killed.has(pid)) process.kill(pid, 'SIGKILL');
      killed.add(pid);
      await until(
        'the next one',
        async () => service.child.exitCode !== null || !killed.has(await service.childPid('worker/main.js')),
      );
    }
    expect(await service.exited).toEqual({ code: 1, signal: null });
    expect(service.stderr()).toMatch(/worker\/main\.js ended by SIGKILL, too often to be started again\.\n$/);
    expect(left()).toEqual([]);
    await expectNoServer();
  });

  test('if it is the database server, ends everything with one sentence', async () => {
    const service = await start();
    const left = await everythingOf(service);
    process.kill(service.postgresPid, 'SIGKILL');
    expect(await service.exited).toEqual({ code: 1, signal: null });
    expect(service.stderr()).toContain('The embedded PostgreSQL ended');
    expect(left()).toEqual([]);
  });
});

test('a folder that the database user may not enter is refused with a sentence that names it', async () => {
  const closed = path.join(folder, 'closed');
  await mkdir(path.join(closed, 'data'), { recursive: true });
  await chmod(closed, 0o700);
  const somebodyElse = { uid: 54_321, gid: 54_321 };
  await expect(assertReachable(folder, somebodyElse)).resolves.toBeUndefined();
  await expect(assertReachable(path.join(closed, 'data'), somebodyElse)).rejects.toThrow(`may not enter ${closed}:`);
});
