/** What is told of each command of a list that is not atomic, when some of it is known, there is no room, or time is up. */
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { End } from '../../api/submission/delivery.ts';
import { Problem } from '../../api/http/problem.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { balanceOf, createBank, createCustomer, outcomesOf, transfer } from '../support/accounts.ts';
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
  lane = await openLane(stores, { maxWaiting: 3 });
  anna = await createCustomer(lane.applyPool, { bank: await createBank(lane.applyPool), balanceMinor: 10n });
  boris = await createCustomer(lane.applyPool);
});
afterEach(async () => {
  await lane.close();
  await expectSoundBooks(stores.databaseUrl);
  await stores.drop();
});

const pay = (amountMinor = 1n) => transfer(anna, boris, amountMinor);
const word = (end: End) => (end instanceof Problem ? end.code : end.state);
/** What each command was told, in order; twice told would be seen. */
async function submit(commands: readonly Command[], { waitMs = 10_000, respondAsync = false } = {}) {
  const told: string[] = commands.map(() => '');
  await lane.submission.submitEach(commands, { waitMs, respondAsync }, (index, end) => {
    told[index] = `${told[index] ?? ''}${word(end)}`;
  });
  return told;
}
const inHand = (count: number) => until('the worker has them in its hand', () => lane.taken.length === count);
/** The same command as its client sends it again. */
const again = (command: Command): Command => ({ ...command, requestId: uuidv7() });

test('each is told once, in its place, what became of it, and what is known already costs nothing', async () => {
  const [first, tooMuch] = [pay(), pay(99n)];
  expect(await submit([first, tooMuch])).toEqual(['applied', 'rejected']);
  const others = lane.sizes.length;
  expect(await submit([again(tooMuch), again(first)])).toEqual(['rejected', 'applied']);
  expect(lane.sizes).toHaveLength(others);
  expect(await submit([])).toEqual([]);
});

test('a full buffer refuses all that is new, and still tells what is decided', async () => {
  const known = pay();
  await submit([known]);
  lane.hold();
  const held = submit([pay()]);
  await inHand(2);
  const waiting = submit([pay(), pay(), pay()]);
  await until('the buffer is full', () => lane.coalescer.waiting() === 3);
  const refused = [pay(), pay()];
  expect(await submit([refused[0]!, again(known), refused[1]!])).toEqual(['overloaded', 'applied', 'overloaded']);
  lane.release();
  expect(await Promise.all([held, waiting])).toEqual([['applied'], ['applied', 'applied', 'applied']]);
  expect(await outcomesOf(lane.applyPool, refused)).toEqual(['none', 'none']);
});

test('those whose time is up are promised each for itself, and the same again wait for the promise', async () => {
  lane.hold();
  const commands = [pay(), pay()];
  expect(await submit(commands, { waitMs: 50 })).toEqual(['pending', 'pending']);
  expect(await countPending(stores.databaseUrl)).toBe(2);
  const later = submit(commands.map(again));
  lane.release();
  expect(await later).toEqual(['applied', 'applied']);
  expect(await balanceOf(lane.applyPool, boris)).toBe(2n);
});

test('those that nobody wants to wait for are promised at once', async () => {
  lane.hold();
  const commands = [pay(), pay()];
  expect(await submit(commands, { respondAsync: true })).toEqual(['pending', 'pending']);
  lane.release();
  expect(await submit(commands.map(again))).toEqual(['applied', 'applied']);
});

test('a fault in taking one result fails that request, and no other command of the envelope', async () => {
  lane.hold();
  const first = submit([pay()]);
  await inHand(1);
  const faulty = lane.submission.submitEach([pay(), pay()], { waitMs: 10_000, respondAsync: false }, () => {
    throw new Error('of ours');
  });
  const other = submit([pay()]);
  await until('they wait together', () => lane.coalescer.waiting() === 3);
  lane.release();
  await expect(faulty).rejects.toThrow('of ours');
  expect(await Promise.all([first, other])).toEqual([['applied'], ['applied']]);
  expect(await balanceOf(lane.applyPool, boris)).toBe(4n);
});
