/**
 * Random books and random lists of commands for the properties of the ledger's decision: few wallets and few ids, so that
 * duplicates, overdrafts and limits are met often.
 */
import fc from 'fast-check';
import type { LedgerState } from '../../shared/ledger/decide.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { LIMIT_MINOR } from '../../shared/ledger/money.ts';
import { NOW_MS, command, uuid, wallet } from './ledger.ts';

const IDS = Array.from({ length: 20 }, (_, n) => uuid(n));
const WALLET_IDS = [1n, 2n, 11n, 12n, 13n, 14n];
const near = (limit: bigint) => fc.bigInt(limit - 500n, limit);

export const anyBook = fc
  .record({
    settlement: fc.array(fc.oneof(fc.bigInt(-5_000n, 5_000n), near(-LIMIT_MINOR + 500n)), {
      minLength: 2,
      maxLength: 2,
    }),
    customers: fc.array(
      fc.record({
        balance: fc.oneof({ weight: 4, arbitrary: fc.bigInt(0n, 3_000n) }, { weight: 1, arbitrary: near(LIMIT_MINOR) }),
        heldShare: fc.integer({ min: 0, max: 3 }),
        version: fc.bigInt(0n, 5n),
        currency: fc.constantFrom(...Array.from({ length: 7 }, () => 'RUB'), 'USD'),
      }),
      { minLength: 3, maxLength: 4 },
    ),
    stored: fc.subarray(IDS, { maxLength: 3 }),
    promised: fc.dictionary(fc.constantFrom(...IDS), fc.constantFrom('a', 'b'), { maxKeys: 4 }),
    frozen: fc.subarray(WALLET_IDS, { maxLength: 1 }),
  })
  .map(({ settlement, customers, stored, promised, frozen }): LedgerState => ({
    wallets: new Map(
      [
        ...settlement.map((balanceMinor, n) =>
          wallet(WALLET_IDS[n]!, { kind: 'settlement', balanceMinor, version: 3n }),
        ),
        ...customers.map(({ balance, heldShare, version, currency }, n) =>
          wallet(WALLET_IDS[n + 2]!, {
            balanceMinor: balance,
            heldMinor: (balance * BigInt(heldShare)) / 4n,
            version,
            currency,
          }),
        ),
      ].map((each) => [each.id, { ...each, isFrozen: frozen.includes(each.id) }]),
    ),
    storedIds: new Set(stored),
    promisedHashes: new Map(Object.entries(promised).map(([id, letter]) => [id, letter.repeat(64)])),
  }));

const walletId = fc.constantFrom(...WALLET_IDS);
const customerId = fc.constantFrom(...WALLET_IDS.slice(2));
const anyCommand = fc
  .record({
    id: fc.constantFrom(...IDS),
    kind: fc.constantFrom('deposit' as const, 'transfer' as const),
    freezing: fc.oneof(
      { weight: 14, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.constantFrom('freeze' as const, 'unfreeze' as const) },
    ),
    any: fc.tuple(walletId, walletId),
    sensible: fc.tuple(fc.constantFrom(1n, 2n), customerId, customerId),
    wild: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    amountMinor: fc.oneof({ weight: 5, arbitrary: fc.bigInt(1n, 2_000n) }, { weight: 1, arbitrary: near(LIMIT_MINOR) }),
    currency: fc.constantFrom('RUB', 'RUB', 'RUB', 'RUB', 'USD'),
    requestHash: fc.constantFrom('a', 'a', 'a', 'b').map((letter) => letter.repeat(64)),
    expiresAtMs: fc.integer({ min: NOW_MS - 1, max: NOW_MS + 18 }),
  })
  .map(({ any, sensible: [bank, from, to], wild, freezing, ...rest }): Command => {
    const one = {
      ...command(),
      ...rest,
      debitWalletId: wild ? any[0] : rest.kind === 'deposit' ? bank : from,
      creditWalletId: wild ? any[1] : to,
    };
    return freezing ? { ...one, kind: freezing, creditWalletId: one.debitWalletId, amountMinor: 0n } : one;
  });

const tameSides = [2n, 11n, 12n, 13n].flatMap((from) =>
  [11n, 12n, 13n].filter((to) => to !== from).map((to) => ({ debitWalletId: from, creditWalletId: to })),
);

/** What hardly anything is wrong with: a list of these has a chance. */
const tameCommand = fc
  .record({ id: fc.constantFrom(...IDS), sides: fc.constantFrom(...tameSides), amountMinor: fc.bigInt(1n, 150n) })
  .map(({ sides, ...rest }): Command => ({
    ...command(),
    ...{ ...rest, ...sides, kind: sides.debitWalletId === 2n ? 'deposit' : 'transfer' },
  }));

/** Items with different ids as a list; now and then one is lost, comes twice, or the list is said to be longer. */
const anyList = fc
  .record({
    items: fc.uniqueArray(fc.oneof({ weight: 7, arbitrary: tameCommand }, { weight: 1, arbitrary: anyCommand }), {
      minLength: 1,
      maxLength: 6,
      selector: ({ id }) => id,
    }),
    name: fc.nat(30),
    damage: fc.constantFrom('none', 'none', 'none', 'none', 'none', 'none', 'lost', 'twice', 'longer'),
  })
  .map(({ items, name, damage }): Command[] => {
    const list = { id: uuid(0xa_0000_0000 + name), size: items.length + (damage === 'longer' ? 1 : 0) };
    const sent = items.map((item) => ({ ...item, list }));
    if (damage === 'lost') sent.pop();
    return damage === 'twice' && sent[0] ? [...sent, sent[0]] : sent;
  });

/** Singles, lists, and deliveries that were there before. */
export const anyCommands = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: anyCommand.map((one) => [one]) },
      { weight: 3, arbitrary: anyList },
      { weight: 1, arbitrary: fc.nat(20) },
    ),
    { maxLength: 14 },
  )
  .map((sent) =>
    sent.flatMap((each, at) => {
      const earlier = typeof each === 'number' ? sent[each % (at + 1)] : each;
      return Array.isArray(earlier) ? earlier.map((one) => ({ ...one })) : [];
    }),
  );
