/**
 * The one place that decides about money. Pure: commands and the state of the locked wallets in, outcomes, entries and
 * new balances out. It reads no clock and does no I/O, so that it can be checked exhaustively and replayed.
 */
import { LIMIT_MINOR } from './money.ts';
import type { Command, Entry, Outcome, RejectionReason, WalletState } from './command.ts';

/** What is known when commands are decided: read under the wallets' row locks. */
export interface LedgerState {
  wallets: ReadonlyMap<bigint, WalletState>;
  /** Ids of operations that already have an outcome: their commands are dropped. */
  storedIds: ReadonlySet<string>;
  /** Request hash by id of what a 202 has promised: the promised command wins over another body under its key. */
  promisedHashes: ReadonlyMap<string, string>;
}

export interface Decision {
  outcomes: Outcome[];
  entries: Entry[];
  /** The wallets that changed, as they are after the last outcome. */
  wallets: WalletState[];
}

/**
 * Decides `commands` in order, each on the balances that the ones before it left. A command whose id has an outcome
 * already, in the store or earlier in `commands`, is dropped without a trace: it is a second delivery.
 */
export function decide(commands: readonly Command[], state: LedgerState, nowMs: number): Decision {
  const wallets = new Map<bigint, WalletState>();
  const decidedIds = new Set(state.storedIds);
  const outcomes: Outcome[] = [];
  const entries: Entry[] = [];

  for (const command of commands) {
    const promisedHash = state.promisedHashes.get(command.id);
    if (decidedIds.has(command.id)) continue;
    if (promisedHash !== undefined && promisedHash !== command.requestHash) continue;
    decidedIds.add(command.id);

    const debit = wallets.get(command.debitWalletId) ?? state.wallets.get(command.debitWalletId);
    const credit = wallets.get(command.creditWalletId) ?? state.wallets.get(command.creditWalletId);
    const expired = nowMs > command.expiresAtMs && promisedHash === undefined;
    const verdict = expired ? 'expired' : judge(command, debit, credit);
    if (typeof verdict === 'string') {
      outcomes.push({ command, status: 'rejected', reason: verdict });
      continue;
    }

    const debited = post(verdict.debit, -command.amountMinor);
    const credited = post(verdict.credit, command.amountMinor);
    for (const wallet of [debited, credited]) wallets.set(wallet.id, wallet);
    entries.push(entryOf(command, debited, -command.amountMinor), entryOf(command, credited, command.amountMinor));
    outcomes.push({ command, status: 'applied', debitSeq: debited.version, creditSeq: credited.version });
  }
  return { outcomes, entries, wallets: [...wallets.values()] };
}

/** The reason to refuse, in the order that `REJECTION_REASONS` documents, or the two wallets to post to. */
function judge(
  command: Command,
  debit: WalletState | undefined,
  credit: WalletState | undefined,
): RejectionReason | { debit: WalletState; credit: WalletState } {
  const debitKind = command.kind === 'deposit' ? 'settlement' : 'customer';
  if (debit?.kind !== debitKind || credit?.kind !== 'customer') return 'wallet_not_found';
  if (debit.id === credit.id) return 'same_wallet';
  if (debit.currency !== command.currency || credit.currency !== command.currency) return 'currency_mismatch';
  if (debit.kind === 'customer' && debit.balanceMinor - debit.heldMinor < command.amountMinor) {
    return 'insufficient_funds';
  }
  if (debit.balanceMinor - command.amountMinor < -LIMIT_MINOR) return 'balance_limit_exceeded';
  if (credit.balanceMinor + command.amountMinor > LIMIT_MINOR) return 'balance_limit_exceeded';
  return { debit, credit };
}

function post(wallet: WalletState, amountMinor: bigint): WalletState {
  return { ...wallet, balanceMinor: wallet.balanceMinor + amountMinor, version: wallet.version + 1n };
}

function entryOf(command: Command, wallet: WalletState, amountMinor: bigint): Entry {
  return {
    walletId: wallet.id,
    seq: wallet.version,
    operationId: command.id,
    amountMinor,
    balanceAfterMinor: wallet.balanceMinor,
  };
}
