/**
 * A second opinion on every operation: the rules of API.md and DESIGN.md, written down once more in a few lines that
 * share nothing with the ledger but the words. It keeps its books as lists and adds them up anew whenever it is asked.
 */
import type { Command, KindName } from '../../shared/ledger/command.ts';

/** Fifteen nines: the most that fifteen significant digits can say. */
const MOST = 10n ** 15n - 1n;

export interface AuditedWallet {
  id: bigint;
  isBanks: boolean;
  currency: string;
  heldMinor: bigint;
  isFrozen: boolean;
  lines: { operationId: string; changeMinor: bigint }[];
}

export type Verdict = { said: 'applied'; debitSeq: number | null; creditSeq: number | null } | { said: string };

/** What is to be said of a kind: why not, or what it writes down. */
interface Rule {
  refusal: (command: Command, from?: AuditedWallet, to?: AuditedWallet) => string | undefined;
  book: (command: Command) => Verdict;
}

export interface Auditor {
  wallets: Map<bigint, AuditedWallet>;
  /** By operation id: the one final outcome. */
  verdicts: Map<string, Verdict>;
  /** By operation id: the hash of what a 202 has promised and what is not decided yet. */
  promised: Map<string, string>;
  /** Commands reach the ledger together, for the first time or again. `nowMs` is when. */
  hear: (commands: readonly Command[], nowMs: number) => void;
  /** A promise is asked for: what has expired by then gets none. */
  promise: (command: Command, nowMs: number) => void;
  balance: (walletId: bigint, lines?: number) => bigint;
}

export function createAuditor(list: readonly Pick<AuditedWallet, 'id' | 'isBanks' | 'currency'>[]): Auditor {
  const wallets: Auditor['wallets'] = new Map(
    list.map((each) => [each.id, { ...each, heldMinor: 0n, isFrozen: false, lines: [] }]),
  );
  const verdicts: Auditor['verdicts'] = new Map();
  const promised: Auditor['promised'] = new Map();

  const balance: Auditor['balance'] = (walletId, lines) =>
    (wallets.get(walletId)?.lines ?? []).slice(0, lines).reduce((sum, { changeMinor }) => sum + changeMinor, 0n);

  const write = (walletId: bigint, operationId: string, changeMinor: bigint): number =>
    wallets.get(walletId)!.lines.push({ operationId, changeMinor });

  /** From a bank's wallet or from a person's, into a person's. The documented order: the first that holds is the answer. */
  const paying = (byBank: boolean): Rule => ({
    refusal: ({ currency, amountMinor: amount }, from, to) => {
      if (!from || !to || to.isBanks || from.isBanks !== byBank) return 'wallet_not_found';
      if (from === to) return 'same_wallet';
      if (new Set([from.currency, to.currency, currency]).size > 1) return 'currency_mismatch';
      if (from.isFrozen) return 'wallet_frozen';
      const left = balance(from.id) - amount;
      if (!from.isBanks && left < from.heldMinor) return 'insufficient_funds';
      if (left < -MOST || balance(to.id) + amount > MOST) return 'balance_limit_exceeded';
      return undefined;
    },
    book: ({ id, debitWalletId, creditWalletId, amountMinor }) => ({
      said: 'applied',
      debitSeq: write(debitWalletId, id, -amountMinor),
      creditSeq: write(creditWalletId, id, amountMinor),
    }),
  });

  /** It moves nothing, and is a line all the same. */
  const freezing = (isFrozen: boolean): Rule => ({
    refusal: (_command, wallet) => (wallet ? undefined : 'wallet_not_found'),
    book: ({ id, debitWalletId }) => {
      wallets.get(debitWalletId)!.isFrozen = isFrozen;
      const seq = write(debitWalletId, id, 0n);
      return { said: 'applied', debitSeq: seq, creditSeq: seq };
    },
  });

  const rules: Record<KindName, Rule> = {
    deposit: paying(true),
    transfer: paying(false),
    freeze: freezing(true),
    unfreeze: freezing(false),
  };

  const judge = (command: Command, nowMs: number): Verdict => {
    if (!promised.has(command.id) && command.expiresAtMs < nowMs) return { said: 'expired' };
    const { refusal, book } = rules[command.kind];
    const said = refusal(command, wallets.get(command.debitWalletId), wallets.get(command.creditWalletId));
    return said === undefined ? book(command) : { said };
  };

  /** Has neither an outcome nor been beaten by a promise. */
  const isOpen = ({ id, requestHash }: Command): boolean =>
    !verdicts.has(id) && (promised.get(id) ?? requestHash) === requestHash;

  const hearOne = (command: Command, nowMs: number) => {
    if (!isOpen(command)) return;
    verdicts.set(command.id, judge(command, nowMs));
    promised.delete(command.id);
  };

  /** Written down item by item, and struck out again when any of it cannot be or is not there. */
  const hearList = (commands: readonly Command[], nowMs: number) => {
    const frozenBefore = new Map([...wallets.values()].map(({ id, isFrozen }) => [id, isFrozen]));
    const items = new Set(commands.filter(isOpen).map(({ id }) => id));
    for (const command of commands) hearOne(command, nowMs);
    const isComplete = commands.every(({ list: said }) => said?.size === items.size);
    if (isComplete && [...items].every((id) => verdicts.get(id)?.said === 'applied')) return;
    for (const wallet of wallets.values()) {
      wallet.lines = wallet.lines.filter(({ operationId }) => !items.has(operationId));
      wallet.isFrozen = frozenBefore.get(wallet.id)!;
    }
    for (const id of items) if (verdicts.get(id)?.said === 'applied') verdicts.set(id, { said: 'list_rejected' });
  };

  const hear: Auditor['hear'] = ([...commands], nowMs) => {
    while (commands.length > 0) {
      const name = commands[0]!.list?.id;
      const other = commands.findIndex((each) => each.list?.id !== name);
      if (name === undefined) hearOne(commands.shift()!, nowMs);
      else hearList(commands.splice(0, other < 0 ? commands.length : other), nowMs);
    }
  };

  return {
    wallets,
    verdicts,
    promised,
    hear,
    balance,
    promise: ({ id, requestHash, expiresAtMs }, nowMs) => {
      if (expiresAtMs >= nowMs && !verdicts.has(id) && !promised.has(id)) promised.set(id, requestHash);
    },
  };
}
