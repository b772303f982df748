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
  isFrozen: boolean;
  lines: { operationId: string; changeMinor: bigint; heldMinor: bigint }[];
}

interface AuditedHold {
  fromId: bigint;
  toId: bigint;
  amountMinor: bigint;
  takenMinor: bigint;
  freedMinor: bigint;
  state: 'open' | 'captured' | 'released' | 'expired';
  /** Its time was up as the so-manieth. */
  overdue: number | null;
}

export type Verdict = { said: 'applied'; debitSeq: number | null; creditSeq: number | null } | { said: string };

/** What is to be said of a kind: why not, or what it writes down. */
interface Rule {
  /** Whose client is told what is available. */
  tells?: (command: Command) => bigint;
  refusal: (command: Command, from?: AuditedWallet, to?: AuditedWallet) => string | undefined;
  book: (command: Command) => Verdict;
}

export interface Auditor {
  wallets: Map<bigint, AuditedWallet>;
  /** By the id of the operation that placed it. */
  holds: Map<string, AuditedHold>;
  /** By operation id: the one final outcome. */
  verdicts: Map<string, Verdict>;
  /** By operation id: the hash of what a 202 has promised and what is not decided yet. */
  promised: Map<string, string>;
  /** Commands reach the ledger together, for the first time or again. `nowMs` is when. */
  hear: (commands: readonly Command[], nowMs: number) => void;
  /** A promise is asked for: what has expired by then gets none. */
  promise: (command: Command, nowMs: number) => void;
  balance: (walletId: bigint, lines?: number) => bigint;
  held: (walletId: bigint, lines?: number) => bigint;
  /** Its time is up. */
  timeOut: (holdId: string) => void;
  /** All whose time is up are written off. */
  sweep: () => void;
}

/** What the expiry of a hold is called in the lines. */
export function expiryOf(holdId: string): string {
  return `expiry of ${holdId}`;
}

