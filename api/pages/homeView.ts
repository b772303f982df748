/** What the start page shows: a wallet, what became of the latest payments, and the form to send the next one. */
import { randomUUID } from 'node:crypto';
import { currencyExponent, amountToNumber } from '../../shared/ledger/money.ts';
import type { OperationView } from '../../shared/store/readOperation.ts';
import { PROBLEMS } from '../problem.ts';
import type { Role } from '../route.ts';
import type { WalletView } from '../routes/wallet.ts';
import { labelsOf } from './forms.ts';
import type { Field, FormView, Refused } from './forms.ts';
import type { PageData } from './render.ts';
import { AMOUNT_HINT } from './typedAmount.ts';
import { errorsByField, paymentWordsFor } from './words.ts';

interface HomeFacts {
  wallet: WalletView;
  role: Role;
  /** Newest first; all of them the viewer's own. */
  payments: readonly OperationView[];
  /** Differs whenever what the page shows does. */
  mark: string;
  isFirst: boolean;
  /** Whether the viewer runs the service, on this machine. */
  isLocal: boolean;
  refused?: Refused | undefined;
}

/** How a customer's and a bank's page speak of what they do. */
const WORDINGS = {
  customer: { title: 'Your wallet', form: 'Send money', submit: 'Send', done: 'Sent', failed: 'Not sent' },
  bank: { title: 'Settlement wallet', form: 'Pay in', submit: 'Pay in', done: 'Paid in', failed: 'Not paid in' },
};

export function viewHome(facts: HomeFacts): PageData {
  const { wallet, refused, role } = facts;
  const wording = WORDINGS[role === 'bank' ? 'bank' : 'customer'];
  return {
    ...facts,
    title: refused ? `Error: ${wording.title}` : wording.title,
    heading: wording.title,
    loggedIn: true,
    scripts: ['/assets/page.js', '/assets/wallet.js'],
    amount: createPrinter(wallet.currency),
    news: facts.payments.map((payment) => newsOf(payment, wording)),
    hint: hintFor(facts),
    formTitle: wording.form,
    form: formOf(wallet, wording.submit, refused),
  };
}

/** What somebody who tries the service on their own machine needs next, until they have paid for the first time. */
function hintFor({ wallet, role, isLocal, isFirst }: HomeFacts): 'pay-in' | 'second-person' | undefined {
  const hasPaid = wallet.operations.some(({ amount }) => amount < 0);
  if (!isLocal || !isFirst || role === 'bank' || hasPaid) return undefined;
  return wallet.operations.length === 0 ? 'pay-in' : 'second-person';
}

/** One sentence on what became of a payment. */
function newsOf(
  { state, reason, amountMinor, currency, creditWalletId }: OperationView,
  { done, failed }: { done: string; failed: string },
): { state: OperationView['state']; text: string } {
  const amount = createPrinter(currency)(amountToNumber(amountMinor, currency));
  const what = `${amount} ${currency} to wallet ${creditWalletId}`;
  if (state === 'applied') return { state, text: `${done}: ${what}.` };
  if (state === 'pending') {
    return { state, text: `On its way: ${what}. This page tells when it is done; there is no need to send it again.` };
  }
  return { state, text: `${failed}: ${what}. ${reason ? `${PROBLEMS[reason].title}.` : ''}` };
}

function fieldsFor(currency: string): Field[] {
  const shared = { type: 'text', autocomplete: 'off' };
  return [
    { ...shared, name: 'wallet_id', label: 'To wallet number', inputmode: 'numeric' },
    { ...shared, name: 'amount', label: `Amount in ${currency}`, inputmode: 'decimal', hint: AMOUNT_HINT },
    { ...shared, name: 'details', label: 'Message', isOptional: true },
  ];
}

function formOf(wallet: WalletView, submit: string, refused?: Refused): FormView {
  const form = { action: '/', submit, fields: fieldsFor(wallet.currency) };
  if (!refused) return { ...form, values: {}, errors: {}, hidden: { idempotency_key: randomUUID() } };
  const { problem, given } = refused;
  const errors = errorsByField(problem, labelsOf(form.fields));
  if (problem.code === 'insufficient_funds') {
    const available = createPrinter(wallet.currency)(wallet.available);
    errors['amount'] = `You have ${available} ${wallet.currency}, which is less than this.`;
  }
  const wrong = form.fields.find(({ name }) => name in errors);
  // What has an outcome under the key keeps it for ever; what may still get one must not be sent under another.
  const isOpen = PROBLEMS[problem.code].status === 503 || problem.code === 'rate_limited';
  return {
    ...{ ...form, errors, values: given, focus: wrong?.name },
    error: wrong ? undefined : paymentWordsFor(problem),
    hidden: { idempotency_key: isOpen ? String(given['idempotency_key']) : randomUUID() },
  };
}

/** All the decimals of the currency, and thousands apart by a space: a comma would mean something else to half the world. */
function createPrinter(currency: string): (amount: number, options?: { signed: boolean }) => string {
  const minimumFractionDigits = currencyExponent(currency);
  const plain = new Intl.NumberFormat('en', { minimumFractionDigits });
  const signed = new Intl.NumberFormat('en', { minimumFractionDigits, signDisplay: 'exceptZero' });
  return (amount, options) => (options?.signed ? signed : plain).format(amount).replaceAll(',', '\u00a0');
}
