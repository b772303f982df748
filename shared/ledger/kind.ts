/**
 * What there is to say of a kind of operation. A kind is a value: `kinds.ts` has the table of them, `kinds/` one file a
 * family. The engine (`decide.ts`) knows none of them.
 *
 *     refuseParties: what never changes     asked by the API, so that a mistake is answered at once and claims no key,
 *                                           and again by the worker, who believes nobody
 *     decide:        what changes           asked by the worker alone, under the locks of both wallets
 */
import type { Command, RejectionReason, WalletFacts, WalletState } from './command.ts';

/** The two wallets that every command names; for a kind with `oneWallet` they are the same. */
export type Side = 'debit' | 'credit';
export type Sides<Wallet> = Record<Side, Wallet>;

/** One wallet's part of an effect: a row of its journal. */
interface Move {
  walletId: bigint;
  /** Signed: negative leaves the wallet. */
  amountMinor: bigint;
}

/** What an operation does. Its moves sum to zero, and each is of another wallet. */
export interface Effect {
  moves: readonly Move[];
  /** Of wallets that are frozen by it, or thawed. */
  isFrozen?: { walletId: bigint; value: boolean };
}

export interface Kind {
  /** Whose wallet group it queues in. */
  routesBy: Side;
  /** Whose balance its client is told. */
  tells: Side;
  /** Who may see it, beside who asked for it: the owners of its wallets once it is applied, or operators alone. */
  seenBy: 'parties' | 'operators';
  /** It moves an amount above zero; any other kind has an amount of zero. */
  movesMoney: boolean;
  /** It is about one wallet, which its commands name as both sides. */
  oneWallet: boolean;
  /** Why it may be refused for itself (see `REASONS_OF_ANY` for the others), in the order in which they are checked. */
  reasons: readonly RejectionReason[];
  refuseParties: (command: Pick<Command, 'currency'>, parties: Sides<WalletFacts>) => RejectionReason | undefined;
  decide: (command: Command, wallets: Sides<WalletState>) => RejectionReason | Effect;
}