export function createAuditor(list: readonly Pick<AuditedWallet, 'id' | 'isBanks' | 'currency'>[]): Auditor {
  const wallets: Auditor['wallets'] = new Map(list.map((each) => [each.id, { ...each, isFrozen: false, lines: [] }]));
  const holds: Auditor['holds'] = new Map();
  const verdicts: Auditor['verdicts'] = new Map();
  const promised: Auditor['promised'] = new Map();

  const linesOf = (walletId: bigint, lines?: number) => (wallets.get(walletId)?.lines ?? []).slice(0, lines);
  const balance: Auditor['balance'] = (walletId, lines) =>
    linesOf(walletId, lines).reduce((sum, { changeMinor }) => sum + changeMinor, 0n);
  const held: Auditor['held'] = (walletId, lines) =>
    linesOf(walletId, lines).reduce((sum, { heldMinor }) => sum + heldMinor, 0n);

  const write = (walletId: bigint, operationId: string, changeMinor: bigint, heldMinor = 0n): number =>
    wallets.get(walletId)!.lines.push({ operationId, changeMinor, heldMinor });

  /** From a bank's wallet or from a person's, into a person's. The documented order: the first that holds is the answer. */
  const paying = (byBank: boolean): Rule => ({
    refusal: ({ currency, amountMinor: amount }, from, to) => {
      if (!from || !to || to.isBanks || from.isBanks !== byBank) return 'wallet_not_found';
      if (from === to) return 'same_wallet';
      if (new Set([from.currency, to.currency, currency]).size > 1) return 'currency_mismatch';
      if (from.isFrozen) return 'wallet_frozen';
      const left = balance(from.id) - amount;
      if (!from.isBanks && left < held(from.id)) return 'insufficient_funds';
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

  const holding: Rule = {
    tells: ({ debitWalletId }) => debitWalletId,
    refusal: ({ currency, amountMinor: amount }, from, to) => {
      if (!from || !to || to.isBanks || from.isBanks) return 'wallet_not_found';
      if (from === to) return 'same_wallet';
      if (new Set([from.currency, to.currency, currency]).size > 1) return 'currency_mismatch';
      if (from.isFrozen) return 'wallet_frozen';
      return balance(from.id) - held(from.id) < amount ? 'insufficient_funds' : undefined;
    },
    book: ({ id, debitWalletId: fromId, creditWalletId: toId, amountMinor }) => {
      holds.set(id, {
        ...{ fromId, toId, amountMinor, takenMinor: 0n, freedMinor: 0n },
        ...{ state: 'open', overdue: null },
      });
      return { said: 'applied', debitSeq: write(fromId, id, 0n, amountMinor), creditSeq: write(toId, id, 0n) };
    },
  };

  const restOf = ({ amountMinor, takenMinor, freedMinor }: AuditedHold) => amountMinor - takenMinor - freedMinor;

  /** By whom it is for: to take some of what is held, and perhaps let the rest go, or to let some go. */
  const resolving = (takes: boolean): Rule => ({
    tells: ({ creditWalletId }) => creditWalletId,
    refusal: ({ currency, claimId, amountMinor }, from, to) => {
      if (!from || !to) return 'wallet_not_found';
      const it = holds.get(claimId ?? '');
      if (!it || it.fromId !== from.id || it.toId !== to.id || currency !== from.currency) return 'hold_not_found';
      if (it.state === 'expired' || (it.state === 'open' && it.overdue !== null)) return 'hold_expired';
      if (it.state !== 'open') return 'hold_not_open';
      if (takes && from.isFrozen) return 'wallet_frozen';
      const asked = amountMinor || restOf(it);
      if (asked > restOf(it)) return 'amount_exceeds_remaining';
      return takes && balance(to.id) + asked > MOST ? 'balance_limit_exceeded' : undefined;
    },
    book: ({ id, claimId, amountMinor, terms }) => {
      const it = holds.get(claimId!)!;
      const asked = amountMinor || restOf(it);
      const taken = takes ? asked : 0n;
      const freed = takes ? (terms?.['isFinal'] === false ? 0n : restOf(it) - asked) : asked;
      it.takenMinor += taken;
      it.freedMinor += freed;
      if (restOf(it) === 0n) it.state = takes ? 'captured' : 'released';
      return {
        said: 'applied',
        debitSeq: write(it.fromId, id, -taken, -taken - freed),
        creditSeq: write(it.toId, id, taken),
      };
    },
  });

  const rules: Record<KindName, Rule> = {
    deposit: paying(true),
    transfer: paying(false),
    freeze: freezing(true),
    unfreeze: freezing(false),
    hold: holding,
    capture: resolving(true),
    release: resolving(false),
    hold_expiry: {
      refusal: () => 'nobody may ask for it',
      book: () => {
        throw new Error('nobody may ask for it');
      },
    },
  };

  const overdueOf = (walletId?: bigint) =>
    [...holds]
      .filter(([, it]) => it.state === 'open' && it.overdue !== null && (walletId ?? it.fromId) === it.fromId)
      .sort(([, one], [, other]) => one.overdue! - other.overdue!);

  const writeOff = (walletId?: bigint) => {
    for (const [id, it] of overdueOf(walletId)) {
      write(it.fromId, expiryOf(id), 0n, -restOf(it));
      write(it.toId, expiryOf(id), 0n);
      it.freedMinor += restOf(it);
      it.state = 'expired';
    }
  };

  /** `missed` notes whose overdue holds have made a difference: then it is all said again once they are written off. */
  const judge = (command: Command, nowMs: number, missed: Set<bigint>): Verdict => {
    if (!promised.has(command.id) && command.expiresAtMs < nowMs) return { said: 'expired' };
    const { refusal, book, tells } = rules[command.kind];
    const said = refusal(command, wallets.get(command.debitWalletId), wallets.get(command.creditWalletId));
    const asker = said === 'insufficient_funds' ? command.debitWalletId : said === undefined && tells?.(command);
    if (asker && overdueOf(asker).length > 0) missed.add(asker);
    return said === undefined ? book(command) : { said };
  };

  /** Has neither an outcome nor been beaten by a promise. */
  const isOpen = ({ id, requestHash }: Command): boolean =>
    !verdicts.has(id) && (promised.get(id) ?? requestHash) === requestHash;

  /** The books as they are: what it answers brings them back. */
  const remember = () => {
    const then = [...wallets.values()].map((wallet) => ({
      ...{ wallet, isFrozen: wallet.isFrozen, lines: wallet.lines.length },
    }));
    const held = new Map([...holds].map(([id, it]) => [id, { ...it }]));
    return () => {
      for (const { wallet, isFrozen, lines } of then) {
        wallet.isFrozen = isFrozen;
        wallet.lines.length = lines;
      }
      refill(holds, held);
    };
  };

  const hearOne = (command: Command, nowMs: number, missed: Set<bigint>) => {
    if (!isOpen(command)) return;
    verdicts.set(command.id, judge(command, nowMs, missed));
    promised.delete(command.id);
  };

  /** Written down item by item, and struck out again when any of it cannot be or is not there. */
  const hearList = (commands: readonly Command[], nowMs: number, missed: Set<bigint>) => {
    const strikeOut = remember();
    const items = new Set(commands.filter(isOpen).map(({ id }) => id));
    for (const command of commands) hearOne(command, nowMs, missed);
    const isComplete = commands.every(({ list: said }) => said?.size === items.size);
    if (isComplete && [...items].every((id) => verdicts.get(id)?.said === 'applied')) return;
    strikeOut();
    for (const id of items) if (verdicts.get(id)?.said === 'applied') verdicts.set(id, { said: 'list_rejected' });
  };

  const hearAll = ([...commands]: readonly Command[], nowMs: number, missed: Set<bigint>) => {
    while (commands.length > 0) {
      const name = commands[0]!.list?.id;
      const other = commands.findIndex((each) => each.list?.id !== name);
      if (name === undefined) hearOne(commands.shift()!, nowMs, missed);
      else hearList(commands.splice(0, other < 0 ? commands.length : other), nowMs, missed);
    }
  };

  const hear: Auditor['hear'] = (commands, nowMs) => {
    const strikeOut = remember();
    const [said, asked] = [new Map(verdicts), new Map(promised)];
    const missed = new Set<bigint>();
    hearAll(commands, nowMs, missed);
    if (missed.size === 0) return;
    strikeOut();
    refill(verdicts, said);
    refill(promised, asked);
    for (const walletId of missed) writeOff(walletId);
    hear(commands, nowMs);
  };

  return {
    wallets,
    holds,
    verdicts,
    promised,
    hear,
    balance,
    held,
    timeOut: (holdId) => {
      holds.get(holdId)!.overdue = [...holds.values()].filter(({ overdue }) => overdue !== null).length;
    },
    sweep: () => writeOff(),
    promise: ({ id, requestHash, expiresAtMs }, nowMs) => {
      if (expiresAtMs >= nowMs && !verdicts.has(id) && !promised.has(id)) promised.set(id, requestHash);
    },
  };
}

function refill<K, V>(map: Map<K, V>, from: ReadonlyMap<K, V>): void {
  map.clear();
  for (const [key, value] of from) map.set(key, value);
}
