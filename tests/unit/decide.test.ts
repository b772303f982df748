/** The ledger's one decision, checked by example as a pure function: one command after another, each for itself. */
import { describe, expect, test } from 'vitest';
import { decide } from '../../shared/ledger/decide.ts';
import type { Decision } from '../../shared/ledger/decide.ts';
import { REJECTION_REASONS } from '../../shared/ledger/command.ts';
import { partitionOf, routingWalletId } from '../../shared/ledger/kinds.ts';
import type { Command, RejectionReason, WalletState } from '../../shared/ledger/command.ts';
import { LIMIT_MINOR } from '../../shared/ledger/money.ts';
import {
  ANNA,
  BANK,
  BORIS,
  NOTHING,
  NOW_MS,
  book,
  command,
  deposit,
  freeze,
  reasonOf,
  reasons,
  usualBook,
  wallet,
} from '../support/ledger.ts';

/** What a transfer alone can be refused for. */
type SingleReason = Exclude<
  RejectionReason,
  'list_rejected' | 'internal_error' | 'hold_not_found' | 'hold_not_open' | 'hold_expired' | 'amount_exceeds_remaining'
>;

describe('a movement that the books allow', () => {
  test('a transfer posts both sides and numbers both wallets', () => {
    const one = command({ amountMinor: 250n });
    expect(decide([one], usualBook(), NOW_MS)).toEqual({
      outcomes: [{ command: one, status: 'applied', amountMinor: one.amountMinor, debitSeq: 2n, creditSeq: 1n }],
      entries: [
        {
          walletId: ANNA,
          seq: 2n,
          operationId: one.id,
          amountMinor: -250n,
          balanceAfterMinor: 750n,
          heldMinor: 0n,
          heldAfterMinor: 0n,
        },
        {
          walletId: BORIS,
          seq: 1n,
          operationId: one.id,
          amountMinor: 250n,
          balanceAfterMinor: 250n,
          heldMinor: 0n,
          heldAfterMinor: 0n,
        },
      ],
      wallets: [wallet(ANNA, { balanceMinor: 750n, version: 2n }), wallet(BORIS, { balanceMinor: 250n, version: 1n })],
      claims: [],
      dueWalletIds: [],
    });
  });

  test('a deposit takes from the settlement wallet, below zero', () => {
    const one = deposit({ creditWalletId: BORIS, amountMinor: 5n });
    expect(decide([one], usualBook(), NOW_MS)).toEqual({
      outcomes: [{ command: one, status: 'applied', amountMinor: one.amountMinor, debitSeq: 2n, creditSeq: 1n }],
      entries: [
        {
          walletId: BANK,
          seq: 2n,
          operationId: one.id,
          amountMinor: -5n,
          balanceAfterMinor: -1_005n,
          heldMinor: 0n,
          heldAfterMinor: 0n,
        },
        {
          walletId: BORIS,
          seq: 1n,
          operationId: one.id,
          amountMinor: 5n,
          balanceAfterMinor: 5n,
          heldMinor: 0n,
          heldAfterMinor: 0n,
        },
      ],
      wallets: [
        wallet(BANK, { kind: 'settlement', balanceMinor: -1_005n, version: 2n }),
        wallet(BORIS, { balanceMinor: 5n, version: 1n }),
      ],
      claims: [],
      dueWalletIds: [],
    });
  });

  test('a command sees what the ones before it left', () => {
    const there = command({ amountMinor: 1_000n });
    const back = command({ debitWalletId: BORIS, creditWalletId: ANNA, amountMinor: 400n });
    const tooMuch = command({ amountMinor: 401n });
    const decision = decide([there, back, tooMuch], usualBook(), NOW_MS);
    expect(reasons(decision)).toEqual(['applied', 'applied', 'insufficient_funds']);
    expect(decision.wallets.map((each) => each.balanceMinor)).toEqual([400n, 600n]);
  });

  test('a rejection in the middle changes nothing for those after it', () => {
    const first = command();
    const last = command();
    const refused = command({ amountMinor: 901n });
    const changes = ({ entries, wallets }: Decision) => ({ entries, wallets });
    const withRefused = decide([first, refused, last], usualBook(), NOW_MS);
    expect(reasons(withRefused)).toEqual(['applied', 'insufficient_funds', 'applied']);
    expect(changes(withRefused)).toEqual(changes(decide([first, last], usualBook(), NOW_MS)));
  });

  test('no commands decide nothing', () => {
    expect(decide([], usualBook(), NOW_MS)).toEqual(NOTHING);
  });
});

describe('a second delivery', () => {
  test('of a stored operation leaves no trace', () => {
    const one = command();
    expect(decide([one], usualBook({ storedIds: new Set([one.id]) }), NOW_MS)).toEqual(NOTHING);
  });

  test('in the same list is decided once, and the first one counts', () => {
    const one = command({ amountMinor: 1n });
    const again = { ...one, amountMinor: 2n, requestHash: 'b'.repeat(64) };
    const decision = decide([one, again, { ...one }], usualBook(), NOW_MS);
    expect(decision.outcomes).toEqual([
      { command: one, status: 'applied', amountMinor: one.amountMinor, debitSeq: 2n, creditSeq: 1n },
    ]);
    expect(decision.entries).toHaveLength(2);
  });

  test('of a command that was rejected in the same list is not tried again on the better balance', () => {
    const refused = command({ amountMinor: 1_001n });
    const decision = decide([refused, deposit(), { ...refused }], usualBook(), NOW_MS);
    expect(reasons(decision)).toEqual(['insufficient_funds', 'applied']);
  });
});

