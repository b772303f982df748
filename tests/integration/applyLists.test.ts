/**
 * Atomic lists in a real PostgreSQL: all items or none, whatever is delivered twice, in part, under used keys or at the
 * same moment, and when one of them fails on its data or cannot be read.
 */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { applyEnvelope } from '../../worker/apply/applyEnvelope.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { toWire } from '../../shared/queue/contracts.ts';
import { UnreadableEnvelopeError } from '../../shared/queue/ledgerQueue.ts';
import { applyCommands, rejectCommand } from '../../shared/store/ledger/applyCommands.ts';
import { insertPending } from '../../shared/store/ledger/pendingOperations.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import {
  atomic,
  balanceOf,
  createBank,
  createCustomer,
  outcomesOf,
  transfer,
  withOtherBody,
} from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { applyDeps } from '../support/applyDeps.ts';
import { countPending, expectSoundBooks, query } from '../support/inspect.ts';
import type { TestDatabase } from '../support/database.ts';
import { openApplyPool } from '../support/pools.ts';
import { createTestDatabase } from '../support/stores.ts';

let database: TestDatabase;
let pool: Pool;
let otherPool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openApplyPool(database.url);
  otherPool = openApplyPool(database.url);
});
afterAll(async () => {
  await expectSoundBooks(database.url);
  await Promise.all([pool.end(), otherPool.end()]);
  await database.drop();
});

/** One who has money, and one who has none. */
async function couple(balanceMinor: bigint): Promise<[Account, Account]> {
  return [await createCustomer(pool, { bank: await createBank(pool), balanceMinor }), await createCustomer(pool)];
}

describe('an atomic list', () => {
  test('is applied whole, or stored as rejected whole, and the commands beside it have their own outcomes', async () => {
    const [anna, boris] = await couple(10n);
    const poor = atomic([transfer(anna, boris, 6n), transfer(anna, boris, 5n)]);
    const fine = atomic([transfer(anna, boris, 4n), transfer(anna, boris, 5n)]);
    const commands = [...poor, transfer(anna, boris, 1n), ...fine];
    await applyCommands(pool, commands);
    expect(await outcomesOf(pool, commands)).toEqual([
      ...['list_rejected', 'insufficient_funds', 'applied', 'applied', 'applied'],
    ]);
    expect([await balanceOf(pool, anna), await balanceOf(pool, boris)]).toEqual([0n, 10n]);
  });

  test('delivered again, whole or in part, alone or beside others, changes nothing', async () => {
    const [anna, boris] = await couple(10n);
    const list = atomic([transfer(anna, boris, 1n), transfer(anna, boris, 2n), transfer(anna, boris, 3n)]);
    await applyCommands(pool, list);
    expect((await applyCommands(pool, list)).outcomes).toEqual([]);
    expect((await applyCommands(pool, list.slice(1))).outcomes).toEqual([]);
    const single = transfer(anna, boris, 1n);
    const { outcomes } = await applyCommands(pool, [...list, single, ...list]);
    expect(outcomes.map(({ command }) => command.id)).toEqual([single.id]);
    expect(await balanceOf(pool, boris)).toBe(7n);
  });

  test('that arrived in part is refused, and stays refused when it arrives whole', async () => {
    const [anna, boris] = await couple(10n);
    const list = atomic([transfer(anna, boris, 1n), transfer(anna, boris, 2n)]);
    await applyCommands(pool, list.slice(0, 1));
    await applyCommands(pool, list);
    expect(await outcomesOf(pool, list)).toEqual(['list_rejected', 'list_rejected']);
    expect(await balanceOf(pool, boris)).toBe(0n);
  });

  test('of which an item was applied by itself before is refused, and that item stays applied', async () => {
    const [anna, boris] = await couple(10n);
    const single = transfer(anna, boris, 1n);
    const list = atomic([single, transfer(anna, boris, 2n)]);
    await applyCommands(pool, [single]);
    await applyCommands(pool, list);
    expect(await outcomesOf(pool, list)).toEqual(['applied', 'list_rejected']);
    expect(await balanceOf(pool, boris)).toBe(1n);
  });

  test('of which another body is promised under an id is refused, and the promise is kept later', async () => {
    const [anna, boris] = await couple(10n);
    const promised = transfer(anna, boris, 1n);
    await insertPending(pool, [{ command: promised, dueInMs: 0 }], { partitions: 4, room: 1_000 });
    const list = atomic([transfer(anna, boris, 2n), withOtherBody(promised, 3n)]);
    await applyCommands(pool, list);
    expect(await outcomesOf(pool, list)).toEqual(['list_rejected', 'none']);
    await applyCommands(pool, [promised]);
    expect([await balanceOf(pool, boris), await countPending(database.url)]).toEqual([1n, 0]);
  });

  test('that two envelopes with different lists share an item of is applied in one of them', async () => {
    const [anna, boris] = await couple(100n);
    for (let round = 0; round < 10; round++) {
      const shared = transfer(anna, boris, 1n);
      const lists = [atomic([transfer(anna, boris, 1n), shared]), atomic([shared, transfer(anna, boris, 1n)])];
      await Promise.all([applyCommands(pool, lists[0]!), applyCommands(otherPool, lists[1]!)]);
      const outcomes = await Promise.all(lists.map((list) => outcomesOf(pool, list)));
      expect(outcomes).toContainEqual(['applied', 'applied']);
      expect(outcomes.flat().filter((outcome) => outcome === 'list_rejected')).toHaveLength(1);
    }
    expect(await balanceOf(pool, boris)).toBe(20n);
  });

  test('whose transaction fails is stored in no part', async () => {
    const [anna, boris] = await couple(10n);
    const list = atomic([transfer(anna, boris, 1n), transfer(anna, boris, 2n, { details: '\0' })]);
    await expect(applyCommands(pool, list)).rejects.toMatchObject({ code: '22021' });
    expect(await outcomesOf(pool, list)).toEqual(['none', 'none']);
  });
});

