/**
 * The one place that decides about money. Pure: commands and the state of the locked wallets in, outcomes, entries and
 * new balances out. It reads no clock and does no I/O, so that it can be checked exhaustively and replayed.
 */
import { LIMIT_MINOR } from './money.ts';
import { inUnits } from './command.ts';
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

/** The wallets as they are by now, and what has happened to them. */
interface Course {
  outcomes: Outcome[];
  entries: Entry[];
  changed: Map<bigint, WalletState>;
}

/**
 * Decides `commands` in order, each on the balances that the ones before it left. A command whose id has an outcome
 * already, in the store or earlier in `commands`, is dropped without a trace: it is a second delivery. The items of an
 * atomic list are applied only if the whole list is here and none of it is refused.
 */
export function decide(commands: readonly Command[], state: LedgerState, nowMs: number): Decision {
  const decidedIds = new Set(state.storedIds);
  const course: Course = { outcomes: [], entries: [], changed: new Map() };

  for (const unit of inUnits(commands)) {
    const open = unit.filter((command) => {
      const promisedHash = state.promisedHashes.get(command.id);
      if (decidedIds.has(command.id)) return false;
      if (promisedHash !== undefined && promisedHash !== command.requestHash) return false;
      decidedIds.add(command.id);
      return true;
    });
    if (unit[0]?.list) decideList(open, state, nowMs, course);
    else for (const command of open) decideOne(command, state, nowMs, course);
  }
  return { outcomes: course.outcomes, entries: course.entries, wallets: [...course.changed.values()] };
}

/** Takes the items' course as far as it goes, and makes it the common one only when every item has been applied. */
function decideList(items: readonly Command[], state: LedgerState, nowMs: number, course: Course): void {
  const isWhole = items.every(({ list }) => list?.size === items.length);
  const trial: Course = { outcomes: [], entries: [], changed: new Map(course.changed) };
  for (const item of items) decideOne(item, state, nowMs, trial);
  if (isWhole && trial.outcomes.every(({ status }) => status === 'applied')) {
    course.outcomes.push(...trial.outcomes);
    course.entries.push(...trial.entries);
    course.changed = trial.changed;
    return;
  }
  for (const outcome of trial.outcomes) {
    const isRefused = outcome.status === 'rejected';
    course.outcomes.push(isRefused ? outcome : reject(outcome.command, 'list_rejected'));
  }
}

function decideOne(command: Command, state: LedgerState, nowMs: number, course: Course): void {
  if (nowMs > command.expiresAtMs && !state.promisedHashes.has(command.id)) {
    course.outcomes.push(reject(command, 'expired'));
    return;
  }
  const debit = course.changed.get(command.debitWalletId) ?? state.wallets.get(command.debitWalletId);
  const credit = course.changed.get(command.creditWalletId) ?? state.wallets.get(command.creditWalletId);
  if (command.kind === 'freeze' || command.kind === 'unfreeze') freeze(command, debit, course);
  else move(command, debit, credit, course);
}

function move(
  command: Command,
  debit: WalletState | undefined,
  credit: WalletState | undefined,
  { outcomes, entries, changed }: Course,
): void {
  const verdict = judge(command, debit, credit);
  if (typeof verdict === 'string') {
    outcomes.push(reject(command, verdict));
    return;
  }
  const debited = post(verdict.debit, -command.amountMinor);
  const credited = post(verdict.credit, command.amountMinor);
  for (const wallet of [debited, credited]) changed.set(wallet.id, wallet);
  entries.push(entryOf(command, debited, -command.amountMinor), entryOf(command, credited, command.amountMinor));
  outcomes.push({ command, status: 'applied', debitSeq: debited.version, creditSeq: credited.version });
}

/** Freezing what is frozen already is applied too: it is so, as was asked. */
function freeze(command: Command, wallet: WalletState | undefined, { outcomes, changed }: Course): void {
  if (!wallet) {
    outcomes.push(reject(command, 'wallet_not_found'));
    return;
  }
  changed.set(wallet.id, { ...wallet, isFrozen: command.kind === 'freeze' });
  outcomes.push({ command, status: 'applied', debitSeq: null, creditSeq: null });
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
  if (debit.isFrozen) return 'wallet_frozen';
  if (debit.kind === 'customer' && debit.balanceMinor - debit.heldMinor < command.amountMinor) {
    return 'insufficient_funds';
  }
  if (debit.balanceMinor - command.amountMinor < -LIMIT_MINOR) return 'balance_limit_exceeded';
  if (credit.balanceMinor + command.amountMinor > LIMIT_MINOR) return 'balance_limit_exceeded';
  return { debit, credit };
}

function reject(command: Command, reason: RejectionReason): Outcome {
  return { command, status: 'rejected', reason };
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
