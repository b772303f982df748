/**
 * The ledger's one decision, checked as a pure function: first by example, then by properties over random books and
 * random lists of commands. A failing property prints its seed and path; give both to `fc.assert` to see the same case
 * again.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../shared/ledger/decide.ts';
import type { Decision, LedgerState } from '../../shared/ledger/decide.ts';
import { REJECTION_REASONS, partitionOf, routingWalletId } from '../../shared/ledger/command.ts';
import type { Command, RejectionReason, WalletState } from '../../shared/ledger/command.ts';
import { LIMIT_MINOR } from '../../shared/ledger/money.ts';

const NOW_MS = 1_790_000_000_000;
const BANK = 1n;
const ANNA = 11n;
const BORIS = 12n;

function wallet(id: bigint, changes: Partial<WalletState> = {}): WalletState {
  return { id, kind: 'customer', currency: 'RUB', balanceMinor: 0n, heldMinor: 0n, version: 0n, ...changes };
}

function uuid(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
}

let lastId = 0;
function command(changes: Partial<Command> = {}): Command {
  lastId += 1;
  return {
    id: uuid(lastId),
    kind: 'transfer',
    debitWalletId: ANNA,
    creditWalletId: BORIS,
    amountMinor: 100n,
    currency: 'RUB',
    details: null,
    externalId: null,
    initiatorId: 7n,
    requestId: uuid(0xffff),
    requestHash: 'a'.repeat(64),
    acceptedAtMs: NOW_MS - 1_000,
    expiresAtMs: NOW_MS + 600_000,
    ...changes,
  };
}

function deposit(changes: Partial<Command> = {}): Command {
  return command({ kind: 'deposit', debitWalletId: BANK, creditWalletId: ANNA, ...changes });
}

function book(wallets: WalletState[], changes: Partial<LedgerState> = {}): LedgerState {
  return {
    wallets: new Map(wallets.map((each) => [each.id, each])),
    storedIds: new Set(),
    promisedHashes: new Map(),
    ...changes,
  };
}

/** A bank, and two customers of whom the first has ten roubles. */
function usualBook(changes: Partial<LedgerState> = {}): LedgerState {
  return book(
    [
      wallet(BANK, { kind: 'settlement', balanceMinor: -1_000n, version: 1n }),
      wallet(ANNA, { balanceMinor: 1_000n, version: 1n }),
      wallet(BORIS),
    ],
    changes,
  );
}

function reasons(decision: Decision): (RejectionReason | 'applied')[] {
  return decision.outcomes.map((outcome) => (outcome.status === 'applied' ? 'applied' : outcome.reason));
}

function reasonOf(one: Command, state: LedgerState): RejectionReason | 'applied' | undefined {
  return reasons(decide([one], state, NOW_MS))[0];
}

const NOTHING: Decision = { outcomes: [], entries: [], wallets: [] };

