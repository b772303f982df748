/**
 * The one place that decides about money. Pure: commands and the state of the locked wallets in, outcomes, entries and
 * new balances out. It reads no clock and does no I/O, so that it can be checked exhaustively and replayed. What a kind
 * of operation may do and does is said in `kinds.ts`; here is what holds for all of them: an operation happens once, an
 * expired command never, a list whole or not at all, and money is neither made nor lost.
 */
import { openBook } from './book.ts';
import type { Book } from './book.ts';
import { inUnits } from './command.ts';
import type { Command, Entry, Outcome, RejectionReason, WalletState } from './command.ts';
import { KINDS, judgeParties } from './kinds.ts';

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
 * already, in the store or earlier in `commands`, is dropped without a trace: it is a second delivery. The items of an
 * atomic list are applied only if the whole list is here and none of it is refused.
 */
export function decide(commands: readonly Command[], state: LedgerState, nowMs: number): Decision {
  const decidedIds = new Set(state.storedIds);
  const book = openBook({ wallet: (id) => state.wallets.get(id) });
  const outcomes: Outcome[] = [];
  const isExpired = ({ id, expiresAtMs }: Command) => nowMs > expiresAtMs && !state.promisedHashes.has(id);

  for (const unit of inUnits(commands)) {
    const open = unit.filter((command) => {
      const promisedHash = state.promisedHashes.get(command.id);
      if (decidedIds.has(command.id)) return false;
      if (promisedHash !== undefined && promisedHash !== command.requestHash) return false;
      decidedIds.add(command.id);
      return true;
    });
    const decideOn = (on: Book) => open.map((command) => decideOne(command, on, isExpired(command)));
    if (!unit[0]?.list) outcomes.push(...decideOn(book));
    else {
      const trial = openBook(book);
      const tried = decideOn(trial);
      const isWhole = open.every(({ list }) => list?.size === open.length);
      if (isWhole && tried.every(({ status }) => status === 'applied')) {
        book.take(trial);
        outcomes.push(...tried);
      } else outcomes.push(...tried.map(refusedWithList));
    }
  }
  return { outcomes, entries: book.entries, wallets: [...book.changed.values()] };
}

/** The first reason that holds, in the order that `REJECTION_REASONS` documents, or the operation, booked. */
function decideOne(command: Command, book: Book, isExpired: boolean): Outcome {
  if (isExpired) return reject(command, 'expired');
  const { debitWalletId, creditWalletId } = command;
  const wallets = judgeParties(command, { debit: book.wallet(debitWalletId), credit: book.wallet(creditWalletId) });
  if (typeof wallets === 'string') return reject(command, wallets);
  const effect = KINDS[command.kind].decide(command, wallets);
  if (typeof effect === 'string') return reject(command, effect);
  const rows = book.post(command, effect);
  const seqOf = (walletId: bigint) => rows.find((row) => row.walletId === walletId)?.seq ?? null;
  return { command, status: 'applied', debitSeq: seqOf(debitWalletId), creditSeq: seqOf(creditWalletId) };
}

/** An item of a list that is not applied: by its own reason, or for the others. */
function refusedWithList(outcome: Outcome): Outcome {
  return outcome.status === 'rejected' ? outcome : reject(outcome.command, 'list_rejected');
}

function reject(command: Command, reason: RejectionReason): Outcome {
  return { command, status: 'rejected', reason };
}
