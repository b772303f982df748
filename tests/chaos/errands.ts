/**
 * What somebody wants next: one movement, or a list of them. Some customers take part far more often than others; a third
 * of the transfers is for more than the payer is likely to have; a few movements carry no key, and a few go nowhere.
 */
import type { Operation } from './history.ts';
import type { People, Person } from './people.ts';
import type { Random } from './random.ts';

/** More than one operation travel in one request. */
export interface Errand {
  person: Person;
  operations: Operation[];
  /** The whole list or nothing of it. */
  isAtomic: boolean;
}

const SHARE = {
  list: 0.02,
  longList: 0.1,
  atomic: 0.6,
  /** Of the lists of transfers: together more than the payer has, though each could be paid. */
  tooMuch: 0.4,
  deposit: 0.25,
  external: 0.5,
  keyless: 0.06,
  hot: 0.3,
  large: 1 / 3,
  nowhere: 0.01,
  toSelf: 0.005,
};
const ITEMS = { min: 2, max: 8, long: 40 };
const NOWHERE = 999_999_999;

export function composeErrand(people: People, random: Random, name: string): Errand {
  if (random.chance(SHARE.list)) return composeList(people, random, name);
  const operation = random.chance(SHARE.deposit)
    ? composeDeposit(people, random, name)
    : composeTransfer(people, random, name);
  if (operation.identity === 'key' && random.chance(SHARE.keyless)) operation.identity = 'none';
  return { person: payerOf(people, operation), operations: [operation], isAtomic: false };
}

export function payerOf({ bank, operator, customers }: People, { kind, payerWalletId }: Operation): Person {
  if (kind === 'deposit') return bank;
  if (kind !== 'transfer') return operator;
  return customers.find(({ walletId }) => walletId === payerWalletId) ?? bank;
}

export function deposit(name: string, bank: Person, walletId: number, amountMinor: number): Operation {
  const own = { walletId, amountMinor, details: name };
  return { name, identity: 'key', kind: 'deposit', payerWalletId: bank.walletId, own, attempts: [] };
}

function transfer(name: string, payer: Person, walletId: number, amountMinor: number): Operation {
  const own = { walletId, amountMinor, details: name };
  return { name, identity: 'key', kind: 'transfer', payerWalletId: payer.walletId, own, attempts: [] };
}

function composeDeposit(people: People, random: Random, name: string): Operation {
  const walletId = random.chance(SHARE.nowhere) ? NOWHERE : someone(people, random).walletId;
  const operation = deposit(name, people.bank, walletId, random.integer(1, 5_000));
  if (random.chance(SHARE.external)) operation.identity = 'external';
  return operation;
}

function composeTransfer(people: People, random: Random, name: string): Operation {
  const person = someone(people, random);
  const receiver = another(people, random, person);
  const walletId = random.chance(SHARE.nowhere)
    ? NOWHERE
    : random.chance(SHARE.toSelf)
      ? person.walletId
      : receiver.walletId;
  const has = person.knownBalanceMinor;
  const amountMinor = random.chance(SHARE.large)
    ? has + random.integer(1, 20_000)
    : random.integer(1, Math.max(1, Math.floor(has / 3)));
  return transfer(name, person, walletId, amountMinor);
}

function composeList(people: People, random: Random, name: string): Errand {
  const isAtomic = random.chance(SHARE.atomic);
  const items = random.chance(SHARE.longList) ? ITEMS.long : random.integer(ITEMS.min, ITEMS.max);
  const names = Array.from({ length: items }, (_, index) => `${name}.${index}`);
  const isDeposit = random.chance(SHARE.deposit);
  const person = isDeposit ? people.bank : someone(people, random);
  const isExternal = isDeposit && random.chance(SHARE.external);
  const share = random.chance(SHARE.tooMuch) ? items - 1 : 2 * items;
  const eachMinor = Math.max(1, Math.floor(person.knownBalanceMinor / share));
  const operations = names.map((itemName) => {
    const made = isDeposit
      ? deposit(itemName, person, someone(people, random).walletId, random.integer(1, 500))
      : transfer(itemName, person, another(people, random, person).walletId, eachMinor + random.integer(0, 5));
    return { ...made, ...(isExternal && { identity: 'external' as const }), ...(isAtomic && { list: name }) };
  });
  return { person, operations, isAtomic };
}

function someone({ hot, customers }: People, random: Random): Person {
  return random.pick(random.chance(SHARE.hot) ? hot : customers);
}

function another({ hot, customers }: People, random: Random, person: Person): Person {
  const some = random.chance(SHARE.hot) ? hot : customers;
  return random.pick(some.filter((other) => other !== person));
}
