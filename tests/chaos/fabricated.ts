/** A small history that is sound in every way, and the pieces to make another, for whoever has to break one. */
import type { Books, EntryRow } from './books.ts';
import type { Answer, Attempt, FaultRecord, History, Lost, Operation, Read } from './history.ts';

const BANK = 1;
export const ANN = 2;
export const BOB = 3;

export interface World {
  history: History;
  books: Books;
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
      row('gift', 'deposit', BANK, ANN, 100, [1, 1], 40),
      row('rent', 'transfer', ANN, BOB, 30, [2, 1], 140),
      {
        ...row('dream', 'transfer', ANN, BOB, 500, [null, null], 240),
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
      { id: BANK, kind: 'settlement', currency: 'RUB', balanceMinor: -100, version: 1 },
      { id: ANN, kind: 'customer', currency: 'RUB', balanceMinor: 70, version: 2 },
      { id: BOB, kind: 'customer', currency: 'RUB', balanceMinor: 30, version: 1 },
    ],
    pendingIds: [],
  };
  return { history, books };
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

export function answered(
  sentAtMs: number,
  endedAtMs: number,
  result: Answer | Lost,
  over: Partial<Attempt> = {},
): Attempt {
  return { what: 'send', which: 'own', api: 0, sentAtMs, endedAtMs, result, ...over };
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

export function row(
  id: string,
  kind: string,
  debitWalletId: number,
  creditWalletId: number,
  amountMinor: number,
  [debitSeq, creditSeq]: [number | null, number | null],
  appliedAtMs: number,
): Books['operations'][number] {
  return {
    ...{ id, kind, status: 'applied', reason: null, debitWalletId, creditWalletId, amountMinor, details: id },
    ...{ externalId: null, debitSeq, creditSeq, acceptedAtMs: appliedAtMs - 10, appliedAtMs },
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
