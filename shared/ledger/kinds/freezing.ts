/**
 * What an operator does to a wallet: a frozen one pays nobody, and can still be paid. Freezing what is frozen already is
 * applied too: it is so, as was asked. `details` is the operator's reason.
 */
import type { Kind } from '../kind.ts';

function freezing(isFrozen: boolean): Kind {
  return {
    routesBy: 'debit',
    tells: 'debit',
    seenBy: 'operators',
    movesMoney: false,
    oneWallet: true,
    reasons: ['wallet_not_found'],
    refuseParties: (_command, { debit, credit }) => (debit.id === credit.id ? undefined : 'wallet_not_found'),
    decide: (_command, { debit }) => ({ moves: [], isFrozen: { walletId: debit.id, value: isFrozen } }),
  };
}

export const freeze = freezing(true);
export const unfreeze = freezing(false);
