/**
 * The way of a claim through the ledger, with a kind that is defined here alone: money is set aside under a name, and what
 * is set aside is paid or given back, once. Two families of commands race for it, in lists and side by side.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import type { Claim } from '../../shared/ledger/claim.ts';
import type { Command, KindName, RejectionReason } from '../../shared/ledger/command.ts';
import type { Kind } from '../../shared/ledger/kind.ts';
import { KINDS } from '../../shared/ledger/kinds.ts';
import type { Kinds } from '../../shared/ledger/kinds.ts';
import { applyCommands } from '../../shared/store/ledger/applyCommands.ts';
import type { ClaimTables } from '../../shared/store/ledger/claimTables.ts';
import { createInsert } from '../../shared/store/ledger/columns.ts';
import type { Column } from '../../shared/store/ledger/columns.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { atomic, balanceOf, createBank, createCustomer, outcomesOf, transfer } from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { run } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { openApplyPool } from '../support/pools.ts';
import { createTestDatabase } from '../support/stores.ts';

interface Pledge extends Claim {
  type: 'pledge';
  amountMinor: bigint;
  state: 'open' | 'paid' | 'returned';
}

const base = { ...KINDS.transfer, claim: 'pledge' };
/** The words of this test for reasons that there are not yet. */
const GONE: RejectionReason = 'list_rejected';
const resolution = (state: 'paid' | 'returned'): Kind => ({
  ...base,
  decide: (_command, { debit, credit, claim }) => {
    const pledge = claim as Pledge | undefined;
    if (pledge?.state !== 'open') return GONE;
    const { amountMinor } = pledge;
    const paid = state === 'paid' ? amountMinor : 0n;
    return {
      moves: [
        { walletId: debit.id, amountMinor: -paid, heldMinor: -amountMinor },
        { walletId: credit.id, amountMinor: paid },
      ],
      claim: { ...pledge, state } as Pledge,
      result: { state },
    };
  },
});
const OWN: Record<'pledge' | 'pay' | 'return', Kind> = {
  pledge: {
    ...base,
    decide: ({ id, amountMinor }, { debit, credit }) => {
      if (debit.balanceMinor - debit.heldMinor < amountMinor) return 'insufficient_funds';
      const sides = { guardWalletId: debit.id, debitWalletId: debit.id, creditWalletId: credit.id };
      const claim: Pledge = { type: 'pledge', id, ...sides, amountMinor, state: 'open' };
      const moves = [
        { walletId: debit.id, amountMinor: 0n, heldMinor: amountMinor },
        { walletId: credit.id, amountMinor: 0n },
      ];
      return { moves, claim };
    },
  },
  pay: resolution('paid'),
  return: resolution('returned'),
};
const kinds = { ...KINDS, ...OWN } as unknown as Kinds;

const COLUMNS: readonly Column<Claim>[] = [
  ['id', 'uuid', ({ id }) => id],
  ['guard', 'bigint', ({ guardWalletId }) => guardWalletId],
  ['debit', 'bigint', ({ debitWalletId }) => debitWalletId],
  ['credit', 'bigint', ({ creditWalletId }) => creditWalletId],
  ['amount', 'bigint', (claim) => (claim as Pledge).amountMinor],
  ['state', 'text', (claim) => (claim as Pledge).state],
];
interface PledgeRow {
  id: string;
  guard: bigint;
  debit: bigint;
  credit: bigint;
  amount: bigint;
  state: Pledge['state'];
}
const claimTables: ClaimTables = {
  pledge: {
    read: { name: 'read-pledges', text: 'SELECT * FROM pledge WHERE id = ANY($1::uuid[])' },
    fromRow: (row) => {
      const { id, guard, debit, credit, amount, state } = row as PledgeRow;
      const sides = { guardWalletId: guard, debitWalletId: debit, creditWalletId: credit };
      return { type: 'pledge', id, ...sides, amountMinor: amount, state } as Pledge;
    },
    write: createInsert<Claim>({
      name: 'write-pledges',
      table: 'pledge',
      columns: COLUMNS,
      common: ['changed_at', 'timestamptz'],
      after: 'ORDER BY id ON CONFLICT (id) DO UPDATE SET state = excluded.state',
    }),
  },
};