describe('a movement that the books allow', () => {
  test('a transfer posts both sides and numbers both wallets', () => {
    const one = command({ amountMinor: 250n });
    expect(decide([one], usualBook(), NOW_MS)).toEqual({
      outcomes: [{ command: one, status: 'applied', debitSeq: 2n, creditSeq: 1n }],
      entries: [
        { walletId: ANNA, seq: 2n, operationId: one.id, amountMinor: -250n, balanceAfterMinor: 750n },
        { walletId: BORIS, seq: 1n, operationId: one.id, amountMinor: 250n, balanceAfterMinor: 250n },
      ],
      wallets: [wallet(ANNA, { balanceMinor: 750n, version: 2n }), wallet(BORIS, { balanceMinor: 250n, version: 1n })],
    });
  });

  test('a deposit takes from the settlement wallet, below zero', () => {
    const one = deposit({ creditWalletId: BORIS, amountMinor: 5n });
    expect(decide([one], usualBook(), NOW_MS)).toEqual({
      outcomes: [{ command: one, status: 'applied', debitSeq: 2n, creditSeq: 1n }],
      entries: [
        { walletId: BANK, seq: 2n, operationId: one.id, amountMinor: -5n, balanceAfterMinor: -1_005n },
        { walletId: BORIS, seq: 1n, operationId: one.id, amountMinor: 5n, balanceAfterMinor: 5n },
      ],
      wallets: [
        wallet(BANK, { kind: 'settlement', balanceMinor: -1_005n, version: 2n }),
        wallet(BORIS, { balanceMinor: 5n, version: 1n }),
      ],
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
    expect(decision.outcomes).toEqual([{ command: one, status: 'applied', debitSeq: 2n, creditSeq: 1n }]);
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
        { command: promised, status: 'applied', debitSeq: 2n, creditSeq: 1n },
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
  const faults: Record<Exclude<RejectionReason, 'internal_error'>, (scene: Scene) => Scene> = {
    expired: (scene) => ({ ...scene, one: { ...scene.one, expiresAtMs: NOW_MS - 1 } }),
    wallet_not_found: (scene) => ({ ...scene, one: { ...scene.one, debitWalletId: 99n } }),
    same_wallet: (scene) => ({ ...scene, one: { ...scene.one, creditWalletId: scene.one.debitWalletId } }),
    currency_mismatch: (scene) => ({ ...scene, one: { ...scene.one, currency: 'USD' } }),
    insufficient_funds: (scene) => ({ ...scene, from: scene.from && { ...scene.from, heldMinor: 1_000n } }),
    balance_limit_exceeded: (scene) => ({
      ...scene,
      from: scene.from && { ...scene.from, balanceMinor: LIMIT_MINOR },
      to: scene.to && { ...scene.to, balanceMinor: LIMIT_MINOR },
      one: { ...scene.one, amountMinor: LIMIT_MINOR - 999n },
    }),
  };
  const names = REJECTION_REASONS.filter((reason) => reason !== 'internal_error');
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
});

// Properties. Few wallets and few ids, so that duplicates, overdrafts and limits are met often.

const WALLET_IDS = [1n, 2n, 11n, 12n, 13n, 14n];
const near = (limit: bigint) => fc.bigInt(limit - 500n, limit);

const anyBook = fc
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
        currency: fc.constantFrom('RUB', 'RUB', 'RUB', 'USD'),
      }),
      { minLength: 3, maxLength: 4 },
    ),
    stored: fc.subarray(
      Array.from({ length: 12 }, (_, n) => uuid(n)),
      { maxLength: 3 },
    ),
    promised: fc.dictionary(
      fc.constantFrom(...Array.from({ length: 12 }, (_, n) => uuid(n))),
      fc.constantFrom('a', 'b'),
    ),
  })
  .map(({ settlement, customers, stored, promised }): LedgerState => ({
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
      ].map((each) => [each.id, each]),
    ),
    storedIds: new Set(stored),
    promisedHashes: new Map(Object.entries(promised).map(([id, letter]) => [id, letter.repeat(64)])),
  }));

const walletId = fc.constantFrom(...WALLET_IDS);
const customerId = fc.constantFrom(...WALLET_IDS.slice(2));
const anyCommand = fc
  .record({
    id: fc.integer({ min: 0, max: 11 }).map(uuid),
    kind: fc.constantFrom('deposit' as const, 'transfer' as const),
    any: fc.tuple(walletId, walletId),
    sensible: fc.tuple(fc.constantFrom(1n, 2n), customerId, customerId),
    wild: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    amountMinor: fc.oneof({ weight: 5, arbitrary: fc.bigInt(1n, 2_000n) }, { weight: 1, arbitrary: near(LIMIT_MINOR) }),
    currency: fc.constantFrom('RUB', 'RUB', 'RUB', 'RUB', 'USD'),
    requestHash: fc.constantFrom('a', 'b').map((letter) => letter.repeat(64)),
    expiresAtMs: fc.integer({ min: NOW_MS - 2, max: NOW_MS + 8 }),
  })
  .map(({ any, sensible: [bank, from, to], wild, ...rest }): Command => ({
    ...command(),
    ...rest,
    debitWalletId: wild ? any[0] : rest.kind === 'deposit' ? bank : from,
    creditWalletId: wild ? any[1] : to,
  }));
