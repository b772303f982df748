/** Holds in a real database: races for one, and money that is free from its moment on, whoever frees it and whenever. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expireOnce } from '../../worker/sweep/expireDue.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { applyCommands } from '../../shared/store/ledger/applyCommands.ts';
import { EXPIRY_BATCH } from '../../shared/store/ledger/expireHolds.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { balanceOf, createBank, createCustomer, hold, outcomesOf, resolution, transfer } from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { expectSoundBooks } from '../support/inspect.ts';
import type { TestDatabase } from '../support/database.ts';
import { openApplyPool } from '../support/pools.ts';
import { createTestDatabase } from '../support/stores.ts';

let database: TestDatabase;
let pool: Pool;
let otherPool: Pool;
let bank: Account;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openApplyPool(database.url, 6);
  otherPool = openApplyPool(database.url, 6);
  bank = await createBank(pool);
});
afterAll(async () => {
  await expectSoundBooks(database.url);
  await Promise.all([pool.end(), otherPool.end()]);
  await database.drop();
});

async function people(balanceMinor = 1_000n): Promise<[Account, Account]> {
  return [await createCustomer(pool, { bank, balanceMinor }), await createCustomer(pool)];
}

/** Anna has 1000, of which 100 are held for Boris. */
async function placed(amountMinor = 100n) {
  const pair = await people();
  const one = hold(...pair, amountMinor);
  await applyCommands(pool, [one]);
  return { pair, anna: pair[0], boris: pair[1], id: one.id };
}

async function holdOf(id: string) {
  const { rows } = await pool.query<{ state: string; captured: bigint; released: bigint }>(
    'SELECT state, captured, released FROM hold WHERE id = $1',
    [id],
  );
  return rows[0] && [rows[0].state, rows[0].captured, rows[0].released];
}

async function walletOf({ walletId }: Account) {
  const { rows } = await pool.query<{ balance: bigint; held: bigint; next: Date | null }>(
    'SELECT balance, held, next_expiry_at AS next FROM wallet WHERE id = $1',
    [walletId],
  );
  return rows[0]!;
}

/** Their time is up in this millisecond. */
async function timeOut(ids: readonly string[]): Promise<void> {
  await pool.query(
    `WITH due AS (UPDATE hold SET expires_at = date_trunc('milliseconds', clock_timestamp()) + interval '1 ms'
       WHERE id = ANY($1) RETURNING debit_wallet_id, expires_at)
     UPDATE wallet SET next_expiry_at = (SELECT min(expires_at) FROM due) WHERE id IN (SELECT debit_wallet_id FROM due)`,
    [ids],
  );
  await pool.query(
    `SELECT pg_sleep(extract(epoch FROM max(expires_at) - clock_timestamp()) + 0.001) FROM hold WHERE id = ANY($1)`,
    [ids],
  );
}

describe('who race for a hold', () => {
  const ways: Record<string, (pair: [Account, Account], id: string) => Command> = {
    'the last capture': (pair, id) => resolution('capture', pair, id, { amountMinor: 60n }),
    'a capture of all': (pair, id) => resolution('capture', pair, id),
    'a release': (pair, id) => resolution('release', pair, id),
  };
  const pairs = Object.keys(ways).flatMap((one) => Object.keys(ways).map((other) => [one, other] as const));

  test.each(pairs)('%s and %s: one of them applies, with its money', async (one, other) => {
    const races = await Promise.all(Array.from({ length: 12 }, () => placed()));
    await Promise.all(
      races.map(async ({ pair, anna, boris, id }, index) => {
        const commands = [ways[one]!(pair, id), ways[other]!(pair, id)];
        if (index % 3 === 0) await applyCommands(pool, commands);
        else
          await Promise.all([applyCommands(pool, commands.slice(0, 1)), applyCommands(otherPool, commands.slice(1))]);
        const outcomes = await outcomesOf(pool, commands);
        expect(outcomes.toSorted()).toEqual(['applied', 'hold_not_open']);
        const [state, captured] = (await holdOf(id))!;
        expect(commands[outcomes.indexOf('applied')]!.kind).toBe(state === 'captured' ? 'capture' : 'release');
        expect(await balanceOf(pool, boris)).toBe(captured);
        expect((await walletOf(anna)).held).toBe(0n);
      }),
    );
  });

  test('captures that are not the last: as many apply as there is money for', async () => {
    const { pair, boris, id } = await placed();
    const captures = Array.from({ length: 6 }, () =>
      resolution('capture', pair, id, { amountMinor: 20n, terms: { isFinal: false } }),
    );
    await Promise.all(captures.map((one, index) => applyCommands(index % 2 === 0 ? pool : otherPool, [one])));
    const outcomes = await outcomesOf(pool, captures);
    expect(outcomes.filter((each) => each === 'applied')).toHaveLength(5);
    expect(await holdOf(id)).toEqual(['captured', 100n, 0n]);
    expect(await balanceOf(pool, boris)).toBe(100n);
  });

  test('a capture at the moment of expiry, and the sweep: it is freed once, and nobody is paid', async () => {
    const races = await Promise.all(Array.from({ length: 12 }, () => placed()));
    await timeOut(races.map(({ id }) => id));
    const captures = races.map(({ pair, id }) => resolution('capture', pair, id));
    await Promise.all([
      expireOnce(pool),
      expireOnce(otherPool),
      ...captures.map((one) => applyCommands(otherPool, [one])),
    ]);
    expect(new Set(await outcomesOf(pool, captures))).toEqual(new Set(['hold_expired']));
    for (const { id, anna, boris } of races) {
      expect(await holdOf(id)).toEqual(['expired', 0n, 100n]);
      expect([await walletOf(anna), await balanceOf(pool, boris)]).toMatchObject([{ balance: 1_000n, held: 0n }, 0n]);
    }
  });
});