let database: TestDatabase;
let pool: Pool;
let otherPool: Pool;
let bank: Account;

beforeAll(async () => {
  database = await createTestDatabase();
  await run(
    database.url,
    `CREATE TABLE pledge (id uuid PRIMARY KEY, guard bigint, debit bigint, credit bigint, amount bigint, state text, changed_at timestamptz);
     ALTER TABLE operation DROP CONSTRAINT operation_kind_check;
     ALTER TABLE refused_operation DROP CONSTRAINT refused_operation_kind_check`,
  );
  pool = openApplyPool(database.url);
  otherPool = openApplyPool(database.url);
  bank = await createBank(pool);
});
afterAll(async () => {
  await Promise.all([pool.end(), otherPool.end()]);
  await database.drop();
});

const apply = (commands: readonly Command[], on = pool) => applyCommands(on, commands, { kinds, claimTables });

function command(kind: keyof typeof OWN, from: Account, to: Account, amountMinor: bigint, claimId?: string): Command {
  const one = transfer(from, to, amountMinor, { id: uuidv7() });
  return { ...one, kind: kind as KindName, ...(claimId !== undefined && { claimId }) };
}

async function pledged(amountMinor = 60n) {
  const [anna, boris] = [await createCustomer(pool, { bank, balanceMinor: 100n }), await createCustomer(pool)];
  const pledge = command('pledge', anna, boris, amountMinor);
  await apply([pledge]);
  const resolve = (kind: 'pay' | 'return') => command(kind, anna, boris, 1n, pledge.id);
  return { anna, boris, pledge, resolve };
}

async function rowOf(id: string): Promise<string | undefined> {
  const { rows } = await pool.query<{ state: string }>('SELECT state FROM pledge WHERE id = $1', [id]);
  return rows[0]?.state;
}

async function journalOf({ walletId }: Account) {
  const { rows } = await pool.query<Record<string, bigint | null>>(
    'SELECT amount, held, held_after FROM entry WHERE wallet_id = $1 ORDER BY seq',
    [walletId],
  );
  return rows.map(({ amount, held, held_after: heldAfter }) => [amount, held, heldAfter]);
}

