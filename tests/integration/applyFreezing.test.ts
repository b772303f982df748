/** Freezing a wallet and thawing it in a real PostgreSQL: what is stored of it, and what it does to those who pay. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { applyCommands } from '../../shared/store/ledger/applyCommands.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { readOutcomes } from '../../shared/store/ledger/readOutcomes.ts';
import {
  balanceOf,
  createBank,
  createCustomer,
  createOperator,
  deposit,
  freezing,
  holdAccounts,
  isFrozen,
  lockWaiters,
  outcomesOf,
  transfer,
} from '../support/accounts.ts';
import { expectSoundBooks } from '../support/inspect.ts';
import type { TestDatabase } from '../support/database.ts';
import { openApplyPool } from '../support/pools.ts';
import { createTestDatabase } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

let database: TestDatabase;
let pool: Pool;
let otherPool: Pool;
let operatorId: bigint;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openApplyPool(database.url);
  otherPool = openApplyPool(database.url);
  operatorId = await createOperator(pool);
});
afterAll(async () => {
  await expectSoundBooks(database.url);
  await Promise.all([pool.end(), otherPool.end()]);
  await database.drop();
});

async function waiters(count: number): Promise<void> {
  await until(`${count} sessions wait for a lock`, async () => (await lockWaiters(pool)).length === count);
}

describe('freezing', () => {
  test('is stored as an operation and as a row of the journal that moves nothing, with its reason, and the wallet stays frozen for later transactions', async () => {
    const bank = await createBank(pool);
    const [anna, boris] = [await createCustomer(pool, { bank, balanceMinor: 10n }), await createCustomer(pool)];
    const freeze = freezing('freeze', anna, operatorId, { details: 'Stolen card' });
    expect(await applyCommands(pool, [freeze])).toMatchObject({
      entries: [{ walletId: anna.walletId, seq: 2n, amountMinor: 0n, balanceAfterMinor: 10n }],
      wallets: [{ isFrozen: true }],
    });
    const { rows } = await pool.query(
      `SELECT kind, status, reason, debit_wallet_id, credit_wallet_id, amount, details, initiator_id, debit_seq, credit_seq
       FROM operation WHERE id = $1`,
      [freeze.id],
    );
    expect(rows).toEqual([
      {
        ...{ kind: 'freeze', status: 'applied', reason: null, amount: 0n, details: 'Stolen card' },
        ...{ debit_wallet_id: anna.walletId, credit_wallet_id: anna.walletId, initiator_id: operatorId },
        ...{ debit_seq: 2n, credit_seq: 2n },
      },
    ]);
    const after = [transfer(anna, boris, 1n), deposit(bank, anna, 2n)];
    await applyCommands(pool, after);
    expect(await outcomesOf(pool, after)).toEqual(['wallet_frozen', 'applied']);
    expect([await balanceOf(pool, anna), await isFrozen(pool, anna)]).toEqual([12n, true]);
    expect((await readOutcomes(pool, [freeze.id])).get(freeze.id)).toMatchObject({
      ...{ state: 'applied', balanceMinor: null, requestId: freeze.requestId },
    });
  });

  test('and thawing in the middle of an envelope count for what is between them', async () => {
    const bank = await createBank(pool);
    const [anna, boris] = [await createCustomer(pool, { bank, balanceMinor: 10n }), await createCustomer(pool)];
    const commands = [
      freezing('freeze', anna, operatorId),
      transfer(anna, boris, 1n),
      transfer(boris, anna, 1n),
      freezing('unfreeze', anna, operatorId),
      transfer(anna, boris, 1n),
    ];
    await applyCommands(pool, commands);
    expect(await outcomesOf(pool, commands)).toEqual([
      ...['applied', 'wallet_frozen', 'insufficient_funds', 'applied', 'applied'],
    ]);
    expect([await balanceOf(pool, anna), await isFrozen(pool, anna)]).toEqual([9n, false]);
  });

  test("a bank's settlement wallet stops its deposits in every group, and no other bank's", async () => {
    const [bank, otherBank] = [await createBank(pool), await createBank(pool)];
    const people = await Promise.all(Array.from({ length: 4 }, () => createCustomer(pool)));
    await applyCommands(pool, [freezing('freeze', bank, operatorId)]);
    const commands = people.flatMap((each) => [deposit(bank, each, 1n), deposit(otherBank, each, 1n)]);
    await Promise.all(people.map((_, index) => applyCommands(pool, commands.slice(2 * index, 2 * index + 2))));
    expect(await outcomesOf(pool, commands)).toEqual(people.flatMap(() => ['wallet_frozen', 'applied']));
    await applyCommands(pool, [freezing('unfreeze', bank, operatorId)]);
  });

  test('delivered again leaves a wallet alone that was thawed meanwhile', async () => {
    const anna = await createCustomer(pool);
    const freeze = freezing('freeze', anna, operatorId);
    await applyCommands(pool, [freeze]);
    await applyCommands(pool, [freezing('unfreeze', anna, operatorId)]);
    expect((await applyCommands(pool, [freeze])).outcomes).toEqual([]);
    expect(await isFrozen(pool, anna)).toBe(false);
  });

  test('is seen by a transfer that waited for the wallet while it was frozen', async () => {
    const bank = await createBank(pool);
    const [anna, boris] = [await createCustomer(pool, { bank, balanceMinor: 10n }), await createCustomer(pool)];
    const held = await holdAccounts(database.url, [anna]);
    onTestFinished(held.release);
    const applying = applyCommands(pool, [freezing('freeze', anna, operatorId)]);
    await waiters(1);
    const command = transfer(anna, boris, 1n);
    const waiting = applyCommands(otherPool, [command]);
    await waiters(2);
    await held.release();
    await Promise.all([applying, waiting]);
    expect(await outcomesOf(pool, [command])).toEqual(['wallet_frozen']);
  });

  test('of a wallet that is not there is rejected', async () => {
    const nobody = { userId: operatorId, walletId: 900_000_000n, currency: 'RUB' };
    const command = freezing('freeze', nobody, operatorId);
    await applyCommands(pool, [command]);
    expect(await outcomesOf(pool, [command])).toEqual(['wallet_not_found']);
  });
});
