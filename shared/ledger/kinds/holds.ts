/**
 * Money that is spoken for: a customer's, for another customer, who takes it or lets it go. Whoever placed the hold cannot
 * take it back before it expires.
 *
 *     hold ──▶ open ──┬─ capture of some, not the last ──▶ open
 *                     ├─ capture of all that remains, or the last one, which frees the rest ──▶ captured
 *                     ├─ release of some ──▶ open
 *                     ├─ release of all that remains ──▶ released
 *                     └─ its time is up ──▶ expired
 *
 * Its guard is the payer's wallet, which is debited. It has expired when the clock says so at the decision, whether or not
 * a `hold_expiry` has freed the money yet: what remains is `amount - captured - released`, and none of an expired one.
 */
import type { Claim } from '../claim.ts';
import type { Command, JsonObject, WalletFacts, WalletState } from '../command.ts';
import type { Kind, Sides } from '../kind.ts';
import { LIMIT_MINOR } from '../money.ts';

export const HOLD_STATES = ['open', 'captured', 'released', 'expired'] as const;
export type HoldState = (typeof HOLD_STATES)[number];

/** In seconds: 90 days, and a week. */
export const MAX_EXPIRES_IN = 7_776_000;
export const DEFAULT_EXPIRES_IN = 604_800;

export interface Hold extends Claim {
  type: 'hold';
  state: HoldState;
  amountMinor: bigint;
  capturedMinor: bigint;
  /** Also what was freed by the last capture and by expiry. */
  releasedMinor: bigint;
  currency: string;
  /** Who placed it. */
  initiatorId: bigint;
  /** By the database's clock; from then on it is expired. */
  expiresAtMs: number;
}

/** What `terms` are, by kind. */
interface HoldTerms {
  /** In seconds, from the decision: 1 to `MAX_EXPIRES_IN`; a week where it is not said. */
  expiresIn?: number;
}
interface CaptureTerms {
  /** False: the rest stays held. */
  isFinal?: boolean;
}

function remainingMinor({ amountMinor, capturedMinor, releasedMinor }: Hold): bigint {
  return amountMinor - capturedMinor - releasedMinor;
}

/** Where both are customers' and in the currency that is asked for. */
function areAlike(currency: string, { debit, credit }: Sides<WalletFacts>): boolean {
  return [debit, credit].every((wallet) => wallet.kind === 'customer' && wallet.currency === currency);
}

export const hold: Kind = {
  routesBy: 'debit',
  tells: 'debit',
  tellsAvailable: true,
  seenBy: 'parties',
  amount: 'given',
  oneWallet: false,
  claim: 'hold',
  journal: { debit: 'hold.placed', credit: 'hold.placed' },
  reasons: ['wallet_not_found', 'same_wallet', 'currency_mismatch', 'wallet_frozen', 'insufficient_funds'],
  refuseParties: ({ currency }, { debit, credit }) => {
    if (debit.kind !== 'customer' || credit.kind !== 'customer') return 'wallet_not_found';
    if (debit.id === credit.id) return 'same_wallet';
    return areAlike(currency, { debit, credit }) ? undefined : 'currency_mismatch';
  },
  decide: (command, { debit, credit, nowMs }) => {
    const { id, amountMinor, currency, initiatorId } = command;
    if (debit.isFrozen) return 'wallet_frozen';
    if (debit.balanceMinor - debit.heldMinor < amountMinor) return 'insufficient_funds';
    const { expiresIn = DEFAULT_EXPIRES_IN } = (command.terms ?? {}) as HoldTerms;
    const placed: Hold = {
      ...{ type: 'hold', id, guardWalletId: debit.id, debitWalletId: debit.id, creditWalletId: credit.id },
      ...{ state: 'open', amountMinor, capturedMinor: 0n, releasedMinor: 0n, currency, initiatorId },
      expiresAtMs: nowMs + expiresIn * 1_000,
    };
    const nextExpiryMs = Math.min(debit.nextExpiryMs ?? Infinity, placed.expiresAtMs);
    return {
      moves: [
        { walletId: debit.id, amountMinor: 0n, heldMinor: amountMinor },
        { walletId: credit.id, amountMinor: 0n },
      ],
      wallets: [{ walletId: debit.id, nextExpiryMs }],
      claim: placed,
      result: resultOf(placed, nowMs),
    };
  },
};

/** What all that may become of an open hold has in common. */
const resolution = {
  routesBy: 'debit',
  seenBy: 'parties',
  amount: 'open',
  oneWallet: false,
  claim: 'hold',
  // No hold has other sides.
  refuseParties: ({ currency }, sides) =>
    sides.debit.id !== sides.credit.id && areAlike(currency, sides) ? undefined : 'hold_not_found',
} as const satisfies Partial<Kind>;