describe('a claim', () => {
  test('holds money that nobody can spend, and is told in the journals of both sides', async () => {
    const { anna, boris, pledge } = await pledged();
    const spending = transfer(anna, boris, 41n);
    await apply([spending, transfer(anna, boris, 40n)]);
    expect(await outcomesOf(pool, [spending])).toEqual(['insufficient_funds']);
    expect(await rowOf(pledge.id)).toBe('open');
    expect(await journalOf(anna)).toEqual([
      [100n, null, null],
      [0n, 60n, 60n],
      [-40n, null, 60n],
    ]);
    expect(await journalOf(boris)).toEqual([
      [0n, null, null],
      [40n, null, null],
    ]);
  });

  test('is changed by an operation that names it, which is stored with what was told', async () => {
    const { anna, boris, pledge, resolve } = await pledged();
    const pay = resolve('pay');
    await apply([pay]);
    const { rows } = await pool.query('SELECT claim_id, result FROM operation WHERE id = ANY($1) ORDER BY id', [
      [pledge.id, pay.id],
    ]);
    expect(rows).toEqual([
      { claim_id: pledge.id, result: null },
      { claim_id: pledge.id, result: { state: 'paid' } },
    ]);
    expect([await balanceOf(pool, anna), await balanceOf(pool, boris), await rowOf(pledge.id)]).toEqual([
      ...[40n, 60n, 'paid'],
    ]);
    expect((await journalOf(anna)).at(-1)).toEqual([-60n, -60n, null]);
  });

  test('that was opened in the same envelope is known there', async () => {
    const [anna, boris] = [await createCustomer(pool, { bank, balanceMinor: 100n }), await createCustomer(pool)];
    const pledge = command('pledge', anna, boris, 10n);
    const commands = [
      pledge,
      command('return', anna, boris, 1n, pledge.id),
      command('pay', anna, boris, 1n, pledge.id),
    ];
    await apply(commands);
    expect(await outcomesOf(pool, commands)).toEqual(['applied', 'applied', GONE]);
    expect([await balanceOf(pool, anna), await rowOf(pledge.id)]).toEqual([100n, 'returned']);
  });

  test('whose resolutions race, in one envelope or in two transactions, ends in one of them, with its money', async () => {
    const pledges = await Promise.all(Array.from({ length: 60 }, () => pledged()));
    const pairs = pledges.map(({ resolve }, index): [Command, Command] =>
      index % 2 === 0 ? [resolve('pay'), resolve('return')] : [resolve('return'), resolve('pay')],
    );
    await Promise.all(
      pairs.map(([one, other], index) =>
        index % 3 === 0 ? apply([one, other]) : Promise.all([apply([one]), apply([other], otherPool)]),
      ),
    );
    for (const [index, { anna, boris, pledge }] of pledges.entries()) {
      const outcomes = await outcomesOf(pool, pairs[index]!);
      expect(outcomes.toSorted()).toEqual(['applied', GONE]);
      const state = await rowOf(pledge.id);
      expect(pairs[index]![outcomes.indexOf('applied')]!.kind).toBe(state === 'paid' ? 'pay' : 'return');
      const left = state === 'paid' ? [40n, 60n] : [100n, 0n];
      expect([await balanceOf(pool, anna), await balanceOf(pool, boris)]).toEqual(left);
    }
  });

  test.each<[string, (world: Awaited<ReturnType<typeof pledged>>, stranger: Account) => Command]>([
    ['from another wallet', ({ boris, pledge }, stranger) => command('pay', stranger, boris, 1n, pledge.id)],
    ['to another wallet', ({ anna, pledge }, stranger) => command('pay', anna, stranger, 1n, pledge.id)],
    ['with its sides exchanged', ({ anna, boris, pledge }) => command('pay', boris, anna, 1n, pledge.id)],
    ['by an id that no claim has', ({ anna, boris }) => command('pay', anna, boris, 1n, uuidv7())],
  ])('is not there for a command %s', async (_what, make) => {
    const world = await pledged();
    const one = make(world, await createCustomer(pool, { bank, balanceMinor: 100n }));
    await apply([one]);
    expect([await outcomesOf(pool, [one]), await rowOf(world.pledge.id)]).toEqual([[GONE], 'open']);
  });

  test('whose guard is neither of its sides is there for nobody', async () => {
    const { pledge, resolve } = await pledged();
    const stranger = await createCustomer(pool);
    await pool.query('UPDATE pledge SET guard = $2 WHERE id = $1', [pledge.id, stranger.walletId]);
    const pay = resolve('pay');
    await apply([pay]);
    expect(await outcomesOf(pool, [pay])).toEqual([GONE]);
  });

  test('in a list that is refused stays as it was', async () => {
    const { anna, boris, pledge, resolve } = await pledged();
    const items = atomic([resolve('pay'), transfer(boris, anna, 1_000n)]);
    await apply(items);
    expect(await outcomesOf(pool, items)).toEqual(['list_rejected', 'insufficient_funds']);
    expect([await rowOf(pledge.id), await balanceOf(pool, boris)]).toEqual(['open', 0n]);
    const whole = atomic([resolve('pay'), transfer(boris, anna, 60n)]);
    await apply(whole);
    expect([await outcomesOf(pool, whole), await rowOf(pledge.id)]).toEqual([['applied', 'applied'], 'paid']);
  });
});

test('time does not go back within a wallet, whatever the clock does', async () => {
  const [anna, boris] = [await createCustomer(pool, { bank, balanceMinor: 100n }), await createCustomer(pool)];
  await pool.query(`UPDATE wallet SET booked_at = '2098-07-06 05:04:03.21Z' WHERE id = $1`, [boris.walletId]);
  const [one, other] = [transfer(anna, boris, 1n), transfer(boris, anna, 1n)];
  await apply([one]);
  await apply([other]);
  const { rows } = await pool.query<{ at: string }>(
    `SELECT created_at::text AS at FROM entry WHERE operation_id = ANY($1)
     UNION ALL SELECT applied_at::text FROM operation WHERE id = ANY($1)
     UNION ALL SELECT booked_at::text FROM wallet WHERE id = ANY($2)`,
    [
      [one.id, other.id],
      [anna.walletId, boris.walletId],
    ],
  );
  expect(rows.map(({ at }) => at)).toEqual(Array.from({ length: 8 }, () => '2098-07-06 05:04:03.21+00'));
});
