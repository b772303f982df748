/** Wrong log-ins as the database counts them for all API processes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  countLoginFailure,
  forgetLoginFailures,
  readLoginFailures,
  unlockEmail,
  withdrawLoginFailure,
} from '../../shared/store/accounts/loginFailures.ts';
import { createPool } from '../../shared/store/database/pool.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { pruneOnce } from '../../worker/sweep/prune.ts';
import { createTestDatabase } from '../support/stores.ts';
import type { TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let pools: Pool[];
beforeAll(async () => {
  database = await createTestDatabase();
  pools = [1, 2].map(() => createPool({ databaseUrl: database.url, role: 'test', maxConnections: 4 }));
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await database.drop();
});

const LIMIT = 10;
let number = 0;
const guesser = (address = '203.0.113.7') => ({ email: `guessed${++number}@example.com`, address });
const expire = () => pools[0]!.query(`UPDATE login_failure SET expires_at = statement_timestamp() - interval '1 ms'`);

test('of guesses made at once in two processes ten count, and the others hear for how long', async () => {
  const who = guesser();
  const counted = await Promise.all(
    Array.from({ length: 30 }, (_, at) => countLoginFailure(pools[at % 2]!, who, LIMIT)),
  );
  const locked = counted.filter((seconds) => seconds !== undefined);
  expect(locked).toHaveLength(20);
  for (const seconds of locked) expect(seconds).toBeGreaterThan(800);
  const [known] = await readLoginFailures(pools[0]!, who.email);
  expect(known).toMatchObject({ address: who.address, failures: LIMIT });
});

test('another address and another e-mail are not locked with it', async () => {
  const who = guesser();
  for (let guess = 0; guess < LIMIT; guess++) await countLoginFailure(pools[0]!, who, LIMIT);
  expect(await countLoginFailure(pools[0]!, who, LIMIT)).toBeDefined();
  expect(await countLoginFailure(pools[0]!, { ...who, address: '203.0.113.8' }, LIMIT)).toBeUndefined();
  expect(await countLoginFailure(pools[0]!, guesser(), LIMIT)).toBeUndefined();
});

test('after a quarter of an hour counting begins anew, and what is over is removed', async () => {
  const who = guesser();
  for (let guess = 0; guess <= LIMIT; guess++) await countLoginFailure(pools[0]!, who, LIMIT);
  await expire();
  expect(await readLoginFailures(pools[0]!, who.email)).toEqual([]);
  expect(await countLoginFailure(pools[0]!, who, LIMIT)).toBeUndefined();
  expect(await readLoginFailures(pools[0]!, who.email)).toMatchObject([{ failures: 1 }]);
  await expire();
  const fresh = guesser();
  await countLoginFailure(pools[0]!, fresh, LIMIT);
  await pruneOnce(pools[0]!);
  const { rows } = await pools[0]!.query('SELECT failures FROM login_failure');
  expect(rows).toEqual([{ failures: 1 }]);
  expect(await readLoginFailures(pools[0]!, fresh.email)).toHaveLength(1);
});

test('one is taken back, a success forgets those of its address, and unlocking those of all', async () => {
  const [who, elsewhere] = [guesser(), '203.0.113.8'];
  for (let guess = 0; guess < 3; guess++) await countLoginFailure(pools[0]!, who, LIMIT);
  await countLoginFailure(pools[0]!, { ...who, address: elsewhere }, LIMIT);
  await withdrawLoginFailure(pools[0]!, who);
  expect(await readLoginFailures(pools[1]!, who.email)).toMatchObject([
    { address: who.address, failures: 2 },
    { address: elsewhere, failures: 1 },
  ]);
  await forgetLoginFailures(pools[0]!, who);
  expect(await readLoginFailures(pools[1]!, who.email)).toMatchObject([{ address: elsewhere }]);
  await countLoginFailure(pools[0]!, who, LIMIT);
  expect(await unlockEmail(pools[1]!, who.email)).toBe(2);
  expect(await readLoginFailures(pools[0]!, who.email)).toEqual([]);
});

test('the e-mail itself is not kept', async () => {
  const who = guesser();
  await countLoginFailure(pools[0]!, who, LIMIT);
  const { rows } = await pools[0]!.query('SELECT FROM login_failure f WHERE f::text LIKE $1', [`%${who.email}%`]);
  expect(rows).toEqual([]);
});
