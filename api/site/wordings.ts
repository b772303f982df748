/** What a customer's and a bank's page are called, and what their form does. */
import type { MovementKind } from '../../shared/ledger/command.ts';
import type { OperationView } from '../../shared/store/ledger/operationView.ts';
import { PROBLEMS } from '../../shared/problems.ts';
import { printerFor } from '../html/printAmount.ts';
import { KIND_WORDS } from './kindWords.ts';

export interface Wording {
  title: string;
  form: string;
  /** What the form makes. */
  kind: MovementKind;
  /** What the button does, and does once more. */
  submit: string;
  repeat: string;
  frozen: string;
}

export const WORDINGS: Record<'customer' | 'bank', Wording> = {
  customer: {
    ...{ title: 'Your wallet', form: 'Send money', kind: 'transfer', submit: 'Send', repeat: 'Send it again' },
    frozen:
      'Nothing can be sent: an operator has frozen this wallet. Ask whoever runs this service why, and until when.',
  },
  bank: {
    ...{ title: 'Settlement wallet', form: 'Pay in', kind: 'deposit', submit: 'Pay in', repeat: 'Pay it in again' },
    frozen:
      'Nothing can be paid in: an operator has frozen this wallet. Ask whoever runs this service why, and until when.',
  },
};

type Told = Pick<OperationView, 'kind' | 'state' | 'reason' | 'amountMinor' | 'currency' | 'creditWalletId'>;

/** One sentence on what became of a payment. */
export function newsOf({ kind, state, reason, amountMinor, currency, creditWalletId }: Told): string {
  const { done, failed } = KIND_WORDS[kind];
  const what = `${printerFor(currency)(amountMinor)} ${currency} to wallet ${creditWalletId}`;
  switch (state) {
    case 'applied':
      return `${done}: ${what}.`;
    case 'pending':
      return `On its way: ${what}. This page tells when it is done; there is no need to send it again.`;
    case 'rejected':
      return `${failed}: ${what}. ${reason ? `${PROBLEMS[reason].title}.` : ''}`;
  }
}

const MINUTE_MS = 60_000;

const NUMBERS = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

/** `just now`, `one minute ago`, `two minutes ago`, `12 minutes ago`. */
export function printAgo(agoMs: number): string {
  const minutes = Math.round(agoMs / MINUTE_MS);
  if (minutes < 1) return 'just now';
  return `${NUMBERS[minutes - 1] ?? minutes} ${minutes === 1 ? 'minute' : 'minutes'} ago`;
}
