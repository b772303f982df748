/**
 * What the client of an atomic list is told, and what then is true of every item: while the list waits, when its time is
 * up, and when some of its items are known already.
 */
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Command } from '../../shared/ledger/command.ts';
import type { KnownOutcome } from '../../shared/store/ledger/readOutcomes.ts';
import { atomic, balanceOf, createBank, createCustomer, outcomesOf, transfer } from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { countPending, expectSoundBooks } from '../support/inspect.ts';
import { openLane } from '../support/lane.ts';
import type { Lane } from '../support/lane.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const FAST = backends.includes('redis') ? 'redis' : 'postgres';

let stores: Stores;
let lane: Lane;
let anna: Account;
let boris: Account;

beforeEach(async () => {
  stores = await createStores(FAST, { partitions: 1 });
  lane = await openLane(stores);
  anna = await createCustomer(lane.applyPool, { bank: await createBank(lane.applyPool), balanceMinor: 10n });
  boris = await createCustomer(lane.applyPool);
});
afterEach(async () => {
  await lane.close();
  await expectSoundBooks(stores.databaseUrl);
  await stores.drop();
});

const pay = (amountMinor = 1n) => transfer(anna, boris, amountMinor);
const submit = (items: readonly Command[], waitMs = 10_000) => lane.submission.submitList(items, waitMs);
const submitOne = (command: Command, waitMs = 10_000): Promise<KnownOutcome> =>
  lane.submission.submit(command, { isKeyed: false, waitMs, respondAsync: false });
const inShort = (known: readonly KnownOutcome[]) =>
  known.map((each) => (each.state === 'rejected' ? each.reason : each.state));
/** The same items as a client sends them again: a new request, and a new list. */
const again = (items: readonly Command[]) => atomic(items.map((item) => ({ ...item, requestId: uuidv7() })));
const inHand = (count: number) => until('the worker has them in its hand', () => lane.taken.length === count);

test('a list is answered item by item, in order, whether it is applied or refused', async () => {
  expect(inShort(await submit(atomic([pay(1n), pay(2n)])))).toEqual(['applied', 'applied']);
  const refused = await submit(atomic([pay(5n), pay(3n), pay(2n)]));
  expect(inShort(refused)).toEqual(['list_rejected', 'insufficient_funds', 'list_rejected']);
  expect(await balanceOf(lane.applyPool, boris)).toBe(3n);
  expect(await submit([])).toEqual([]);
});

test('a list whose time is up before it left is overloaded, and leaves in no part any more', async () => {
  lane.hold();
  const first = submitOne(pay());
  await inHand(1);
  const items = atomic([pay(), pay()]);
  await expect(submit(items, 100)).rejects.toMatchObject({ code: 'overloaded' });
  expect(lane.coalescer.waiting()).toBe(0);
  lane.release();
  await first;
  await submitOne(pay());
  expect(await outcomesOf(lane.applyPool, items)).toEqual(['none', 'none']);
});

test('a list whose time is up after it left is unknown, is never promised, and is found by who sends it again', async () => {
  lane.hold();
  const items = atomic([pay(1n), pay(2n)]);
  await expect(submit(items, 100)).rejects.toMatchObject({
    code: 'outcome_unknown',
    extras: { operationId: items[0]!.id },
  });
  expect(await countPending(stores.databaseUrl)).toBe(0);
  const second = submit(again(items));
  lane.release();
  expect(inShort(await second)).toEqual(['applied', 'applied']);
  const envelopes = lane.sizes.length;
  const third = await submit(again(items));
  expect(third).toMatchObject(items.map(({ id, requestId }) => ({ id, requestId, state: 'applied' })));
  // What is known needs no envelope.
  expect(lane.sizes.length).toBe(envelopes);
  expect(await balanceOf(lane.applyPool, boris)).toBe(3n);
});

test('a list that waits when the process is to stop is unknown at once', async () => {
  lane.hold();
  const items = atomic([pay(), pay()]);
  const answer = expect(submit(items)).rejects.toMatchObject({ code: 'outcome_unknown' });
  await inHand(1);
  lane.stopping.abort();
  await answer;
  lane.release();
  await until('it is decided', async () => (await outcomesOf(lane.applyPool, items))[0] === 'applied');
});

test('a list of which a single is decided already, or is on its way, is refused but for that one', async () => {
  const [decided, onItsWay] = [pay(), pay()];
  await submitOne(decided);
  expect(inShort(await submit(again([pay(), decided])))).toEqual(['list_rejected', 'applied']);
  lane.hold();
  const promised = await submitOne(onItsWay, 100);
  expect(promised.state).toBe('pending');
  const answer = submit(again([onItsWay, pay()]));
  lane.release();
  expect(inShort(await answer)).toEqual(['applied', 'list_rejected']);
  expect([await balanceOf(lane.applyPool, boris), await countPending(stores.databaseUrl)]).toEqual([2n, 0]);
});

test('two lists at once that share an item: one is applied, and the other keeps none of its own', async () => {
  const shared = pay();
  const [one, other] = [again([pay(), shared]), again([shared, pay()])];
  const outcomes = (await Promise.all([submit(one), submit(other)])).map(inShort);
  expect(outcomes).toContainEqual(['applied', 'applied']);
  expect(outcomes.flat().sort()).toEqual(['applied', 'applied', 'applied', 'list_rejected']);
  expect(await balanceOf(lane.applyPool, boris)).toBe(2n);
});
