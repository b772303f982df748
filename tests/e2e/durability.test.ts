/** The service does not work on a PostgreSQL that confirms what a crash can take back, and says so. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isDurable } from '../../shared/store/database/checks/durability.ts';
import { createClient } from '../support/client.ts';
import { query } from '../support/inspect.ts';
import { openRequestPool } from '../support/pools.ts';
import { spawnProgram } from '../support/processes.ts';
import { OPERATOR, startService } from '../support/service.ts';
import { createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

let stores: Stores;
let name: string;

beforeEach(async () => {
  stores = await createStores('postgres');
  name = new URL(stores.databaseUrl).pathname.slice(1);
});
afterEach(() => stores.drop());

const set = (value: string) => query(stores.databaseUrl, `ALTER DATABASE ${name} SET synchronous_commit = ${value}`);

async function seesDurability(): Promise<boolean> {
  const pool = openRequestPool(stores.databaseUrl, 1);
  try {
    return await isDurable(pool);
  } finally {
    await pool.end();
  }
}

describe('durability', () => {
  test.each(['on', 'local', 'remote_write', 'remote_apply'])('is there with synchronous_commit = %s', async (value) => {
    await set(value);
    expect(await seesDurability()).toBe(true);
  });

  test('is not there when it is off', async () => {
    await set('off');
    expect(await seesDurability()).toBe(false);
  });

  test('that the user has and the database has not counts, as it does for PostgreSQL', async () => {
    const user = `user_${name}`;
    await query(stores.databaseUrl, `CREATE ROLE ${user} LOGIN PASSWORD 'x'`);
    const url = new URL(stores.databaseUrl);
    [url.username, url.password] = [user, 'x'];
    const pool = openRequestPool(url.href, 1);
    try {
      await set('off');
      expect(await isDurable(pool)).toBe(false);
      await query(stores.databaseUrl, `ALTER ROLE ${user} SET synchronous_commit = 'on'`);
      await pool.query('SET synchronous_commit = on');
      expect(await isDurable(pool)).toBe(true);
    } finally {
      await pool.end();
      await query(stores.databaseUrl, `DROP ROLE ${user}`);
    }
  });
});

test.each(['api', 'worker'])('without it the %s does not start, and says why in one sentence', async (role) => {
  await set('off');
  const program = spawnProgram(`${role}/main.ts`, { env: stores.env });
  expect((await program.exited).code).toBe(1);
  expect(program.output()).toMatch(/^synchronous_commit is off .*: set it to on\.\n$/);
});

test('an API that loses it is not ready until it has it again, although its sessions are older', async () => {
  const service = await startService({ env: stores.env });
  const client = createClient(service.url);
  const ready = async () => (await client.get('/readyz', OPERATOR)).json;
  await until('it is ready', async () => (await ready())['status'] === 'OK');
  expect(await ready()).toMatchObject({ status: 'OK', checks: { durability: true } });
  await set('off');
  await until('it is not ready any more', async () => (await ready())['status'] !== 'OK');
  expect(await ready()).toMatchObject({ status: 503, detail: 'Not ready: durability.' });
  await set('on');
  await until('it is ready again', async () => (await ready())['status'] === 'OK');
  client.close();
  await service.stop();
});