describe('money whose hold is over, with the sweep stopped', () => {
  test('can be spent at once', async () => {
    const { anna, boris, id } = await placed(1_000n);
    const early = transfer(anna, boris, 1_000n);
    await applyCommands(pool, [early]);
    await timeOut([id]);
    const late = transfer(anna, boris, 1_000n);
    await applyCommands(pool, [late]);
    expect(await outcomesOf(pool, [early, late])).toEqual(['insufficient_funds', 'applied']);
    expect(await holdOf(id)).toEqual(['expired', 0n, 1_000n]);
    expect(await walletOf(anna)).toEqual({ balance: 0n, held: 0n, next: null });
  });

  test('is freed before what is available is told', async () => {
    const { pair, anna, id } = await placed();
    await timeOut([id]);
    const next = hold(...pair, 10n);
    await applyCommands(pool, [next]);
    expect(await walletOf(anna)).toMatchObject({ held: 10n });
    expect(await holdOf(id)).toEqual(['expired', 0n, 100n]);
  });

  test('is refused to a capture by the clock alone, and a refused one frees nothing', async () => {
    const { pair, id } = await placed();
    await timeOut([id]);
    const late = resolution('capture', pair, id);
    await applyCommands(pool, [late]);
    expect([await outcomesOf(pool, [late]), await holdOf(id)]).toEqual([['hold_expired'], ['open', 0n, 0n]]);
  });

  test('of a wallet that only thought it had some costs one more look', async () => {
    const { pair, anna, boris, id } = await placed();
    await applyCommands(pool, [resolution('release', pair, id)]);
    await pool.query('UPDATE wallet SET next_expiry_at = clock_timestamp() WHERE id = $1', [anna.walletId]);
    const tooMuch = transfer(anna, boris, 1_001n);
    await applyCommands(pool, [tooMuch]);
    expect([await outcomesOf(pool, [tooMuch]), (await walletOf(anna)).next]).toEqual([['insufficient_funds'], null]);
  });
});

describe('many holds that fall due at once', () => {
  const MANY = 1_203;

  async function manyPlaced() {
    const [anna, boris] = await people(BigInt(MANY));
    const holds = Array.from({ length: MANY }, () => hold(anna, boris, 1n));
    for (let at = 0; at < MANY; at += 500) await applyCommands(pool, holds.slice(at, at + 500));
    // What other tests have left.
    await expireOnce(pool);
    await timeOut(holds.map(({ id }) => id));
    return { anna, boris };
  }

  /** How many were freed in each transaction. */
  async function batches({ walletId }: Account): Promise<number[]> {
    const { rows } = await pool.query<{ count: bigint }>(
      `SELECT count(*) FROM operation WHERE kind = 'hold_expiry' AND debit_wallet_id = $1 GROUP BY applied_at ORDER BY applied_at`,
      [walletId],
    );
    return rows.map(({ count }) => Number(count));
  }

  test('are freed on demand, and in no transaction more than so many', async () => {
    const { anna, boris } = await manyPlaced();
    const all = transfer(anna, boris, BigInt(MANY));
    await applyCommands(pool, [all]);
    expect(await outcomesOf(pool, [all])).toEqual(['applied']);
    expect(await batches(anna)).toEqual([EXPIRY_BATCH, EXPIRY_BATCH, MANY - 2 * EXPIRY_BATCH]);
    expect(await walletOf(anna)).toEqual({ balance: 0n, held: 0n, next: null });
  });

  test('are freed by the sweep of the leader, as long as it leads', async () => {
    const { anna } = await manyPlaced();
    let leads = 2;
    await expireOnce(pool, () => leads-- > 0);
    expect(await batches(anna)).toEqual([EXPIRY_BATCH, EXPIRY_BATCH]);
    await expireOnce(pool);
    expect((await walletOf(anna)).held).toBe(0n);
  });

  test('are freed although one of them cannot be, which is told', async () => {
    const races = await Promise.all(Array.from({ length: 3 }, () => placed()));
    await timeOut(races.map(({ id }) => id));
    // The books are wrong: the wallet holds less than its hold.
    const bad = races[0]!;
    await pool.query('UPDATE wallet SET held = 0 WHERE id = $1', [bad.anna.walletId]);
    await expect(expireOnce(pool)).rejects.toThrow(/frees more than is held/);
    expect(await Promise.all(races.map(async ({ id }) => (await holdOf(id))![0]))).toEqual([
      'open',
      'expired',
      'expired',
    ]);
    await pool.query('UPDATE wallet SET held = 100 WHERE id = $1', [bad.anna.walletId]);
    await expireOnce(pool);
    expect(await holdOf(bad.id)).toEqual(['expired', 0n, 100n]);
  });
});

test('a hold that was placed again under its id, or resolved again, is the first one', async () => {
  const { pair, anna, boris, id } = await placed();
  const capture = resolution('capture', pair, id, { amountMinor: 40n });
  for (let time = 0; time < 3; time++) await applyCommands(pool, [hold(...pair, 100n, { id }), capture]);
  expect(await holdOf(id)).toEqual(['captured', 40n, 60n]);
  expect([await balanceOf(pool, anna), await balanceOf(pool, boris)]).toEqual([960n, 40n]);
});
