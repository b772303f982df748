/** A small history that is sound in every way, and the pieces to make another, for whoever has to break one. */
import type { Books, EntryRow } from './books.ts';
import { check } from './checker.ts';
import type { Answer, Attempt, FaultRecord, History, Lost, Operation, Read } from './history.ts';

const BANK = 1;
export const ANN = 2;
export const BOB = 3;

/** Two promises at a time are the bound. */
export const LIMITS = { takeoverMs: 6_000, partitions: 4, maxPending: 2 };

export interface World {
  history: History;
  books: Books;
}

/** Every rule that the checker finds broken, once. */
export function rulesOf({ history, books }: World): string[] {
  return [...new Set(check(history, books, LIMITS).violations.map(({ rule }) => rule))];
}

/** Ann is given 100 and pays Bob 30; then she asks for 500, which she does not have. Every answer was told as it is. */
export function soundWorld(): World {
  const history: History = {
    operations: [
      operation('gift', 'deposit', BANK, ANN, 100, [answered(0, 50, applied('gift', ANN, 100))]),
      operation('rent', 'transfer', ANN, BOB, 30, [answered(100, 150, applied('rent', ANN, 70))]),
      operation('dream', 'transfer', ANN, BOB, 500, [
        answered(200, 250, { status: 422, code: 'insufficient_funds', operationId: 'dream' }),
      ]),
    ],
    reads: [
      look(60, 70, [[1, 'gift', 100, 100]]),
      look(160, 170, [
        [2, 'rent', -30, 70],
        [1, 'gift', 100, 100],
      ]),
    ],
    faults: [],
    deaths: [],
  };
  const books: Books = {
    operations: [
      row('gift', 'deposit', BANK, ANN, 100, [1, 1], 40, 0),
      row('rent', 'transfer', ANN, BOB, 30, [2, 1], 140, 100),
      {
        ...row('dream', 'transfer', ANN, BOB, 500, [null, null], 240, 200),
        status: 'rejected',
        reason: 'insufficient_funds',
      },
    ],
    entries: [
      entry(BANK, 1, 'gift', -100, -100),
      entry(ANN, 1, 'gift', 100, 100),
      entry(ANN, 2, 'rent', -30, 70),
      entry(BOB, 1, 'rent', 30, 30),
    ],
    wallets: [
      { id: BANK, kind: 'settlement', currency: 'RUB', balanceMinor: -100, version: 1, isFrozen: false },
      { id: ANN, kind: 'customer', currency: 'RUB', balanceMinor: 70, version: 2, isFrozen: false },
      { id: BOB, kind: 'customer', currency: 'RUB', balanceMinor: 30, version: 1, isFrozen: false },
    ],
    pendingIds: [],
  };
  return { history, books };
}

/** Ann pays Bob 10 and 20 in one list, after the rent; `over` goes over both rows. */
export function listWorld(over: Partial<Books['operations'][number]> = {}): World {
  const world = soundWorld();
  const { history, books } = world;
  for (const [index, amountMinor] of [10, 20].entries()) {
    const name = `pair.${index}`;
    const balanceMinor = [60, 40][index] ?? 0;
    const told = over.reason ? { status: 422, code: over.reason, operationId: name } : applied(name, ANN, balanceMinor);
    const item = operation(name, 'transfer', ANN, BOB, amountMinor, [answered(300, 350, told)]);
    history.operations.push({ ...item, list: 'pair' });
    const seqs: [number, number] = [3 + index, 2 + index];
    books.operations.push({ ...row(name, 'transfer', ANN, BOB, amountMinor, seqs, 340, 300), ...over });
    if (over.status === 'rejected') continue;
    books.entries.push(entry(ANN, seqs[0], name, -amountMinor, balanceMinor));
    books.entries.push(entry(BOB, seqs[1], name, amountMinor, 70 - balanceMinor + 30));
  }
  const isApplied = over.status !== 'rejected';
  if (isApplied) books.wallets[1] = { ...books.wallets[1]!, balanceMinor: 40, version: 4 };
  if (isApplied) books.wallets[2] = { ...books.wallets[2]!, balanceMinor: 60, version: 3 };
  return world;
}

