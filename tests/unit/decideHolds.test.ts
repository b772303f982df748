/** Holds, checked by example as a pure function: what is held, taken, let go and free again, and when. */
import { describe, expect, test } from 'vitest';
import { decide } from '../../shared/ledger/decide.ts';
import type { Decision, LedgerState } from '../../shared/ledger/decide.ts';
import { REJECTION_REASONS } from '../../shared/ledger/command.ts';
import type { Command, RejectionReason, WalletState } from '../../shared/ledger/command.ts';
import type { Hold } from '../../shared/ledger/kinds/holds.ts';
import { LIMIT_MINOR } from '../../shared/ledger/money.ts';
import {
  ANNA,
  BANK,
  BORIS,
  NOW_MS,
  after,
  book,
  command,
  freeze,
  listed,
  reasonOf,
  reasons,
  uuid,
  wallet,
} from '../support/ledger.ts';

const HOLD = uuid(0xb_0001);
const EXPIRES_MS = NOW_MS + 60_000;

function place(changes: Partial<Command> = {}): Command {
  return command({ kind: 'hold', amountMinor: 100n, terms: { expiresIn: 60 }, ...changes });
}
function about(kind: 'capture' | 'release' | 'hold_expiry', changes: Partial<Command> = {}): Command {
  return command({ kind, amountMinor: 0n, claimId: HOLD, initiatorId: 8n, ...changes });
}
const capture = (amountMinor = 0n, isFinal = true) =>
  about('capture', { amountMinor, ...(!isFinal && { terms: { isFinal } }) });
const release = (amountMinor = 0n) => about('release', { amountMinor });

function held(changes: Partial<Hold> = {}): Hold {
  return {
    ...{ type: 'hold', id: HOLD, guardWalletId: ANNA, debitWalletId: ANNA, creditWalletId: BORIS },
    ...{ state: 'open', amountMinor: 100n, capturedMinor: 0n, releasedMinor: 0n },
    ...{ currency: 'RUB', initiatorId: 7n, expiresAtMs: EXPIRES_MS },
    ...changes,
  };
}

/** Anna has 1000, of which 100 are held for Boris. */
function books(
  hold: Partial<Hold> = {},
  anna: Partial<WalletState> = {},
  boris: Partial<WalletState> = {},
): LedgerState {
  return book(
    [
      wallet(BANK, { kind: 'settlement', balanceMinor: -1_000n }),
      wallet(ANNA, { balanceMinor: 1_000n, heldMinor: 100n, nextExpiryMs: EXPIRES_MS, ...anna }),
      wallet(BORIS, boris),
    ],
    { claims: new Map([[HOLD, held(hold)]]) },
  );
}

/** What is there afterwards: of Anna, of Boris, of the hold. */
function left({ wallets, claims }: Decision) {
  const of = (id: bigint) => wallets.find((each) => each.id === id);
  const [one] = claims as Hold[];
  return {
    anna: [of(ANNA)?.balanceMinor, of(ANNA)?.heldMinor],
    boris: of(BORIS)?.balanceMinor,
    hold: one && [one.state, one.capturedMinor, one.releasedMinor],
  };
}
const decideOne = (one: Command, state = books(), nowMs = NOW_MS) => decide([one], state, nowMs);

