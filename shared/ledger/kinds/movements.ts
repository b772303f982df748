/** What moves money at once: a bank pays in from outside, and people pay each other. */
import type { WalletKind } from '../command.ts';
import type { Kind } from '../kind.ts';
import { LIMIT_MINOR } from '../money.ts';

/** From a wallet of the kind `payer` into a customer's. */
function movement(
  payer: WalletKind,
): Pick<Kind, 'tellsAvailable' | 'amount' | 'oneWallet' | 'refuseParties' | 'decide'> {
  return {
    tellsAvailable: false,
    amount: 'given',
    oneWallet: false,
    refuseParties: (command, { debit, credit }) => {
      if (debit.kind !== payer || credit.kind !== 'customer') return 'wallet_not_found';
      if (debit.id === credit.id) return 'same_wallet';
      if (debit.currency !== command.currency || credit.currency !== command.currency) return 'currency_mismatch';
      return undefined;
    },
    decide: ({ amountMinor }, { debit, credit }) => {
      if (debit.isFrozen) return 'wallet_frozen';
      if (debit.kind === 'customer' && debit.balanceMinor - debit.heldMinor < amountMinor) return 'insufficient_funds';
      if (debit.balanceMinor - amountMinor < -LIMIT_MINOR) return 'balance_limit_exceeded';
      if (credit.balanceMinor + amountMinor > LIMIT_MINOR) return 'balance_limit_exceeded';
      return {
        moves: [
          { walletId: debit.id, amountMinor: -amountMinor },
          { walletId: credit.id, amountMinor },
        ],
      };
    },
  };
}

/** Out of the bank's settlement wallet, which mirrors the outside world and may be below zero. */
export const deposit: Kind = {
  ...movement('settlement'),
  routesBy: 'credit',
  tells: 'credit',
  seenBy: 'parties',
  journal: { debit: 'deposit.made', credit: 'deposit.received' },
  reasons: ['wallet_not_found', 'currency_mismatch', 'wallet_frozen', 'balance_limit_exceeded'],
};

export const transfer: Kind = {
  ...movement('customer'),
  routesBy: 'debit',
  tells: 'debit',
  seenBy: 'parties',
  journal: { debit: 'transfer.sent', credit: 'transfer.received' },
  reasons: [
    ...['wallet_not_found', 'same_wallet', 'currency_mismatch', 'wallet_frozen'],
    ...['insufficient_funds', 'balance_limit_exceeded'],
  ] as const,
};