describe('an envelope with a list', () => {
  const apply = (commands: readonly unknown[]) =>
    applyEnvelope(applyDeps(pool), { partition: 0, jobId: 'e-test' }, { v: 2, commands });
  const applyAll = (...commands: Command[]) => apply(commands.map(toWire));

  test('of which one item fails on its data rejects that list whole, and everything beside it is applied in its order', async () => {
    const [anna, boris] = await couple(10n);
    const bad = atomic([
      transfer(anna, boris, 1n),
      transfer(anna, boris, 2n, { details: '\0' }),
      transfer(anna, boris, 3n),
    ]);
    const fine = atomic([transfer(anna, boris, 4n), transfer(anna, boris, 5n)]);
    const [before, after] = [transfer(anna, boris, 1n), transfer(boris, anna, 10n)];
    const commands = [before, ...bad, ...fine, after];
    await applyAll(...commands);
    expect(await outcomesOf(pool, commands)).toEqual([
      'applied',
      ...['internal_error', 'internal_error', 'internal_error'],
      ...['applied', 'applied', 'applied'],
    ]);
    await applyAll(...commands);
    expect([await balanceOf(pool, anna), await balanceOf(pool, boris)]).toEqual([10n, 0n]);
  });

  test('that fails on data is tried once with the others and once alone, never again', async () => {
    const [anna, boris] = await couple(1_000n);
    await pool.query(`
      CREATE SEQUENCE tries;
      CREATE FUNCTION refuse_on_purpose() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM nextval('tries'); RAISE EXCEPTION 'on purpose' USING ERRCODE = 'check_violation'; END $$;
      CREATE TRIGGER refuse_on_purpose BEFORE INSERT ON entry
        FOR EACH ROW WHEN (NEW.amount = 444) EXECUTE FUNCTION refuse_on_purpose()`);
    onTestFinished(async () => {
      await pool.query('DROP FUNCTION refuse_on_purpose CASCADE; DROP SEQUENCE tries');
    });
    const list = atomic([transfer(anna, boris, 1n), transfer(anna, boris, 444n)]);
    await applyAll(transfer(anna, boris, 1n), ...list);
    expect(await outcomesOf(pool, list)).toEqual(['internal_error', 'internal_error']);
    expect(await query(database.url, 'SELECT last_value::int FROM tries')).toEqual([{ last_value: 2 }]);
    expect(await balanceOf(pool, boris)).toBe(1n);
  });

  test.each([0, 1])(
    'whose worker died after it had rejected item %i alone applies nothing when it comes again',
    async (at) => {
      const [anna, boris] = await couple(10n);
      const list = atomic([transfer(anna, boris, 1n, { details: '\0' }), transfer(anna, boris, 2n)]);
      await rejectCommand(pool, list[at]!);
      await applyAll(...list);
      const outcomes = await outcomesOf(pool, list);
      expect(outcomes[at]).toBe('internal_error');
      expect(outcomes[1 - at]).toMatch(/^(list_rejected|internal_error)$/);
      expect(await balanceOf(pool, boris)).toBe(0n);
    },
  );

  test('of which an item cannot be read rejects the others, and says so after everything readable has its outcome', async () => {
    const [anna, boris] = await couple(10n);
    for (const missing of [0, 1, 2]) {
      const list = atomic([transfer(anna, boris, 1n), transfer(anna, boris, 2n), transfer(anna, boris, 3n)]);
      const single = transfer(anna, boris, 1n);
      const wire: unknown[] = [...list, single].map(toWire);
      wire[missing] = { ...toWire(list[missing]!), list: { id: 'nothing', size: 3 } };
      await expect(apply(wire)).rejects.toThrow(UnreadableEnvelopeError);
      const expected = list.map((_, index) => (index === missing ? 'none' : 'list_rejected'));
      expect(await outcomesOf(pool, [...list, single])).toEqual([...expected, 'applied']);
    }
    expect(await balanceOf(pool, boris)).toBe(3n);
  });

  test('longer than one transaction takes is cut between lists, never inside of one', async () => {
    const [anna, boris] = await couple(10_000n);
    const singles = (count: number) => Array.from({ length: count }, () => transfer(anna, boris, 1n));
    const lists = [atomic(singles(3)), atomic(singles(300)), atomic(singles(300))] as const;
    const commands = [...singles(499), ...lists[0], ...lists[1], ...lists[2], ...singles(2)];
    await applyAll(...commands);
    expect(new Set(await outcomesOf(pool, commands))).toEqual(new Set(['applied']));
    const [row] = await query(
      database.url,
      `SELECT array_agg(count ORDER BY applied_at) AS slices
       FROM (SELECT applied_at, count(*)::int FROM operation WHERE id = ANY($1) GROUP BY applied_at) AS slice`,
      [commands.map(({ id }) => id)],
    );
    expect(row).toEqual({ slices: [499, 303, 302] });
  });

  test('and a second delivery of it beside it, together longer than that, applies it once', async () => {
    const [anna, boris] = await couple(1_000n);
    const list = atomic(Array.from({ length: 300 }, () => transfer(anna, boris, 1n)));
    await applyAll(...list, ...list);
    expect(new Set(await outcomesOf(pool, list))).toEqual(new Set(['applied']));
    expect(await balanceOf(pool, boris)).toBe(300n);
  });
});
