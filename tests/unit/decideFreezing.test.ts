/** What an operator's freezing of a wallet does to the decisions after it. */
import { describe, expect, test } from 'vitest';
import { decide } from '../../shared/ledger/decide.ts';
import {
  ANNA,
  BANK,
  BORIS,
  NOW_MS,
  book,
  command,
  deposit,
  freeze,
  reasonOf,
  reasons,
  unfreeze,
  usualBook,
  wallet,
} from '../support/ledger.ts';

describe('freezing', () => {
  test('a frozen wallet pays nobody and can still be paid', () => {
    const state = book([
      wallet(BANK, { kind: 'settlement' }),
      wallet(ANNA, { balanceMinor: 1_000n, isFrozen: true }),
      wallet(BORIS, { balanceMinor: 1_000n }),
    ]);
    const back = command({ debitWalletId: BORIS, creditWalletId: ANNA });
    expect(reasons(decide([command(), deposit(), back], state, NOW_MS))).toEqual([
      'wallet_frozen',
      'applied',
      'applied',
    ]);
  });

  test('is of one wallet: a command that names two is refused', () => {
    const state = book([wallet(ANNA), wallet(BORIS)]);
    expect(reasonOf(freeze(ANNA, { creditWalletId: BORIS }), state)).toBe('wallet_not_found');
  });

  test("a bank's frozen settlement wallet pays no deposit", () => {
    const bank = wallet(BANK, { kind: 'settlement', isFrozen: true });
    expect(reasonOf(deposit(), book([bank, wallet(ANNA)]))).toBe('wallet_frozen');
  });

  test('counts from its place in the list, and until the wallet is thawed', () => {
    const commands = [command(), freeze(ANNA), command(), deposit(), unfreeze(ANNA), command()];
    const decision = decide(commands, usualBook(), NOW_MS);
    expect(reasons(decision)).toEqual(['applied', 'applied', 'wallet_frozen', 'applied', 'applied', 'applied']);
    expect(decision.wallets.map(({ id, isFrozen }) => [id, isFrozen])).toEqual([
      [ANNA, false],
      [BORIS, false],
      [BANK, false],
    ]);
  });

  test('moves nothing, is a row of the journal, and changes nothing else of the wallet', () => {
    const anna = wallet(ANNA, { balanceMinor: 1_000n, heldMinor: 10n, version: 4n });
    for (const kind of ['freeze', 'unfreeze'] as const) {
      const one = freeze(ANNA, { kind });
      expect(decide([one], book([anna]), NOW_MS)).toEqual({
        outcomes: [{ command: one, status: 'applied', amountMinor: one.amountMinor, debitSeq: 5n, creditSeq: 5n }],
        entries: [
          {
            ...{ walletId: ANNA, seq: 5n, operationId: one.id, amountMinor: 0n, balanceAfterMinor: 1_000n },
            ...{ heldMinor: 0n, heldAfterMinor: 10n },
          },
        ],
        wallets: [{ ...anna, version: 5n, isFrozen: kind === 'freeze' }],
        claims: [],
        dueWalletIds: [],
      });
    }
  });

  test('what is frozen already, and thawing what is not, is applied', () => {
    const commands = [freeze(ANNA), freeze(ANNA), unfreeze(ANNA), unfreeze(ANNA)];
    const decision = decide(commands, usualBook(), NOW_MS);
    expect(reasons(decision)).toEqual(commands.map(() => 'applied'));
    expect(decision.wallets).toEqual([wallet(ANNA, { balanceMinor: 1_000n, version: 5n })]);
  });

  test('again under the same id leaves no trace, although the wallet was thawed meanwhile', () => {
    const one = freeze(ANNA);
    const decision = decide([one, unfreeze(ANNA), { ...one }, command()], usualBook(), NOW_MS);
    expect(reasons(decision)).toEqual(['applied', 'applied', 'applied']);
  });

  test('a settlement wallet, or one without money, is applied; one that is not there is not', () => {
    const decision = decide([freeze(BANK), freeze(BORIS), freeze(99n), unfreeze(99n)], usualBook(), NOW_MS);
    expect(reasons(decision)).toEqual(['applied', 'applied', 'wallet_not_found', 'wallet_not_found']);
    expect(decision.wallets.map(({ id, isFrozen }) => [id, isFrozen])).toEqual([
      [BANK, true],
      [BORIS, true],
    ]);
  });

  test('expires like any other command', () => {
    const late = freeze(ANNA, { expiresAtMs: NOW_MS - 1 });
    expect(decide([late], usualBook(), NOW_MS)).toMatchObject({ outcomes: [{ reason: 'expired' }], wallets: [] });
  });
});