export const capture: Kind = {
  ...resolution,
  tells: 'credit',
  tellsAvailable: true,
  journal: { debit: 'hold.captured', credit: 'hold.captured' },
  reasons: [
    ...['wallet_not_found', 'hold_not_found', 'hold_not_open', 'hold_expired'],
    ...['wallet_frozen', 'amount_exceeds_remaining', 'balance_limit_exceeded'],
  ] as Kind['reasons'],
  decide: (command, { debit, credit, claim, nowMs }) => {
    const found = whileOpen(claim, nowMs);
    if (typeof found === 'string') return found;
    if (debit.isFrozen) return 'wallet_frozen';
    const remaining = remainingMinor(found);
    const amountMinor = askedOf(command, remaining);
    if (amountMinor > remaining) return 'amount_exceeds_remaining';
    if (credit.balanceMinor + amountMinor > LIMIT_MINOR) return 'balance_limit_exceeded';
    const { isFinal = true } = (command.terms ?? {}) as CaptureTerms;
    const rest = isFinal ? remaining - amountMinor : 0n;
    return resolve(
      found,
      { debit, credit },
      { capturedMinor: amountMinor, releasedMinor: rest, ends: 'captured', nowMs },
    );
  },
};

export const release: Kind = {
  ...resolution,
  tells: 'credit',
  tellsAvailable: true,
  journal: { debit: 'hold.released', credit: 'hold.released' },
  reasons: ['wallet_not_found', 'hold_not_found', 'hold_not_open', 'hold_expired', 'amount_exceeds_remaining'],
  decide: (command, { debit, credit, claim, nowMs }) => {
    const found = whileOpen(claim, nowMs);
    if (typeof found === 'string') return found;
    const remaining = remainingMinor(found);
    const amountMinor = askedOf(command, remaining);
    if (amountMinor > remaining) return 'amount_exceeds_remaining';
    return resolve(
      found,
      { debit, credit },
      { capturedMinor: 0n, releasedMinor: amountMinor, ends: 'released', nowMs },
    );
  },
};

/** Frees what remains of a hold whose time is up. The worker's own: nobody asks for it, and a refused one is not stored. */
export const holdExpiry: Kind = {
  ...resolution,
  tells: 'debit',
  tellsAvailable: false,
  journal: { debit: 'hold.expired', credit: 'hold.expired' },
  reasons: ['wallet_not_found', 'hold_not_found', 'hold_not_open'],
  decide: (_command, { debit, credit, claim, nowMs }) => {
    const found = claim as Hold | undefined;
    if (!found) return 'hold_not_found';
    if (found.state !== 'open' || nowMs < found.expiresAtMs) return 'hold_not_open';
    const releasedMinor = remainingMinor(found);
    return resolve(found, { debit, credit }, { capturedMinor: 0n, releasedMinor, ends: 'expired', nowMs });
  },
};

function whileOpen(claim: Claim | undefined, nowMs: number) {
  const found = claim as Hold | undefined;
  if (!found) return 'hold_not_found';
  if (found.state === 'expired' || (found.state === 'open' && nowMs >= found.expiresAtMs)) return 'hold_expired';
  return found.state === 'open' ? found : 'hold_not_open';
}

function askedOf({ amountMinor }: Command, remaining: bigint): bigint {
  return amountMinor === 0n ? remaining : amountMinor;
}

interface Resolution {
  /** Moved by it, and freed by it. */
  capturedMinor: bigint;
  releasedMinor: bigint;
  /** What it becomes where nothing remains. */
  ends: Exclude<HoldState, 'open'>;
  nowMs: number;
}

function resolve(
  found: Hold,
  { debit, credit }: Sides<WalletState>,
  { capturedMinor, releasedMinor, ends, nowMs }: Resolution,
): ReturnType<Kind['decide']> {
  const changed: Hold = {
    ...found,
    capturedMinor: found.capturedMinor + capturedMinor,
    releasedMinor: found.releasedMinor + releasedMinor,
  };
  const after: Hold = { ...changed, state: remainingMinor(changed) === 0n ? ends : 'open' };
  return {
    moves: [
      { walletId: debit.id, amountMinor: -capturedMinor, heldMinor: -(capturedMinor + releasedMinor) },
      { walletId: credit.id, amountMinor: capturedMinor },
    ],
    amountMinor: capturedMinor > 0n ? capturedMinor : releasedMinor,
    claim: after,
    result: resultOf(after, nowMs),
  };
}

/** The hold as it is after an operation, which is what the client is told. Times are by the database's clock. */
function resultOf({ state, amountMinor, capturedMinor, releasedMinor, expiresAtMs }: Hold, nowMs: number): JsonObject {
  return {
    state,
    // Below 2^53, so a JSON number is exact.
    ...{ amount: Number(amountMinor), captured: Number(capturedMinor), released: Number(releasedMinor) },
    ...{ expiresAt: expiresAtMs, decidedAt: nowMs },
  };
}
