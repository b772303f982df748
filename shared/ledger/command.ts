/**
 * The ledger's words: a command asks for money to move, an operation is its one final outcome, an entry is one
 * wallet's side of it. All amounts are `bigint` minor units, all times milliseconds since the epoch by the database's
 * clock.
 */

export type OperationKind = 'deposit' | 'transfer';

/** `customer` wallets never go below zero; a bank's `settlement` wallet mirrors the outside world and may. */
export type WalletKind = 'customer' | 'settlement';

/** A request to move money, validated, with its identity already fixed. */
export interface Command {
  /** The operation id (UUID): what makes a second delivery the same operation. */
  id: string;
  kind: OperationKind;
  debitWalletId: bigint;
  creditWalletId: bigint;
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
}

/**
 * Why the ledger said no. In the order in which they are checked: the first that holds is the answer, so that the
 * same command on the same state has one reason. `internal_error` is the worker's, for a command that fails alone.
 */
export const REJECTION_REASONS = [
  'expired',
  'wallet_not_found',
  'same_wallet',
  'currency_mismatch',
  'insufficient_funds',
  'balance_limit_exceeded',
  'internal_error',
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** A wallet as the ledger sees it while its row is locked. */
export interface WalletState {
  id: bigint;
  kind: WalletKind;
  currency: string;
  balanceMinor: bigint;
  heldMinor: bigint;
  /** The number of entries so far, and so the `seq` of the newest. */
  version: bigint;
}

/** One wallet's side of an applied operation. */
export interface Entry {
  walletId: bigint;
  seq: bigint;
  operationId: string;
  /** Signed: negative leaves the wallet. */
  amountMinor: bigint;
  balanceAfterMinor: bigint;
}

/** A command's final outcome. */
export type Outcome =
  | { command: Command; status: 'applied'; debitSeq: bigint; creditSeq: bigint }
  | { command: Command; status: 'rejected'; reason: RejectionReason };

/** The wallet whose group a command queues in: where money leaves, and for a deposit where it arrives. */
export function routingWalletId(command: Pick<Command, 'kind' | 'debitWalletId' | 'creditWalletId'>): bigint {
  return command.kind === 'deposit' ? command.creditWalletId : command.debitWalletId;
}

/** The wallet group that a command queues in: `routing wallet mod partitions`. */
export function partitionOf(
  command: Pick<Command, 'kind' | 'debitWalletId' | 'creditWalletId'>,
  partitions: number,
): number {
  return Number(routingWalletId(command) % BigInt(partitions));
}
