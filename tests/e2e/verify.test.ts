/** `npm run verify` as a person meets it: what it prints, how it ends, and which database it finds. */
import { access, chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../../cli/postgres/embeddedPostgres.ts';
import { connectClient } from '../../shared/store/database/connection.ts';
import { run } from '../support/database.ts';
import { message, spawnProgram } from '../support/processes.ts';
import type { Spawned } from '../support/processes.ts';
import { createTestDatabase } from '../support/stores.ts';
import type { TestDatabase } from '../support/database.ts';
import { until } from '../support/waiting.ts';

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

let folder: string;
let database: TestDatabase;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'saldo-verify-'));
  await chmod(folder, 0o755);
  database = await createTestDatabase();
});

afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

async function verify(env: Record<string, string> = {}): Promise<Ended> {
  return ended(spawnProgram('cli/verify.ts', { cwd: folder, env }));
}

async function ended(spawned: Spawned): Promise<Ended> {
  const { code } = await spawned.exited;
  return { code, stdout: spawned.output().replace(spawned.stderr(), ''), stderr: spawned.stderr() };
}

describe('with DATABASE_URL', () => {
  test('sound books: every check with its count, and exit 0', async () => {
    const { code, stdout, stderr } = await verify({ DATABASE_URL: database.url });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^ok {4}entry-balance +0 entries +the balance after an entry/m);
    expect(stdout).toMatch(
      /40 checks of 0 wallets, 0 entries, 0 operations, 0 promises, 0 holds, as of \S+, in \d+\.\d s\.\n/,
    );
    expect(stdout).toMatch(/The books are sound\.\n$/);
    expect(stdout).not.toContain('\u001b');
    expect(code).toBe(0);
  });

  test('cooked books: the rows by name, how many more there are, and exit 1', async () => {
    await run(
      database.url,
      `INSERT INTO app_user (id, name, email, password_hash, role) VALUES (1, 'A', 'a', 'x', 'customer');
       ALTER TABLE wallet DROP CONSTRAINT wallet_owner_id_fkey;
       INSERT INTO wallet (id, owner_id, kind, currency) SELECT n, n, 'customer', 'RUB' FROM generate_series(1, 26) n`,
    );
    const { code, stdout } = await verify({ DATABASE_URL: database.url });
    expect(stdout).toMatch(/^rows +26\/26$/m);
    expect(stdout).toMatch(/^FAIL {2}wallet-owner +26 wallets/m);
    expect(stdout).toMatch(/^ {8}wallet 2: customer wallet of user 2 \(does not exist\)$/m);
    expect(stdout).toMatch(/^ {8}wallet 21: .*\n {8}… and 5 more$/m);
    expect(stdout).not.toMatch(/wallet 22:/);
    expect(stdout).toMatch(/The books are NOT sound: wallet-owner \(25\)\.\n$/);
    expect(code).toBe(1);
  });

  test.each([
    ['nothing listens', () => 'postgres://saldo:the-password@127.0.0.1:1/saldo', /nothing listens there\.$/],
    ['it is no URL', () => 'saldo', /DATABASE_URL must begin with postgres:/],
    ['there is no such database', () => `${database.url}_not`, /there is no such database\.$/],
  ])('when %s: one sentence, no password, exit 2', async (_what, url, sentence) => {
    const { code, stdout, stderr } = await verify({ DATABASE_URL: url() });
    expect(stderr.trim()).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stdout + stderr).not.toContain('the-password');
    expect(code).toBe(2);
  });

  test('when it was never migrated: one sentence, exit 2', async () => {
    const empty = await createTestDatabase({ empty: true });
    const { code, stderr } = await verify({ DATABASE_URL: empty.url });
    expect(stderr).toMatch(/^The database does not have the tables of this version: run `npm run migrate` first\.\n$/);
    expect(code).toBe(2);
    await empty.drop();
  });

  test('when it is stopped half-way: one sentence, exit 2, and the database is rid of it', async () => {
    // It waits behind a lock on one of the tables, so it is certainly not done.
    const holder = await connectClient(database.url, 'holder');
    await holder.query('BEGIN; LOCK TABLE entry IN ACCESS EXCLUSIVE MODE');
    const watcher = await connectClient(database.url, 'watcher');
    const sessions = async (condition: string) => {
      const sql = `SELECT FROM pg_stat_activity WHERE application_name = 'saldo-verify' AND datname = current_database()`;
      return (await watcher.query(`${sql} AND ${condition}`)).rowCount;
    };
    const spawned = spawnProgram('cli/verify.ts', { cwd: folder, env: { DATABASE_URL: database.url } });
    await until('it waits for the lock', async () => (await sessions(`wait_event_type = 'Lock'`)) === 1);
    spawned.kill('SIGTERM');
    const { code, stderr } = await ended(spawned);
    expect(stderr).toBe('Stopped before the end: nothing is proven.\n');
    expect(code).toBe(2);
    await holder.query('ROLLBACK');
    await until('its session is gone', async () => (await sessions('true')) === 0);
    await Promise.all([holder.end(), watcher.end()]);
  });
});

describe('without DATABASE_URL', () => {
  test('where there is no embedded database: one sentence that says what to do, exit 2', async () => {
    const { code, stderr } = await verify();
    expect(stderr).toMatch(/^There are no books here: set DATABASE_URL, or go to the folder .*\n$/);
    expect(code).toBe(2);
    await expect(access(path.join(folder, '.saldo'))).rejects.toThrow('ENOENT');
  });

  test('finds the embedded database beside a running service, and starts it by itself once that has ended', async () => {
    const env = { PORT: String(await freePort()) };
    const service = spawnProgram('cli/start.ts', { cwd: folder, env });
    try {
      await message(service, 'ready');
      const beside = await verify();
      expect(beside.stderr).toBe('');
      expect(beside.stdout).toMatch(/checks of 1 wallets, .*\nThe books are sound\.\n$/);
      expect(beside.code).toBe(0);
      expect((await fetch(`http://127.0.0.1:${env.PORT}/readyz`)).status).toBe(200);
    } finally {
      await service.stop();
    }
    const pidFile = path.join(folder, '.saldo/postgres/postmaster.pid');
    await expect(readFile(pidFile)).rejects.toThrow('ENOENT');
    const after = await verify();
    expect(after.stderr).toBe('');
    expect(after.stdout).toMatch(/checks of 1 wallets, .*\nThe books are sound\.\n$/);
    expect(after.code).toBe(0);
    await expect(readFile(pidFile)).rejects.toThrow('ENOENT');
  });
});
