/** Refusals that nobody can ask for again: kept apart, answered like any other, good against a second delivery, and gone. */
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Command } from '../../shared/ledger/command.ts';
import { applyCommands, rejectCommand } from '../../shared/store/ledger/applyCommands.ts';
import { clearKept, countPending, insertPending } from '../../shared/store/ledger/pendingOperations.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { PRUNE_BATCH } from '../../shared/store/fleet/prune.ts';
import { readOperations } from '../../shared/store/ledger/readOperation.ts';
import { readOperationTrail } from '../../shared/store/books/readOperationTrail.ts';
import { readOutcomes } from '../../shared/store/ledger/readOutcomes.ts';
import { pruneOnce } from '../../worker/sweep/prune.ts';
import { balanceOf, createBank, createCustomer, deposit, outcomesOf, transfer } from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import type { TestDatabase } from '../support/database.ts';
import { expectSoundBooks, query } from '../support/inspect.ts';
import { openApplyPool } from '../support/pools.ts';
import { createPeople } from '../support/people.ts';
import { createTestDatabase } from '../support/stores.ts';

let database: TestDatabase;
let pool: Pool;
let bank: Account;
let poor: Account;
let boris: Account;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openApplyPool(database.url);
  bank = await createBank(pool);
});
beforeEach(async () => {
  poor = await createCustomer(pool);
  boris = await createCustomer(pool);
});
afterAll(async () => {
  await expectSoundBooks(database.url);
  await pool.end();
  await database.drop();
});

const fresh = (changes: Partial<Command> = {}) => transfer(poor, boris, 5n, { id: uuidv7(), ...changes });
const keyed = () => transfer(poor, boris, 5n, { id: uuidv5(uuidv7(), uuidv7()) });
const promise = (command: Command) => insertPending(pool, [{ command, dueInMs: 0 }], { partitions: 1, room: 1_000 });
const refuse = async (...commands: Command[]) => {
  await applyCommands(pool, commands);
  expect(await outcomesOf(pool, commands)).toEqual(commands.map(() => 'insufficient_funds'));
};
/** Which table has each of the commands' outcomes. */
const placesOf = async (commands: readonly Command[]) => {
  const ids = commands.map(({ id }) => id);
  const rows = await query<{ id: string; place: string }>(
    database.url,
    `SELECT id, 'operation' AS place FROM operation WHERE id = ANY($1::uuid[])
     UNION ALL SELECT id, 'refused_operation' FROM refused_operation WHERE id = ANY($1::uuid[])`,
    [ids],
  );
  return ids.map((id) => rows.filter((row) => row.id === id).map(({ place }) => place));
};
const age = (commands: readonly Command[], by: string) =>
  query(
    database.url,
    `BEGIN; SET LOCAL session_replication_role = replica;
     UPDATE refused_operation SET applied_at = applied_at - interval '${by}'
       WHERE id IN (${commands.map(({ id }) => `'${id}'`).join(', ')}); COMMIT`,
  );