describe('a promised command', () => {
  const promised = command({ requestHash: 'a'.repeat(64) });
  const other = { ...promised, amountMinor: 999n, requestHash: 'b'.repeat(64) };
  const state = usualBook({ promisedHashes: new Map([[promised.id, promised.requestHash]]) });

  test('wins over another body under its key, whichever comes first', () => {
    for (const list of [
      [promised, other],
      [other, promised],
      [other, promised, other],
    ]) {
      expect(decide(list, state, NOW_MS).outcomes).toEqual([
        { command: promised, status: 'applied', amountMinor: promised.amountMinor, debitSeq: 2n, creditSeq: 1n },
      ]);
    }
  });

  test('lets another body under its key wait without an outcome', () => {
    expect(decide([other], state, NOW_MS)).toEqual(NOTHING);
  });

  test('never expires', () => {
    const late = promised.expiresAtMs + 365 * 86_400_000;
    expect(reasons(decide([promised], state, late))).toEqual(['applied']);
  });

  test('that is stored is dropped like any other', () => {
    expect(decide([promised], { ...state, storedIds: new Set([promised.id]) }, NOW_MS)).toEqual(NOTHING);
  });

  test('is still judged: a promise is of an outcome, not of money', () => {
    const poor = { ...promised, amountMinor: 1_001n };
    expect(reasonOf(poor, state)).toBe('insufficient_funds');
  });
});

describe('expiry', () => {
  test('at expiresAt the command is taken, one millisecond later it is not', () => {
    const one = command();
    expect(reasons(decide([one], usualBook(), one.expiresAtMs))).toEqual(['applied']);
    expect(decide([one], usualBook(), one.expiresAtMs + 1)).toEqual({
      outcomes: [{ command: one, status: 'rejected', reason: 'expired' }],
      entries: [],
      wallets: [],
      claims: [],
      dueWalletIds: [],
    });
  });
});

describe('who may take part', () => {
  const settlement = (id: bigint) => wallet(id, { kind: 'settlement', balanceMinor: 1_000n });
  const state = book([settlement(BANK), settlement(2n), wallet(ANNA, { balanceMinor: 1_000n }), wallet(BORIS)]);

  test.each([
    ['a transfer from a wallet that is not there', command({ debitWalletId: 99n })],
    ['a transfer to a wallet that is not there', command({ creditWalletId: 99n })],
    ['a transfer between wallets that are not there', command({ debitWalletId: 98n, creditWalletId: 99n })],
    ['a transfer from a settlement wallet', command({ debitWalletId: BANK })],
    ['a transfer to a settlement wallet', command({ creditWalletId: BANK })],
    ['a deposit out of a customer wallet', deposit({ debitWalletId: BORIS })],
    ['a deposit into a settlement wallet', deposit({ creditWalletId: 2n })],
    ['a deposit into the settlement wallet it is from', deposit({ creditWalletId: BANK })],
    ['a deposit out of a wallet that is not there', deposit({ debitWalletId: 99n })],
    ['a deposit into a wallet that is not there', deposit({ creditWalletId: 99n })],
  ])('%s is rejected as wallet_not_found', (_what, one) => {
    expect(reasonOf(one, state)).toBe('wallet_not_found');
  });

  test('a transfer to the wallet it is from is rejected as same_wallet', () => {
    expect(reasonOf(command({ creditWalletId: ANNA }), state)).toBe('same_wallet');
  });

  test.each([
    ['the wallet it is from', 'USD', 'RUB', 'RUB'],
    ['the wallet it is to', 'RUB', 'USD', 'RUB'],
    ['both wallets', 'RUB', 'RUB', 'USD'],
  ])('a currency other than that of %s is rejected', (_which, from, to, currency) => {
    const wallets = [
      wallet(ANNA, { currency: from, balanceMinor: 1_000n }),
      wallet(BORIS, { currency: to }),
      wallet(BANK, { currency: from, kind: 'settlement' }),
    ];
    expect(reasonOf(command({ currency }), book(wallets))).toBe('currency_mismatch');
    expect(reasonOf(deposit({ creditWalletId: BORIS, currency }), book(wallets))).toBe('currency_mismatch');
  });
});

