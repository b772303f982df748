/** The table of all kinds of operation, and what follows from a command's kind. */
import { MOVEMENT_KINDS } from './command.ts';
import type { Command, KindName, MovementKind, RejectionReason, WalletFacts } from './command.ts';
import type { Kind, Side, Sides } from './kind.ts';
import { freeze, unfreeze } from './kinds/freezing.ts';
import { capture, hold, holdExpiry, release } from './kinds/holds.ts';
import { deposit, transfer } from './kinds/movements.ts';

export type Kinds = Readonly<Record<KindName, Kind>>;

export const KINDS: Kinds = {
  deposit,
  transfer,
  freeze,
  unfreeze,
  hold,
  capture,
  release,
  hold_expiry: holdExpiry,
};

export function isMovement(kind: KindName): kind is MovementKind {
  return MOVEMENT_KINDS.some((movement) => movement === kind);
}

/** What a command of any kind may be refused for when it is not an item of a list. */
export const REASONS_OF_ANY: readonly RejectionReason[] = ['expired', 'internal_error'];

type Sided = Pick<Command, 'kind' | 'debitWalletId' | 'creditWalletId'>;

/** The wallet whose group a command queues in. */
export function routingWalletId(command: Sided): bigint {
  return walletIdOn(command, KINDS[command.kind].routesBy);
}

/** The wallet group that a command queues in: `routing wallet mod partitions`. */
export function partitionOf(command: Sided, partitions: number): number {
  return Number(routingWalletId(command) % BigInt(partitions));
}

/** The wallet whose balance its client is told. */
export function toldWalletId(command: Sided): bigint {
  return walletIdOn(command, KINDS[command.kind].tells);
}

/** The two wallets, if a command of this kind may name them; else why not. What it answers holds for ever. */
export function judgeParties<Wallet extends WalletFacts>(
  command: Pick<Command, 'kind' | 'currency'>,
  { debit, credit }: Sides<Wallet | undefined>,
  kinds: Kinds = KINDS,
): RejectionReason | Sides<Wallet> {
  if (!debit || !credit) return 'wallet_not_found';
  return kinds[command.kind].refuseParties(command, { debit, credit }) ?? { debit, credit };
}

function walletIdOn({ debitWalletId, creditWalletId }: Sided, side: Side): bigint {
  return side === 'debit' ? debitWalletId : creditWalletId;
}
