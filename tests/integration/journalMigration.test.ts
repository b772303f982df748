/** A database as the version before the journal has left it becomes one with a journal, keeps its promises and is sound. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate } from '../../shared/store/database/migrate.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { applyCommands } from '../../shared/store/ledger/applyCommands.ts';
import { fromWire } from '../../shared/queue/contracts.ts';
import { freezing, outcomesOf, transfer } from '../support/accounts.ts';
import { run } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { expectSoundBooks } from '../support/inspect.ts';
import { openApplyPool } from '../support/pools.ts';
import { createTestDatabase } from '../support/stores.ts';

const DUMP = await readFile(path.join(import.meta.dirname, 'dumps/beforeJournal.sql'), 'utf8');

/** People of the dump: what they have is in it. */
const ANN = { userId: 2n, walletId: 2n, currency: 'RUB' };
const CID = { userId: 4n, walletId: 4n, currency: 'RUB' };
const OPERATOR_ID = 5n;

let database: TestDatabase;
let pool: Pool;

beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
  await run(database.url, DUMP);
  await migrate({ databaseUrl: database.url, partitions: 4, queueInPostgres: false });
  pool = openApplyPool(database.url);
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

test('its books are sound, and its freezings need no rows', async () => {
  await expectSoundBooks(database.url);
  const { rows } = await pool.query(
    `SELECT count(*)::int AS freezings, count(debit_seq)::int AS numbered FROM operation WHERE kind IN ('freeze', 'unfreeze')`,
  );
  expect(rows).toEqual([{ freezings: 3, numbered: 0 }]);
});

test('a wallet goes on from the time of its newest entry', async () => {
  const { rows } = await pool.query(
    `SELECT w.id, w.booked_at = e.created_at AS "isNewest" FROM wallet w
     JOIN LATERAL (SELECT created_at FROM entry WHERE wallet_id = w.id ORDER BY seq DESC LIMIT 1) e ON true ORDER BY w.id`,
  );
  expect(rows).toEqual([1n, 2n, 3n, 4n].map((id) => ({ id, isNewest: true })));
});

test('what happens from then on is in the journal, and what was promised before is kept', async () => {
  const { rows } = await pool.query<{ command: unknown }>('SELECT command FROM pending_operation');
  const promised = fromWire(rows[0]?.command);
  if (!promised.ok) throw new Error(promised.problem);
  const commands = [
    freezing('freeze', ANN, OPERATOR_ID),
    freezing('unfreeze', ANN, OPERATOR_ID),
    transfer(ANN, CID, 9n),
  ];
  await applyCommands(pool, commands);
  await applyCommands(pool, [promised.command]);
  expect(await outcomesOf(pool, [...commands, promised.command])).toEqual([
    ...['applied', 'applied', 'applied', 'applied'],
  ]);
  const journal = await pool.query(
    'SELECT seq, amount, balance_after, held, held_after FROM entry WHERE wallet_id = 2 AND seq > 5 ORDER BY seq',
  );
  const nothingHeld = { held: null, held_after: null };
  expect(journal.rows).toEqual([
    { seq: 6n, amount: 0n, balance_after: 87_400n, ...nothingHeld },
    { seq: 7n, amount: 0n, balance_after: 87_400n, ...nothingHeld },
    { seq: 8n, amount: -9n, balance_after: 87_391n, ...nothingHeld },
    { seq: 9n, amount: -77n, balance_after: 87_314n, ...nothingHeld },
  ]);
  await expectSoundBooks(database.url);
});