describe('placing a hold', () => {
  test('holds the amount, is in the journals of both, and says until when', () => {
    const one = place();
    const decision = decideOne(one, books({}, { heldMinor: 0n, nextExpiryMs: null }));
    expect(decision.claims).toEqual([held({ id: one.id })]);
    expect(
      decision.entries.map(({ walletId, amountMinor, heldMinor, heldAfterMinor }) => [
        walletId,
        amountMinor,
        heldMinor,
        heldAfterMinor,
      ]),
    ).toEqual([
      [ANNA, 0n, 100n, 100n],
      [BORIS, 0n, 0n, 0n],
    ]);
    expect(decision.wallets[0]).toMatchObject({ heldMinor: 100n, balanceMinor: 1_000n, nextExpiryMs: EXPIRES_MS });
    expect(decision.outcomes[0]).toMatchObject({
      result: { state: 'open', amount: 100, captured: 0, released: 0, expiresAt: EXPIRES_MS, decidedAt: NOW_MS },
    });
  });

  test('of the six that are asked for at once, five are open when there is enough for five', () => {
    const six = Array.from({ length: 6 }, () => place({ amountMinor: 1_000n }));
    const decision = decide(six, book([wallet(ANNA, { balanceMinor: 5_000n }), wallet(BORIS)]), NOW_MS);
    expect(reasons(decision)).toEqual([...Array.from({ length: 5 }, () => 'applied'), 'insufficient_funds']);
    expect(decision.wallets.find(({ id }) => id === ANNA)?.heldMinor).toBe(5_000n);
  });

  test.each<[string, Partial<Command>, RejectionReason]>([
    ['for a bank', { creditWalletId: BANK }, 'wallet_not_found'],
    ['by a bank', { debitWalletId: BANK }, 'wallet_not_found'],
    ['for oneself', { creditWalletId: ANNA }, 'same_wallet'],
    ['in another currency', { currency: 'JPY' }, 'currency_mismatch'],
    ['of more than is available', { amountMinor: 901n }, 'insufficient_funds'],
  ])('%s is refused', (_what, changes, reason) => {
    expect(reasonOf(place(changes), books())).toBe(reason);
  });

  test('out of a frozen wallet is refused', () => {
    expect(reasonOf(place(), books({}, { isFrozen: true }))).toBe('wallet_frozen');
  });

  test('leaves the earliest expiry of the wallet where it is', () => {
    const { wallets } = decideOne(place({ terms: { expiresIn: 3_600 } }));
    expect(wallets[0]?.nextExpiryMs).toBe(EXPIRES_MS);
  });
});

