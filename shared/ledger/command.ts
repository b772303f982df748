/**
 * The ledger's words: a command asks for money to move, an operation is its one final outcome, an entry is one
 * wallet's side of it. All amounts are `bigint` minor units, all times milliseconds since the epoch by the database's
 * clock.
 */

/**
 * Every kind of operation. What a kind is and does stands in `kinds.ts`; whatever else differs by kind is a
 * `Record<KindName, …>`, so that a kind which is missing there does not compile.
 */
export const KIND_NAMES = [
  'deposit',
  'transfer',
  'freeze',
  'unfreeze',
  'hold',
  'capture',
  'release',
  'hold_expiry',
] as const;
export type KindName = (typeof KIND_NAMES)[number];
/** What moves money at once, from one who decides that alone. */
export const MOVEMENT_KINDS = ['deposit', 'transfer'] as const satisfies readonly KindName[];
export type MovementKind = (typeof MOVEMENT_KINDS)[number];

/** `customer` wallets never go below zero; a bank's `settlement` wallet mirrors the outside world and may. */
export type WalletKind = 'customer' | 'settlement';

/**
 * A request to move or hold money, or to freeze a wallet, validated, with its identity already fixed. Freezing names its
 * wallet as both sides and moves an amount of zero; `details` is the operator's reason.
 */
export interface Command {
  /** The operation id (UUID): what makes a second delivery the same operation. */
  id: string;
  kind: KindName;
  debitWalletId: bigint;
  creditWalletId: bigint;
  /** Zero where its kind asks for none, or for all that there is. */
  amountMinor: bigint;
  currency: string;
  details: string | null;
  /** The bank's own number of a deposit. */
  externalId: string | null;
  /** The user who asked. */
  initiatorId: bigint;
  /** The HTTP request (UUID) that made this command: a stored outcome with another one is a replay. */
  requestId: string;
  /** SHA-256, hex, of what the client asked for: the same id with another hash is another request under a used key. */
  requestHash: string;
  acceptedAtMs: number;
  /** Found later than this, and not promised by a 202, the command is rejected as `expired`. */
  expiresAtMs: number;
  /** The atomic list that this command is an item of. The items travel side by side, in order. */
  list?: AtomicList;
  /** The claim that it changes (UUID); what opens one gives it its own id. */
  claimId?: string;
  /** What its kind asks for beside an amount. */
  terms?: JsonObject;
}

type Json = string | number | boolean | null | Json[] | JsonObject;
export interface JsonObject {
  [name: string]: Json;
}

/** Commands that are applied all together or not at all. */
export interface AtomicList {
  /** UUID. */
  id: string;
  /** How many they are: fewer of them in one place are not the list. */
  size: number;
}

/**
 * Why the ledger said no. In the order in which they are checked: the first that holds is the answer, so that the
 * same command on the same state has one reason. `list_rejected` is for what an atomic list takes down with the item
 * that was refused; `internal_error` is the worker's, for a command that fails alone.
 */
export const REJECTION_REASONS = [
  'expired',
  'wallet_not_found',
  'same_wallet',
  'currency_mismatch',
  'hold_not_found',
  'hold_not_open',
  'hold_expired',
  'wallet_frozen',
  'amount_exceeds_remaining',
  'insufficient_funds',
  'balance_limit_exceeded',
  'list_rejected',
  'internal_error',
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** What never changes about a wallet. */
export interface WalletFacts {
  id: bigint;
  kind: WalletKind;
  currency: string;
}

/** A wallet as the ledger sees it while its row is locked. */
export interface WalletState extends WalletFacts {
  balanceMinor: bigint;
  heldMinor: bigint;
  isFrozen: boolean;
  /** The number of entries so far, and so the `seq` of the newest. */
  version: bigint;
  /** Before then nothing that it holds becomes free by itself; null: nothing does. */
  nextExpiryMs: number | null;
}

/** A row of a wallet's journal: its side of an applied operation, also where no money moves. */
export interface Entry {
  walletId: bigint;
  seq: bigint;
  operationId: string;
  /** Signed: negative leaves the wallet. */
  amountMinor: bigint;
  balanceAfterMinor: bigint;
  /** Signed: negative is freed. */
  heldMinor: bigint;
  heldAfterMinor: bigint;
}

/** A command's final outcome. */
export type Outcome = AppliedOutcome | { command: Command; status: 'rejected'; reason: RejectionReason };

interface AppliedOutcome {
  command: Command;
  status: 'applied';
  /** The command's, or what that came to where it left it open. */
  amountMinor: bigint;
  /** Where its entries are. */
  debitSeq: bigint | null;
  creditSeq: bigint | null;
  /** What the client is told, where the journal does not tell it. */
  result?: JsonObject;
}

/** Commands as they are decided: alone, or as the atomic list that they make with their neighbours. */
export function inUnits(commands: readonly Command[]): Command[][] {
  const units: Command[][] = [];
  for (const command of commands) {
    const unit = units.at(-1);
    if (command.list && unit?.[0]?.list?.id === command.list.id) unit.push(command);
    else units.push([command]);
  }
  return units;
}