const anyCommands = fc.array(anyCommand, { maxLength: 30 });

/** Freezes the commands, the maps' values and, by refusing writes, the maps themselves. */
function frozen(state: LedgerState): LedgerState {
  const sealed = <T extends object>(collection: T): T =>
    new Proxy(collection, {
      get(target, name) {
        if (['set', 'add', 'delete', 'clear'].includes(String(name))) throw new Error(`${String(name)} on an input`);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  for (const each of state.wallets.values()) Object.freeze(each);
  return Object.freeze({
    wallets: sealed(state.wallets),
    // `new Set(other)` reads the iterator of a proxy like that of a set.
    storedIds: sealed(state.storedIds),
    promisedHashes: sealed(state.promisedHashes),
  });
}

/** The state in which the commands after `decision` find the ledger. */
function after(state: LedgerState, decision: Decision): LedgerState {
  const wallets = new Map(state.wallets);
  for (const each of decision.wallets) wallets.set(each.id, each);
  const storedIds = new Set([...state.storedIds, ...decision.outcomes.map((outcome) => outcome.command.id)]);
  return { ...state, wallets, storedIds };
}

const byId = (a: { id: bigint }, b: { id: bigint }) => Number(a.id - b.id);

/** Runs a property over decisions, and refuses to pass on a sample in which nothing was applied or nothing refused. */
function forAnyDecision(property: (commands: Command[], state: LedgerState, decision: Decision) => void): void {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(anyBook, anyCommands, (state, commands) => {
      const decision = decide(commands, state, NOW_MS);
      for (const reason of reasons(decision)) seen.set(reason, (seen.get(reason) ?? 0) + 1);
      property(commands, state, decision);
    }),
    { numRuns: 300 },
  );
  const expected = ['applied', ...REJECTION_REASONS.filter((reason) => reason !== 'internal_error')];
  expect([...seen.keys()].sort()).toEqual(expected.sort());
}

describe('for any book and any commands', () => {
  test('money is neither made nor lost, per operation and in all', () => {
    forAnyDecision((_commands, state, { outcomes, entries, wallets }) => {
      const sums = new Map<string, bigint>();
      for (const entry of entries) {
        sums.set(entry.operationId, (sums.get(entry.operationId) ?? 0n) + entry.amountMinor);
      }
      expect([...sums.values()].every((sum) => sum === 0n)).toBe(true);
      expect(entries).toHaveLength(2 * outcomes.filter((outcome) => outcome.status === 'applied').length);
      const before = wallets.reduce((sum, each) => sum + state.wallets.get(each.id)!.balanceMinor, 0n);
      expect(wallets.reduce((sum, each) => sum + each.balanceMinor, 0n)).toBe(before);
    });
  });

  test('every wallet is numbered without gaps and its balances are the running sum of its entries', () => {
    forAnyDecision((_commands, state, { entries, wallets }) => {
      for (const changed of wallets) {
        let { version, balanceMinor } = state.wallets.get(changed.id)!;
        for (const entry of entries.filter((each) => each.walletId === changed.id)) {
          expect(entry.seq).toBe(version + 1n);
          expect(entry.balanceAfterMinor).toBe(balanceMinor + entry.amountMinor);
          ({ seq: version, balanceAfterMinor: balanceMinor } = entry);
        }
        expect(changed).toEqual({ ...state.wallets.get(changed.id)!, version, balanceMinor });
      }
      expect(new Set(entries.map((entry) => entry.walletId))).toEqual(new Set(wallets.map((each) => each.id)));
    });
  });

  test('an applied outcome names the two entries that it made, with its amount', () => {
    forAnyDecision((_commands, _state, { outcomes, entries }) => {
      const entryAt = new Map(entries.map((entry) => [`${entry.walletId.toString()}/${entry.seq.toString()}`, entry]));
      for (const outcome of outcomes) {
        if (outcome.status !== 'applied') continue;
        const { id, debitWalletId, creditWalletId, amountMinor } = outcome.command;
        const debit = entryAt.get(`${debitWalletId.toString()}/${outcome.debitSeq.toString()}`);
        const credit = entryAt.get(`${creditWalletId.toString()}/${outcome.creditSeq.toString()}`);
        expect(debit).toMatchObject({ operationId: id, amountMinor: -amountMinor });
        expect(credit).toMatchObject({ operationId: id, amountMinor });
      }
    });
  });

  test('no customer wallet goes below what it holds, and no wallet past fifteen digits', () => {
    forAnyDecision((_commands, state, { entries }) => {
      for (const entry of entries) {
        const { kind, heldMinor } = state.wallets.get(entry.walletId)!;
        if (kind === 'customer') expect(entry.balanceAfterMinor).toBeGreaterThanOrEqual(heldMinor);
        expect(entry.balanceAfterMinor).toBeLessThanOrEqual(LIMIT_MINOR);
        expect(entry.balanceAfterMinor).toBeGreaterThanOrEqual(-LIMIT_MINOR);
      }
    });
  });

  test('every id gets one outcome, in order, unless it has one or another body was promised', () => {
    forAnyDecision((commands, state, { outcomes }) => {
      const expected = new Map<string, Command>();
      for (const one of commands) {
        const promised = state.promisedHashes.get(one.id) ?? one.requestHash;
        const dropped = state.storedIds.has(one.id) || expected.has(one.id) || promised !== one.requestHash;
        if (!dropped) expected.set(one.id, one);
      }
      expect(outcomes.map((outcome) => outcome.command)).toEqual([...expected.values()]);
    });
  });

  test('money moves only between wallets of the command, of one currency, in the right direction', () => {
    forAnyDecision((_commands, state, { outcomes }) => {
      for (const { command: one, status } of outcomes) {
        if (status !== 'applied') continue;
        const debit = state.wallets.get(one.debitWalletId)!;
        const credit = state.wallets.get(one.creditWalletId)!;
        expect(debit.kind).toBe(one.kind === 'deposit' ? 'settlement' : 'customer');
        expect(credit.kind).toBe('customer');
        expect([debit.currency, credit.currency]).toEqual([one.currency, one.currency]);
        expect(debit.id).not.toBe(credit.id);
      }
    });
  });

  test('deciding a list in two parts, cut anywhere, is deciding it at once', () => {
    fc.assert(
      fc.property(anyBook, anyCommands, fc.nat(), (state, commands, cut) => {
        const at = commands.length === 0 ? 0 : cut % (commands.length + 1);
        const whole = decide(commands, state, NOW_MS);
        const first = decide(commands.slice(0, at), state, NOW_MS);
        const second = decide(commands.slice(at), after(state, first), NOW_MS);
        expect([...first.outcomes, ...second.outcomes]).toEqual(whole.outcomes);
        expect([...first.entries, ...second.entries]).toEqual(whole.entries);
        const changed = new Map([...first.wallets, ...second.wallets].map((each) => [each.id, each]));
        expect([...changed.values()].sort(byId)).toEqual([...whole.wallets].sort(byId));
      }),
      { numRuns: 500 },
    );
  });

  test('deciding again what was decided changes nothing', () => {
    forAnyDecision((commands, state, decision) => {
      expect(decide(commands, after(state, decision), NOW_MS)).toEqual(NOTHING);
    });
  });

  test('the inputs are only read, and the same inputs decide the same', () => {
    fc.assert(
      fc.property(anyBook, anyCommands, (state, commands) => {
        const expected = decide(commands, state, NOW_MS);
        const copy = structuredClone({ state, commands });
        for (const one of commands) Object.freeze(one);
        expect(decide(Object.freeze(commands), frozen(state), NOW_MS)).toEqual(expected);
        expect({ state, commands }).toEqual(copy);
      }),
    );
  });
});
