/**
 * The one place that decides about money. Pure: commands and the state of the locked wallets in, outcomes, entries and
 * new balances out. It reads no clock and does no I/O, so that it can be checked exhaustively and replayed. What a kind
 * of operation may do and does is said in `kinds.ts`; here is what holds for all of them: an operation happens once, an
 * expired command never, a list whole or not at all, and money is neither made nor lost.
 */
import { claimIdOf, isAbout, openBook } from './book.ts';
import type { Book } from './book.ts';
import type { Claim } from './claim.ts';
import { inUnits } from './command.ts';
import type { Command, Entry, Outcome, RejectionReason, WalletState } from './command.ts';
import { KINDS, judgeParties } from './kinds.ts';
import type { Kinds } from './kinds.ts';

/** What is known when commands are decided: read under the wallets' row locks. */
export interface LedgerState {
  wallets: ReadonlyMap<bigint, WalletState>;
  /** Ids of operations that already have an outcome: their commands are dropped. */
  storedIds: ReadonlySet<string>;
  /** Request hash by id of what a 202 has promised: the promised command wins over another body under its key. */
  promisedHashes: ReadonlyMap<string, string>;
  /** By id: what the commands are about; none where no kind is about a claim. */
  claims?: ReadonlyMap<string, Claim>;
}

export interface Decision {
  outcomes: Outcome[];
  entries: Entry[];
  /** The wallets that changed, as they are after the last outcome. */
  wallets: WalletState[];
  /** The claims that were opened or changed, likewise. */
  claims: Claim[];
  /**
   * Wallets that hold money which may be free by now, where that has made a difference: for want of funds, or in what is told
   * to be available. Expire it, and decide again.
   */
  dueWalletIds: bigint[];
}

/**
 * Decides `commands` in order, each on the balances that the ones before it left. A command whose id has an outcome
 * already, in the store or earlier in `commands`, is dropped without a trace: it is a second delivery. The items of an
 * atomic list are applied only if the whole list is here and none of it is refused.
 */
export function decide(
  commands: readonly Command[],
  state: LedgerState,
  nowMs: number,
  kinds: Kinds = KINDS,
): Decision {
  const decidedIds = new Set(state.storedIds);
  const book = openBook({ wallet: (id) => state.wallets.get(id), claim: (id) => state.claims?.get(id) });
  const outcomes: Outcome[] = [];
  const due = new Set<bigint>();
  const isExpired = ({ id, expiresAtMs }: Command) => nowMs > expiresAtMs && !state.promisedHashes.has(id);
  const decideOn = (on: Book) => (command: Command) =>
    isExpired(command) ? reject(command, 'expired') : decideOne(command, on, { nowMs, kinds, due });

  for (const unit of inUnits(commands)) {
    const open = unit.filter((command) => {
      const promisedHash = state.promisedHashes.get(command.id);
      if (decidedIds.has(command.id)) return false;
      if (promisedHash !== undefined && promisedHash !== command.requestHash) return false;
      decidedIds.add(command.id);
      return true;
    });
    if (!unit[0]?.list) outcomes.push(...open.map(decideOn(book)));
    else {
      const trial = openBook(book);
      const tried = open.map(decideOn(trial));
      const isWhole = open.every(({ list }) => list?.size === open.length);
      if (isWhole && tried.every(({ status }) => status === 'applied')) {
        book.take(trial);
        outcomes.push(...tried);
      } else outcomes.push(...tried.map(refusedWithList));
    }
  }
  const { wallets, claims } = book.changed;
  return {
    ...{ outcomes, entries: book.entries, wallets: [...wallets.values()], claims: [...claims.values()] },
    dueWalletIds: [...due],
  };
}

interface Deciding {
  nowMs: number;
  kinds: Kinds;
  /** Where `Decision.dueWalletIds` are noted. */
  due: Set<bigint>;
}

/** The first reason that holds, in the order that `REJECTION_REASONS` documents, or the operation, booked. */
function decideOne(command: Command, book: Book, { nowMs, kinds, due }: Deciding): Outcome {
  const { debitWalletId, creditWalletId } = command;
  const parties = { debit: book.wallet(debitWalletId), credit: book.wallet(creditWalletId) };
  const wallets = judgeParties(command, parties, kinds);
  if (typeof wallets === 'string') return reject(command, wallets);
  const kind = kinds[command.kind];
  const claim = kind.claim === undefined ? undefined : claimOf(command, kind.claim, book);
  const effect = kind.decide(command, { ...wallets, claim, nowMs });
  const isDue = ({ nextExpiryMs }: WalletState) => nextExpiryMs !== null && nextExpiryMs <= nowMs;
  if (effect === 'insufficient_funds' && isDue(wallets.debit)) due.add(wallets.debit.id);
  if (typeof effect === 'string') return reject(command, effect);
  if (kind.tellsAvailable && isDue(wallets[kind.tells])) due.add(wallets[kind.tells].id);
  const rows = book.post(command, effect);
  const seqOf = (walletId: bigint) => rows.find((row) => row.walletId === walletId)?.seq ?? null;
  return {
    ...{ command, status: 'applied', amountMinor: effect.amountMinor ?? command.amountMinor },
    ...{ debitSeq: seqOf(debitWalletId), creditSeq: seqOf(creditWalletId) },
    ...(effect.result && { result: effect.result }),
  };
}

/** Nothing where the command names a claim of another type, of other sides, or one that its wallets do not guard. */
function claimOf(command: Command, type: string, book: Book): Claim | undefined {
  const claim = book.claim(claimIdOf(command));
  return claim?.type === type && isAbout(command, claim) ? claim : undefined;
}

/** An item of a list that is not applied: by its own reason, or for the others. */
function refusedWithList(outcome: Outcome): Outcome {
  return outcome.status === 'rejected' ? outcome : reject(outcome.command, 'list_rejected');
}

function reject(command: Command, reason: RejectionReason): Outcome {
  return { command, status: 'rejected', reason };
}