/** Ann's wallet is frozen from 300 to 500; in between she is refused a payment of 1. */
export function frozenWorld(): World {
  const world = soundWorld();
  const { history, books } = world;
  const order = (kind: 'freeze' | 'unfreeze', seq: number, atMs: number) => {
    const isFrozen = kind === 'freeze';
    const told = { status: 200, operationId: kind, walletId: ANN, word: 'OK', isFrozen };
    history.operations.push(operation(kind, kind, ANN, ANN, 0, [answered(atMs, atMs + 50, told)]));
    books.operations.push(row(kind, kind, ANN, ANN, 0, [seq, seq], atMs + 40, atMs));
    books.entries.push(entry(ANN, seq, kind, 0, 70));
  };
  order('freeze', 3, 300);
  order('unfreeze', 4, 500);
  books.wallets[1] = { ...books.wallets[1]!, version: 4 };
  const told = { status: 422, code: 'wallet_frozen', operationId: 'tea' };
  history.operations.push(operation('tea', 'transfer', ANN, BOB, 1, [answered(400, 450, told)]));
  books.operations.push({
    ...row('tea', 'transfer', ANN, BOB, 1, [null, null], 440, 400),
    ...{ status: 'rejected', reason: 'wallet_frozen' },
  });
  return world;
}

export function operation(
  name: string,
  kind: Operation['kind'],
  payerWalletId: number,
  walletId: number,
  amountMinor: number,
  attempts: Attempt[],
): Operation {
  return { name, identity: 'key', kind, payerWalletId, own: { walletId, amountMinor, details: name }, attempts };
}

/** Its request is called by when it was sent. */
export function answered(
  sentAtMs: number,
  endedAtMs: number,
  result: Answer | Lost,
  over: Partial<Attempt> = {},
): Attempt {
  const told = 'lost' in result ? result : { requestId: requestAt(sentAtMs), ...result };
  return { what: 'send', which: 'own', api: 0, sentAtMs, endedAtMs, result: told, ...over };
}

function requestAt(sentAtMs: number): string {
  return `the request of ${sentAtMs}`;
}

export function applied(operationId: string, walletId: number, balanceMinor: number): Answer {
  return { status: 200, operationId, walletId, balanceMinor, word: 'OK' };
}

export function look(sentAtMs: number, endedAtMs: number, listed: [number, string, number, number][]): Read {
  const entries = listed.map(([seq, operationId, amountMinor, balanceMinor]) => {
    return { seq, operationId, amountMinor, balanceMinor };
  });
  const result = { status: 200, balanceMinor: entries[0]?.balanceMinor ?? 0, entries };
  return { reader: 'reader', walletId: ANN, api: 0, sentAtMs, endedAtMs, result };
}

/** Decided for the request that was sent at `sentAtMs`. */
export function row(
  id: string,
  kind: string,
  debitWalletId: number,
  creditWalletId: number,
  amountMinor: number,
  [debitSeq, creditSeq]: [number | null, number | null],
  appliedAtMs: number,
  sentAtMs: number,
): Books['operations'][number] {
  return {
    ...{ id, kind, status: 'applied', reason: null, debitWalletId, creditWalletId, amountMinor, details: id },
    ...{
      externalId: null,
      requestId: requestAt(sentAtMs),
      debitSeq,
      creditSeq,
      acceptedAtMs: appliedAtMs - 10,
      appliedAtMs,
    },
  };
}

export function entry(
  walletId: number,
  seq: number,
  operationId: string,
  amountMinor: number,
  balanceAfterMinor: number,
): EntryRow {
  return { walletId, seq, operationId, amountMinor, balanceAfterMinor };
}

export function fault(kind: string, startMs: number, endMs: number, target = 'worker0'): FaultRecord {
  return { kind, target, startMs, endMs };
}
