/** The overlay of an envelope: what no effect may do, whatever kind it comes from, and what a book on top of another one is worth. */
import { describe, expect, test } from 'vitest';
import { openBook } from '../../shared/ledger/book.ts';
import type { Effect } from '../../shared/ledger/kind.ts';
import { ANNA, BANK, BORIS, command, wallet } from '../support/ledger.ts';

const NOTHING_HELD = { heldMinor: 0n, heldAfterMinor: 0n };
const RICH = wallet(ANNA, { balanceMinor: 1_000n, version: 4n });
const open = () => {
  const rows = new Map([RICH, wallet(BORIS), wallet(BANK, { currency: 'JPY' })].map((each) => [each.id, each]));
  return openBook({ wallet: (id) => rows.get(id), claim: () => undefined });
};
const paying = (amountMinor: bigint): Effect => ({
  moves: [
    { walletId: ANNA, amountMinor: -amountMinor },
    { walletId: BORIS, amountMinor },
  ],
});

describe('an effect', () => {
  test.each<[string, Effect]>([
    ['whose moves do not sum to zero', { moves: [{ walletId: ANNA, amountMinor: 1n }] }],
    [
      'between two currencies',
      {
        moves: [
          { walletId: ANNA, amountMinor: -1n },
          { walletId: BANK, amountMinor: 1n },
        ],
      },
    ],
    ['on a wallet that was not read', { moves: [{ walletId: 99n, amountMinor: 0n }] }],
    ['that freezes a wallet that was not read', { moves: [], wallets: [{ walletId: 99n, isFrozen: true }] }],
  ])('%s is a fault', (_what, effect) => {
    expect(() => open().post(command(), effect)).toThrow(RangeError);
  });

  test('makes one row for each wallet, with its next number', () => {
    const book = open();
    const one = command();
    const rows = book.post(one, paying(100n));
    expect(rows).toEqual([
      { walletId: ANNA, seq: 5n, operationId: one.id, amountMinor: -100n, balanceAfterMinor: 900n, ...NOTHING_HELD },
      { walletId: BORIS, seq: 1n, operationId: one.id, amountMinor: 100n, balanceAfterMinor: 100n, ...NOTHING_HELD },
    ]);
    expect(book.entries).toEqual(rows);
  });
});

describe('a book on top of another', () => {
  test('sees what was booked below, and shows nothing there until it is taken', () => {
    const below = open();
    below.post(command(), paying(100n));
    const above = openBook(below);
    above.post(command(), paying(100n));
    expect([above.wallet(ANNA)?.balanceMinor, below.wallet(ANNA)?.balanceMinor]).toEqual([800n, 900n]);
    expect([above.entries.length, below.entries.length]).toEqual([2, 2]);
    below.take(above);
    expect(below.wallet(ANNA)).toEqual({ ...RICH, balanceMinor: 800n, version: 6n });
    expect(below.entries.map(({ seq }) => seq)).toEqual([5n, 1n, 6n, 2n]);
  });
});