describe('an open hold', () => {
  test.each<[string, Command, ReturnType<typeof left>]>([
    ['is captured whole', capture(), { anna: [900n, 0n], boris: 100n, hold: ['captured', 100n, 0n] }],
    [
      'is captured in part and at the end, which frees the rest',
      capture(60n),
      { anna: [940n, 0n], boris: 60n, hold: ['captured', 60n, 40n] },
    ],
    [
      'is captured in part, and stays open',
      capture(60n, false),
      { anna: [940n, 40n], boris: 60n, hold: ['open', 60n, 0n] },
    ],
    [
      'is captured to the last cent, not to be the end, and ends',
      capture(100n, false),
      { anna: [900n, 0n], boris: 100n, hold: ['captured', 100n, 0n] },
    ],
    ['is released whole', release(), { anna: [1_000n, 0n], boris: 0n, hold: ['released', 0n, 100n] }],
    ['is released in part, and stays open', release(30n), { anna: [1_000n, 70n], boris: 0n, hold: ['open', 0n, 30n] }],
  ])('%s', (_what, one, expected) => {
    const decision = decideOne(one);
    expect(left(decision)).toEqual(expected);
    const [state, captured, released] = expected.hold as [string, bigint, bigint];
    expect(decision.outcomes[0]).toMatchObject({
      amountMinor: one.amountMinor || 100n,
      result: { state, amount: 100, captured: Number(captured), released: Number(released) },
    });
  });

  test('takes several captures, and the second end is refused', () => {
    const commands = [capture(30n, false), capture(20n, false), release(10n), capture(15n), capture(), release()];
    const decision = decide(commands, books(), NOW_MS);
    expect(reasons(decision)).toEqual(['applied', 'applied', 'applied', 'applied', 'hold_not_open', 'hold_not_open']);
    expect(left(decision)).toEqual({ anna: [935n, 0n], boris: 65n, hold: ['captured', 65n, 35n] });
  });

  test.each([capture(101n), release(101n)])('gives no more than remains: $kind', (one) => {
    expect(reasonOf(one, books())).toBe('amount_exceeds_remaining');
    expect(reasonOf({ ...one, amountMinor: 41n }, books({ capturedMinor: 60n }))).toBe('amount_exceeds_remaining');
  });

  test.each(['captured', 'released'] as const)('that is %s is not open to anything', (state) => {
    for (const one of [capture(), release()]) {
      expect(reasonOf(one, books({ state, releasedMinor: 100n }))).toBe('hold_not_open');
      // Not even once its time would be up.
      expect(reasons(decideOne(one, books({ state, releasedMinor: 100n }), EXPIRES_MS))).toEqual(['hold_not_open']);
    }
  });

  test('of a frozen wallet is not captured, and released as ever', () => {
    const state = books({}, { isFrozen: true });
    expect(decideOne(capture(), state)).toMatchObject({ entries: [], claims: [], wallets: [] });
    expect(reasons(decideOne(capture(), state))).toEqual(['wallet_frozen']);
    expect(left(decideOne(release(), state)).hold).toEqual(['released', 0n, 100n]);
    expect(reasons(decide([freeze(ANNA), capture()], books(), NOW_MS))).toEqual(['applied', 'wallet_frozen']);
  });

  test('for a frozen wallet is captured: it can still be paid', () => {
    expect(left(decideOne(capture(), books({}, {}, { isFrozen: true }))).boris).toBe(100n);
  });

  test('cannot be spent meanwhile', () => {
    expect(reasonOf(command({ amountMinor: 901n }), books())).toBe('insufficient_funds');
    expect(reasonOf(command({ amountMinor: 900n }), books())).toBe('applied');
  });

  test('is tried with its list, and stays as it was when that is refused', () => {
    const decision = decide(listed([capture(), command({ amountMinor: 5_000n })]), books(), NOW_MS);
    expect(reasons(decision)).toEqual(['list_rejected', 'insufficient_funds']);
    expect([decision.claims, decision.wallets]).toEqual([[], []]);
  });

  test.each<[string, Partial<Command>]>([
    ['under another id', { claimId: uuid(0xb_0002) }],
    ['without naming it', { claimId: undefined as unknown as string }],
    ['out of another wallet', { debitWalletId: BORIS, creditWalletId: ANNA }],
    ['for a bank', { creditWalletId: BANK }],
    ['for the payer', { creditWalletId: ANNA }],
    ['in another currency', { currency: 'JPY' }],
  ])('is not found %s', (_what, changes) => {
    for (const kind of ['capture', 'release', 'hold_expiry'] as const)
      expect(reasons(decide([about(kind, changes)], books(), EXPIRES_MS)), kind).toEqual(['hold_not_found']);
  });

  test.each([
    ['JPY', 1n],
    ['KWD', 1_001n],
    ['RUB', LIMIT_MINOR],
  ])('in %s is exact to the last unit', (currency, amountMinor) => {
    const wallets = [wallet(ANNA, { currency, balanceMinor: amountMinor }), wallet(BORIS, { currency })];
    const one = place({ currency, amountMinor });
    const placed = decideOne(one, book(wallets));
    const state = { ...after(book(wallets), placed), claims: new Map(placed.claims.map((claim) => [claim.id, claim])) };
    expect(left(decideOne({ ...capture(), currency, claimId: one.id }, state))).toEqual({
      ...{ anna: [0n, 0n], boris: amountMinor, hold: ['captured', amountMinor, 0n] },
    });
  });
});

describe('the time of a hold', () => {
  test('is up at the very moment, freed or not', () => {
    for (const one of [capture(), release()]) {
      expect(reasons(decideOne(one, books(), EXPIRES_MS - 1))).toEqual(['applied']);
      expect(reasons(decideOne(one, books(), EXPIRES_MS))).toEqual(['hold_expired']);
      expect(reasonOf(one, books({ state: 'expired', releasedMinor: 100n }))).toBe('hold_expired');
    }
  });

  test('once it is up, frees what remains, once', () => {
    const decision = decide(
      [about('hold_expiry'), about('hold_expiry')],
      books({ capturedMinor: 25n }, { heldMinor: 75n }),
      EXPIRES_MS,
    );
    expect(reasons(decision)).toEqual(['applied', 'hold_not_open']);
    expect(left(decision)).toEqual({ anna: [1_000n, 0n], boris: 0n, hold: ['expired', 25n, 75n] });
    expect(decision.outcomes[0]).toMatchObject({ amountMinor: 75n });
  });

  test('before it is up, frees nothing', () => {
    expect(reasons(decideOne(about('hold_expiry'), books(), EXPIRES_MS - 1))).toEqual(['hold_not_open']);
  });

  test('frees money of a frozen wallet as well', () => {
    expect(reasons(decideOne(about('hold_expiry'), books({}, { isFrozen: true }), EXPIRES_MS))).toEqual(['applied']);
  });
});