describe('a refusal', () => {
  test('of a fresh id is kept apart; of a key, and what is applied, is kept for ever', async () => {
    await applyCommands(pool, [deposit(bank, boris, 10n, { id: uuidv7() })]);
    const applied = transfer(boris, poor, 1n, { id: uuidv7() });
    const [own, byKey, unreadable] = [fresh(), keyed(), fresh({ amountMinor: 9n })];
    await applyCommands(pool, [own, byKey, applied]);
    await rejectCommand(pool, unreadable);
    expect(await placesOf([own, byKey, applied, unreadable])).toEqual([
      ['refused_operation'],
      ['operation'],
      ['operation'],
      ['refused_operation'],
    ]);
  });

  test('of a fresh id that a 202 has promised is kept for ever', async () => {
    const promised = fresh();
    await promise(promised);
    await refuse(promised);
    expect(await placesOf([promised])).toEqual([['operation']]);
    expect(await countPending(pool)).toBe(0);
  });

  test('that is kept apart is told like any other', async () => {
    const refused = fresh({ details: 'Квартира' });
    await refuse(refused);
    const { id, requestId, requestHash } = refused;
    const told = { id, requestHash, state: 'rejected', requestId, reason: 'insufficient_funds' };
    expect(await readOutcomes(pool, [id])).toEqual(new Map([[id, told]]));
    const facts = { id, state: 'rejected', reason: 'insufficient_funds', details: 'Квартира', amountMinor: 5n };
    expect((await readOperations(pool, [id])).get(id)).toMatchObject(facts);
    expect(await readOperationTrail(pool, id)).toMatchObject({ ...facts, requestId, entries: [], promise: null });
  });

  test('that is kept apart is final: a second delivery applies nothing, though there is money by now', async () => {
    const refused = fresh();
    await refuse(refused);
    await applyCommands(pool, [deposit(bank, poor, 100n)]);
    const again = await applyCommands(pool, [refused]);
    expect(again.outcomes).toEqual([]);
    expect(await balanceOf(pool, poor)).toBe(100n);
    expect(await placesOf([refused])).toEqual([['refused_operation']]);
  });

  test('that is kept apart is not promised any more', async () => {
    const refused = fresh();
    await refuse(refused);
    await promise(refused);
    expect(await countPending(pool)).toBe(0);
  });

  test('cannot be changed, and the table cannot be emptied', async () => {
    await refuse(fresh());
    for (const change of ['UPDATE refused_operation SET amount = 1', 'TRUNCATE refused_operation']) {
      await expect(pool.query(change)).rejects.toMatchObject({ code: '23001' });
    }
  });
});

describe('pruning', () => {
  test('removes refusals after an hour, however many, and no others', async () => {
    const [old, young, lasting] = [Array.from({ length: PRUNE_BATCH + 1 }, () => fresh()), fresh(), keyed()];
    for (let at = 0; at < old.length; at += 500) await refuse(...old.slice(at, at + 500));
    await refuse(young, lasting);
    await age(old, '61 minutes');
    await age([young], '59 minutes');
    await pruneOnce(pool);
    expect((await placesOf(old)).flat()).toEqual([]);
    expect(await placesOf([young, lasting])).toEqual([['refused_operation'], ['operation']]);
  });

  test('leaves a refusal that was promised as it was being stored; the sweep keeps that promise, for ever', async () => {
    const refused = fresh();
    await promise(refused);
    const [row] = await query<{ promise: string }>(
      database.url,
      'DELETE FROM pending_operation WHERE id = $1 RETURNING pending_operation::text AS promise',
      [refused.id],
    );
    await refuse(refused);
    const columns = 'id, partition, command, request_hash, attempts, next_attempt_at, created_at';
    await query(
      database.url,
      `INSERT INTO pending_operation (${columns}) SELECT ${columns} FROM (SELECT ($1::pending_operation).*) AS kept`,
      [row!.promise],
    );
    await age([refused], '2 hours');
    await pruneOnce(pool);
    expect(await placesOf([refused])).toEqual([['refused_operation']]);
    await clearKept(pool, 0, 500);
    expect(await placesOf([refused])).toEqual([['operation']]);
    expect(await countPending(pool)).toBe(0);
    await pruneOnce(pool);
    expect(await outcomesOf(pool, [refused])).toEqual(['insufficient_funds']);
  });

  test('removes sessions a day after they have ended, however many, by the clock of the database', async () => {
    await createPeople(database.url, PRUNE_BATCH + 3);
    await query(
      database.url,
      `WITH aged AS (SELECT sid, row_number() OVER () AS place FROM session)
       UPDATE session SET expire = LOCALTIMESTAMP + CASE place WHEN 1 THEN interval '1 hour'
         WHEN 2 THEN interval '-23 hours' ELSE interval '-25 hours' END
       FROM aged WHERE aged.sid = session.sid`,
    );
    await pruneOnce(pool);
    const left = await query<{ hours: number }>(
      database.url,
      'SELECT round(extract(epoch FROM expire - LOCALTIMESTAMP) / 3600)::int AS hours FROM session ORDER BY 1',
    );
    expect(left.map(({ hours }) => hours)).toEqual([-23, 1]);
  });
});