describe('limits, on both sides', () => {
  test.each([
    [1_000n, 0n, 1_000n, 'applied'],
    [1_000n, 0n, 1_001n, 'insufficient_funds'],
    [1_000n, 400n, 600n, 'applied'],
    [1_000n, 400n, 601n, 'insufficient_funds'],
    [0n, 0n, 1n, 'insufficient_funds'],
    [LIMIT_MINOR, 0n, LIMIT_MINOR, 'applied'],
  ])('balance %s with %s held, sending %s: %s', (balanceMinor, heldMinor, amountMinor, expected) => {
    const state = book([wallet(ANNA, { balanceMinor, heldMinor }), wallet(BORIS)]);
    expect(reasonOf(command({ amountMinor }), state)).toBe(expected);
  });

  test.each([
    [LIMIT_MINOR - 10n, 10n, 'applied'],
    [LIMIT_MINOR - 10n, 11n, 'balance_limit_exceeded'],
    [LIMIT_MINOR, 1n, 'balance_limit_exceeded'],
  ])('a recipient with %s receiving %s: %s', (balanceMinor, amountMinor, expected) => {
    const wallets = [wallet(ANNA, { balanceMinor: 1_000n }), wallet(BORIS, { balanceMinor })];
    const bank = wallet(BANK, { kind: 'settlement' });
    expect(reasonOf(command({ amountMinor }), book(wallets))).toBe(expected);
    expect(reasonOf(deposit({ creditWalletId: BORIS, amountMinor }), book([...wallets, bank]))).toBe(expected);
  });

  test.each([
    [-LIMIT_MINOR + 10n, 10n, 'applied'],
    [-LIMIT_MINOR + 10n, 11n, 'balance_limit_exceeded'],
    [-LIMIT_MINOR, 1n, 'balance_limit_exceeded'],
    [0n, LIMIT_MINOR, 'applied'],
  ])('a settlement wallet with %s paying out %s: %s', (balanceMinor, amountMinor, expected) => {
    const state = book([wallet(BANK, { kind: 'settlement', balanceMinor }), wallet(ANNA)]);
    expect(reasonOf(deposit({ amountMinor }), state)).toBe(expected);
  });
});

describe('precedence: of two reasons the earlier one in REJECTION_REASONS is given', () => {
  // Each fault changes one thing of a transfer that would be applied, and pairs of them combine.
  interface Scene {
    one: Command;
    from: WalletState | undefined;
    to: WalletState | undefined;
  }
  const faults: Record<SingleReason, (scene: Scene) => Scene> = {
    expired: (scene) => ({ ...scene, one: { ...scene.one, expiresAtMs: NOW_MS - 1 } }),
    wallet_not_found: (scene) => ({ ...scene, one: { ...scene.one, debitWalletId: 99n } }),
    same_wallet: (scene) => ({ ...scene, one: { ...scene.one, creditWalletId: scene.one.debitWalletId } }),
    currency_mismatch: (scene) => ({ ...scene, one: { ...scene.one, currency: 'USD' } }),
    wallet_frozen: (scene) => ({ ...scene, from: scene.from && { ...scene.from, isFrozen: true } }),
    insufficient_funds: (scene) => ({ ...scene, from: scene.from && { ...scene.from, heldMinor: 1_000n } }),
    balance_limit_exceeded: (scene) => ({
      ...scene,
      from: scene.from && { ...scene.from, balanceMinor: LIMIT_MINOR },
      to: scene.to && { ...scene.to, balanceMinor: LIMIT_MINOR },
      one: { ...scene.one, amountMinor: LIMIT_MINOR - 999n },
    }),
  };
  const names = REJECTION_REASONS.filter((reason): reason is SingleReason => reason in faults);
  const pairs = names.flatMap((earlier, index) => names.slice(index + 1).map((later) => [earlier, later] as const));

  function reasonIn(scene: Scene): RejectionReason | 'applied' | undefined {
    return reasonOf(scene.one, book([scene.from, scene.to].filter((each) => each !== undefined)));
  }
  function scene(): Scene {
    return { one: command(), from: wallet(ANNA, { balanceMinor: 1_000n }), to: wallet(BORIS) };
  }

  test('without a fault the transfer is applied', () => {
    expect(reasonIn(scene())).toBe('applied');
  });

  test.each(names)('%s alone is given', (name) => {
    expect(reasonIn(faults[name](scene()))).toBe(name);
  });

  test.each(pairs)('%s before %s', (earlier, later) => {
    expect(reasonIn(faults[later](faults[earlier](scene())))).toBe(earlier);
    expect(reasonIn(faults[earlier](faults[later](scene())))).toBe(earlier);
  });

  test('a transfer of a missing wallet to itself is wallet_not_found', () => {
    expect(reasonOf(command({ debitWalletId: 99n, creditWalletId: 99n }), usualBook())).toBe('wallet_not_found');
  });
});

describe('routing', () => {
  test('a transfer queues by the wallet that pays, a deposit by the wallet that receives', () => {
    expect(routingWalletId(command())).toBe(ANNA);
    expect(routingWalletId(deposit({ creditWalletId: BORIS }))).toBe(BORIS);
    expect(partitionOf(command(), 4)).toBe(3);
    expect(partitionOf(deposit({ creditWalletId: BORIS }), 4)).toBe(0);
    expect(partitionOf(command(), 1)).toBe(0);
  });

  test('freezing a wallet queues where that wallet pays, and so in order with its transfers', () => {
    expect(routingWalletId(freeze(ANNA))).toBe(ANNA);
    expect(partitionOf(freeze(ANNA), 4)).toBe(partitionOf(command(), 4));
  });
});