describe('what is due', () => {
  const due = (one: Command, nowMs: number, state = books()) => decideOne(one, state, nowMs).dueWalletIds;

  test('is named where funds are wanting, from the very moment on', () => {
    const tooMuch = command({ amountMinor: 1_000n });
    expect(due(tooMuch, EXPIRES_MS - 1)).toEqual([]);
    expect(due(tooMuch, EXPIRES_MS)).toEqual([ANNA]);
    expect(due(command({ amountMinor: 1n }), EXPIRES_MS)).toEqual([]);
  });

  test('is named where what is available is told', () => {
    expect(due(place({ amountMinor: 1n }), EXPIRES_MS)).toEqual([ANNA]);
    const late = { expiresAtMs: EXPIRES_MS + 1 };
    expect(due(capture(), EXPIRES_MS, books(late))).toEqual([]);
    expect(due(capture(), EXPIRES_MS, books(late, {}, { nextExpiryMs: EXPIRES_MS }))).toEqual([BORIS]);
    expect(due(release(), EXPIRES_MS, books(late, {}, { nextExpiryMs: EXPIRES_MS }))).toEqual([BORIS]);
  });

  test('is not named for what is refused for another reason, nor for what frees it', () => {
    expect(due(capture(), EXPIRES_MS, books({}, {}, { nextExpiryMs: EXPIRES_MS }))).toEqual([]);
    expect(due(about('hold_expiry'), EXPIRES_MS)).toEqual([]);
  });
});

describe('precedence: of two reasons for a capture the earlier one in REJECTION_REASONS is given', () => {
  interface Scene {
    one: Command;
    hold: Partial<Hold>;
    anna: Partial<WalletState>;
    boris: Partial<WalletState>;
  }
  const faults: Partial<Record<RejectionReason, (scene: Scene) => Scene>> = {
    expired: (scene) => ({ ...scene, one: { ...scene.one, expiresAtMs: NOW_MS - 1 } }),
    wallet_not_found: (scene) => ({ ...scene, one: { ...scene.one, creditWalletId: 99n } }),
    hold_not_found: (scene) => ({ ...scene, one: { ...scene.one, claimId: uuid(0xb_0002) } }),
    hold_expired: (scene) => ({ ...scene, hold: { expiresAtMs: NOW_MS } }),
    wallet_frozen: (scene) => ({ ...scene, anna: { isFrozen: true } }),
    amount_exceeds_remaining: (scene) => ({ ...scene, one: { ...scene.one, amountMinor: 101n } }),
    balance_limit_exceeded: (scene) => ({ ...scene, boris: { balanceMinor: LIMIT_MINOR } }),
  };
  const names = REJECTION_REASONS.filter((reason) => reason in faults);
  const pairs = names.flatMap((earlier, index) => names.slice(index + 1).map((later) => [earlier, later] as const));
  const scene = (): Scene => ({ one: capture(10n), hold: {}, anna: {}, boris: {} });
  const reasonIn = ({ one, hold, anna, boris }: Scene) => reasonOf(one, books(hold, anna, boris));

  test('without a fault it is applied', () => {
    expect(reasonIn(scene())).toBe('applied');
  });
  test.each(pairs)('%s before %s', (earlier, later) => {
    expect(reasonIn(faults[later]!(faults[earlier]!(scene())))).toBe(earlier);
    expect(reasonIn(faults[later]!(scene()))).toBe(later);
  });
});
