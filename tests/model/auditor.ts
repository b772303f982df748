/**
 * A second opinion on every operation: the rules of API.md and DESIGN.md, written down once more in a few lines that
 * share nothing with the ledger but the words. It keeps its books as lists and adds them up anew whenever it is asked.
 */
import type { Command } from '../../shared/ledger/command.ts';

/** Fifteen nines: the most that fifteen significant digits can say. */
const MOST = 10n ** 15n - 1n;

export interface AuditedWallet {
  id: bigint;
  isBanks: boolean;
  currency: string;
  heldMinor: bigint;
  lines: { operationId: string; changeMinor: bigint }[];
}

export type Verdict = { said: 'applied'; debitSeq: number; creditSeq: number } | { said: string };

export interface Auditor {
  wallets: Map<bigint, AuditedWallet>;
  /** By operation id: the one final outcome. */
  verdicts: Map<string, Verdict>;
  /** By operation id: the hash of what a 202 has promised and what is not decided yet. */
  promised: Map<string, string>;
  /** A command reaches the ledger, for the first time or again. `nowMs` is when. */
  hear: (command: Command, nowMs: number) => void;
  promise: (command: Command) => void;
  balance: (walletId: bigint, lines?: number) => bigint;
}

export function createAuditor(list: readonly Pick<AuditedWallet, 'id' | 'isBanks' | 'currency'>[]): Auditor {
  const wallets: Auditor['wallets'] = new Map(list.map((each) => [each.id, { ...each, heldMinor: 0n, lines: [] }]));
  const verdicts: Auditor['verdicts'] = new Map();
  const promised: Auditor['promised'] = new Map();

  const balance: Auditor['balance'] = (walletId, lines) =>
    (wallets.get(walletId)?.lines ?? []).slice(0, lines).reduce((sum, { changeMinor }) => sum + changeMinor, 0n);

  /** The documented order: the first that holds is the answer. */
  const refusal = (command: Command, nowMs: number): string | undefined => {
    const from = wallets.get(command.debitWalletId);
    const to = wallets.get(command.creditWalletId);
    const amount = command.amountMinor;
    if (!promised.has(command.id) && command.expiresAtMs < nowMs) return 'expired';
    if (!from || !to || to.isBanks || from.isBanks !== (command.kind === 'deposit')) return 'wallet_not_found';
    if (from === to) return 'same_wallet';
    if (new Set([from.currency, to.currency, command.currency]).size > 1) return 'currency_mismatch';
    const left = balance(from.id) - amount;
    if (!from.isBanks && left < from.heldMinor) return 'insufficient_funds';
    if (left < -MOST || balance(to.id) + amount > MOST) return 'balance_limit_exceeded';
    return undefined;
  };

  const hear: Auditor['hear'] = (command, nowMs) => {
    const { id, amountMinor } = command;
    if (verdicts.has(id) || (promised.get(id) ?? command.requestHash) !== command.requestHash) return;
    const reason = refusal(command, nowMs);
    promised.delete(id);
    if (reason !== undefined) {
      verdicts.set(id, { said: reason });
      return;
    }
    const write = (walletId: bigint, changeMinor: bigint) =>
      wallets.get(walletId)!.lines.push({ operationId: id, changeMinor });
    const debitSeq = write(command.debitWalletId, -amountMinor);
    const creditSeq = write(command.creditWalletId, amountMinor);
    verdicts.set(id, { said: 'applied', debitSeq, creditSeq });
  };

  return {
    wallets,
    verdicts,
    promised,
    hear,
    balance,
    promise: ({ id, requestHash }) => {
      if (!verdicts.has(id) && !promised.has(id)) promised.set(id, requestHash);
    },
  };
}
