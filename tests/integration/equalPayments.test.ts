/**
 * People who send one payment from several tabs at once, through two API processes, while a worker decides: of those that are
 * just alike one goes through and the others are asked about, in every order. A failing run prints its seed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Command } from '../../shared/ledger/command.ts';
import { balanceOf, createBank, createCustomer, deposit, transfer } from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { expectSoundBooks } from '../support/inspect.ts';
import { openLane } from '../support/lane.ts';
import type { Lane } from '../support/lane.ts';
import { createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';

const RUNS = 12;
const AMOUNTS = [1_00n, 600_00n];
const FUNDS = 10_000_00n;

let stores: Stores;
let lanes: Lane[];
let bank: Account;

beforeAll(async () => {
  stores = await createStores('postgres', { partitions: 1 });
  lanes = [await openLane(stores), await openLane(stores, { worker: false })];
  bank = await createBank(lanes[0]!.applyPool);
});
afterAll(async () => {
  await Promise.all(lanes.map((lane) => lane.close()));
  await expectSoundBooks(stores.databaseUrl);
  await stores.drop();
});

const anySending = fc.record({
  process: fc.nat({ max: 1 }),
  payee: fc.nat({ max: 1 }),
  amount: fc.nat({ max: AMOUNTS.length - 1 }),
  afterMs: fc.nat({ max: 12 }),
});
type Sending = typeof anySending extends fc.Arbitrary<infer Value> ? Value : never;

const pay = (lane: Lane, command: Command, confirmed?: string) =>
  lane.submission.submitPayment(command, { isKeyed: true, waitMs: 10_000, confirmed });
const keyed = (command: Command): Command => ({ ...command, id: uuidv5('tab', command.id) });

test('of payments that are just alike and sent at once one goes through, and the others are asked about', async () => {
  const race = async (sendings: Sending[]) => {
    const { applyPool } = lanes[0]!;
    const [payer, ...payees] = await Promise.all([1, 2, 3].map(() => createCustomer(applyPool)));
    await lanes[0]!.submission.submit(deposit(bank, payer!, FUNDS), {
      isKeyed: false,
      waitMs: 10_000,
      respondAsync: false,
    });
    const answers = await Promise.all(
      sendings.map(async ({ process, payee, amount, afterMs }) => {
        await sleep(afterMs);
        return pay(lanes[process]!, keyed(transfer(payer!, payees[payee]!, AMOUNTS[amount]!)));
      }),
    );
    const kinds = [...new Set(sendings.map(({ payee, amount }) => `${payee} ${amount}`))];
    let spent = 0n;
    for (const kind of kinds) {
      const alike = answers.filter((_, index) => `${sendings[index]!.payee} ${sendings[index]!.amount}` === kind);
      const through = alike.filter(({ state }) => state === 'applied');
      expect(through).toHaveLength(1);
      const others = alike.filter((answer) => answer !== through[0]);
      expect(others.map((each) => [each.state, each.id])).toEqual(others.map(() => ['equal', through[0]!.id]));
      spent += AMOUNTS[Number(kind.split(' ')[1])]!;
    }
    expect(await balanceOf(applyPool, payer!)).toBe(FUNDS - spent);
  };
  await fc.assert(fc.asyncProperty(fc.array(anySending, { minLength: 2, maxLength: 10 }), race), {
    numRuns: RUNS,
    endOnFailure: true,
  });
});

test('a double click on one form is one payment, and is asked about nowhere', async () => {
  const { applyPool } = lanes[0]!;
  const [payer, payee] = [await createCustomer(applyPool), await createCustomer(applyPool)];
  await lanes[0]!.submission.submit(deposit(bank, payer, FUNDS), {
    isKeyed: false,
    waitMs: 10_000,
    respondAsync: false,
  });
  const command = keyed(transfer(payer, payee, 1_00n));
  const answers = await Promise.all(
    [0, 1, 0, 1].map((process) => pay(lanes[process]!, { ...command, requestId: uuidv7() })),
  );
  expect(answers.map(({ state, id }) => [state, id])).toEqual(answers.map(() => ['applied', command.id]));
  expect(await balanceOf(applyPool, payer)).toBe(FUNDS - 1_00n);
});
