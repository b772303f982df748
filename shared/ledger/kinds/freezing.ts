/**
 * What an operator does to a wallet: a frozen one pays nobody, and can still be paid. Freezing what is frozen already is
 * applied too: it is so, as was asked. `details` is the operator's reason.
 */
import type { Kind } from '../kind.ts';

function freezing(isFrozen: boolean, word: string): Kind {
  return {
    routesBy: 'debit',
    tells: 'debit',
    tellsAvailable: false,
    seenBy: 'operators',
    amount: 'none',
    oneWallet: true,
    journal: { debit: word, credit: word },
    reasons: ['wallet_not_found'],
    refuseParties: (_command, { debit, credit }) => (debit.id === credit.id ? undefined : 'wallet_not_found'),
    decide: (_command, { debit }) => ({
      moves: [{ walletId: debit.id, amountMinor: 0n }],
      wallets: [{ walletId: debit.id, isFrozen }],
    }),
  };
}

export const freeze = freezing(true, 'wallet.frozen');
export const unfreeze = freezing(false, 'wallet.unfrozen');
