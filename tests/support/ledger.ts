/**
 * Wallets, commands and books for the ledger's pure decision, without a database: a bank, and two customers of whom the
 * first has ten roubles, unless a test says otherwise.
 */
import { decide } from '../../shared/ledger/decide.ts';
import type { Decision, LedgerState } from '../../shared/ledger/decide.ts';
import type { Command, RejectionReason, WalletState } from '../../shared/ledger/command.ts';

export const NOW_MS = 1_790_000_000_000;
export const BANK = 1n;
export const ANNA = 11n;
export const BORIS = 12n;

export function wallet(id: bigint, changes: Partial<WalletState> = {}): WalletState {
  return {
    ...{ id, kind: 'customer', currency: 'RUB', balanceMinor: 0n, heldMinor: 0n, isFrozen: false, version: 0n },
    nextExpiryMs: null,
    ...changes,
  };
}

export function uuid(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
}

let lastId = 0;
export function command(changes: Partial<Command> = {}): Command {
  lastId += 1;
  return {
    id: uuid(lastId),
    kind: 'transfer',
    debitWalletId: ANNA,
    creditWalletId: BORIS,
    amountMinor: 100n,
    currency: 'RUB',
    details: null,
    externalId: null,
    initiatorId: 7n,
    requestId: uuid(0xffff),
    requestHash: 'a'.repeat(64),
    acceptedAtMs: NOW_MS - 1_000,
    expiresAtMs: NOW_MS + 600_000,
    ...changes,
  };
}

export function deposit(changes: Partial<Command> = {}): Command {
  return command({ kind: 'deposit', debitWalletId: BANK, creditWalletId: ANNA, ...changes });
}

export function freeze(walletId: bigint, changes: Partial<Command> = {}): Command {
  return command({ kind: 'freeze', debitWalletId: walletId, creditWalletId: walletId, amountMinor: 0n, ...changes });
}

export function unfreeze(walletId: bigint): Command {
  return freeze(walletId, { kind: 'unfreeze' });
}

let lastList = 0;
/** The items, made into one atomic list. */
export function listed(items: Command[], size = items.length): Command[] {
  lastList += 1;
  const list = { id: uuid(0xa_0000_0000 + lastList), size };
  return items.map((item) => ({ ...item, list }));
}

export function book(wallets: WalletState[], changes: Partial<LedgerState> = {}): LedgerState {
  return {
    wallets: new Map(wallets.map((each) => [each.id, each])),
    storedIds: new Set(),
    promisedHashes: new Map(),
    ...changes,
  };
}

/** A bank, and two customers of whom the first has ten roubles. */
export function usualBook(changes: Partial<LedgerState> = {}): LedgerState {
  return book(
    [
      wallet(BANK, { kind: 'settlement', balanceMinor: -1_000n, version: 1n }),
      wallet(ANNA, { balanceMinor: 1_000n, version: 1n }),
      wallet(BORIS),
    ],
    changes,
  );
}

export function reasons(decision: Decision): (RejectionReason | 'applied')[] {
  return decision.outcomes.map((outcome) => (outcome.status === 'applied' ? 'applied' : outcome.reason));
}

export function reasonOf(one: Command, state: LedgerState): RejectionReason | 'applied' | undefined {
  return reasons(decide([one], state, NOW_MS))[0];
}

export const NOTHING: Decision = { outcomes: [], entries: [], wallets: [], claims: [], dueWalletIds: [] };

/** The state in which the commands after `decision` find the ledger. */
export function after(state: LedgerState, decision: Decision): LedgerState {
  const wallets = new Map(state.wallets);
  for (const each of decision.wallets) wallets.set(each.id, each);
  const storedIds = new Set([...state.storedIds, ...decision.outcomes.map((outcome) => outcome.command.id)]);
  return { ...state, wallets, storedIds };
}
