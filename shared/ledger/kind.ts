/**
 * What there is to say of a kind of operation. A kind is a value: `kinds.ts` has the table of them, `kinds/` one file a
 * family. The engine (`decide.ts`) knows none of them.
 *
 *     refuseParties: what never changes     asked by the API, so that a mistake is answered at once and claims no key,
 *                                           and again by the worker, who believes nobody
 *     decide:        what changes           asked by the worker alone, under the locks of both wallets
 */
import type { Claim, ClaimType } from './claim.ts';
import type { Command, JsonObject, RejectionReason, WalletFacts, WalletState } from './command.ts';

/** The two wallets that every command names; for a kind with `oneWallet` they are the same. */
export type Side = 'debit' | 'credit';
export type Sides<Wallet> = Record<Side, Wallet>;

/** What a kind decides on. */
interface Situation extends Sides<WalletState> {
  /** What the command is about; none where the kind opens one, or where there is none that it may change. */
  claim: Claim | undefined;
  /** By the database's clock. */
  nowMs: number;
}

/** What happens to one wallet: a row of its journal, also where no money moves. */
interface Move {
  walletId: bigint;
  /** Signed: negative leaves the wallet. */
  amountMinor: bigint;
  /** Signed: negative is freed. Nothing is held without it. */
  heldMinor?: bigint;
}

type WalletChange = { walletId: bigint } & Partial<Pick<WalletState, 'isFrozen' | 'nextExpiryMs'>>;

/** What an operation does. Its moves sum to zero, and each is of another wallet. */
export interface Effect {
  moves: readonly Move[];
  /** What else changes about its wallets. */
  wallets?: readonly WalletChange[];
  /** What the amount comes to, where the command leaves it open. */
  amountMinor?: bigint;
  /** What it opens, or what becomes of what it changes. */
  claim?: Claim;
  /** What the client is told, where the journal does not tell it. */
  result?: JsonObject;
}

export interface Kind {
  /** Whose wallet group it queues in. */
  routesBy: Side;
  /** Whose balance its client is told. */
  tells: Side;
  /** And what of it is available, which depends on what has expired by then. */
  tellsAvailable: boolean;
  /** Who may see it, beside who asked for it: the owners of its wallets once it is applied, or operators alone. */
  seenBy: 'parties' | 'operators';
  /**
   * What its commands ask for: `given`, an amount above zero; `open`, an amount, or zero for all that there is; `none`, an
   * amount of zero, which is none.
   */
  amount: 'given' | 'open' | 'none';
  /** It is about one wallet, which its commands name as both sides. */
  oneWallet: boolean;
  /** What it opens or changes. */
  claim?: ClaimType;
  /** What its row is called in the journal of each side's wallet. */
  journal: Sides<string>;
  /** Why it may be refused for itself (see `REASONS_OF_ANY` for the others), in the order in which they are checked. */
  reasons: readonly RejectionReason[];
  refuseParties: (command: Pick<Command, 'currency'>, parties: Sides<WalletFacts>) => RejectionReason | undefined;
  decide: (command: Command, situation: Situation) => RejectionReason | Effect;
}
