/** The form that sends money: empty, or as it was sent with what there is to say about it. */
import { randomUUID } from 'node:crypto';
import { PROBLEMS } from '../../../shared/problems.ts';
import type { Problem } from '../../http/problem.ts';
import { idempotencyKeyField } from '../../http/schemas.ts';
import { labelsOf } from '../../html/forms.ts';
import type { Field, FormView } from '../../html/forms.ts';
import type { Answered } from './answered.ts';
import { printerFor } from '../../html/printAmount.ts';
import { shortName } from './shortName.ts';
import { AMOUNT_HINT } from './typedAmount.ts';
import { KIND_WORDS } from '../kindWords.ts';
import { printAgo } from '../wordings.ts';
import type { Wording } from '../wordings.ts';
import { errorsByField, paymentWordsFor } from '../words.ts';

type AnsweredEqual = Extract<Answered, { why: 'equal' }>;

interface Payer {
  walletId: bigint;
  currency: string;
  availableMinor: bigint;
}

/** `key` is for a form that has not been sent. */
export function viewPaymentForm(
  payer: Payer,
  wording: Wording,
  { key, answered }: { key: string; answered: Answered | undefined },
): FormView {
  const hidden = { from_wallet: String(payer.walletId), idempotency_key: key };
  const form: FormView = {
    ...{ action: '/', submit: wording.submit, fields: fieldsFor(payer.currency) },
    ...{ values: {}, errors: {}, hidden },
  };
  if (!answered) return form;
  const sameKey = { ...hidden, ...carriedBy(answered.given) };
  switch (answered.why) {
    case 'refused':
      return refusedForm(form, payer, answered.given, answered.problem, sameKey);
    case 'equal':
      return {
        ...{ ...form, values: answered.given, submit: wording.repeat },
        question: questionAbout(answered, payer, wording),
        hidden: { ...sameKey, again: answered.earlier.id },
        cancel: { text: 'No, do not', href: '/' },
      };
    case 'draft':
      return {
        ...{ ...form, values: answered.given, hidden: sameKey },
        question: 'Nothing was sent: you had been logged out. Here is the form as you filled it in.',
      };
    case 'foreign':
      return {
        ...form,
        error: 'Nothing was sent: that form was filled in before you logged in here, for another wallet.',
      };
  }
}

/** The form as it was sent, when nothing else can be shown of its sender. */
export function viewBareForm(given: Record<string, unknown>, problem: Problem): FormView {
  const sameKey = carriedBy(given);
  const form: FormView = {
    ...{ action: '/', submit: 'Send again', fields: fieldsFor(undefined) },
    ...{ values: {}, errors: {}, hidden: { ...sameKey, idempotency_key: randomUUID() } },
  };
  return refusedForm(form, undefined, given, problem, sameKey);
}

/** What a form that was sent said beside what was typed. */
function carriedBy(given: Record<string, unknown>): Record<string, string> {
  const carried = ['from_wallet', 'idempotency_key', 'again'].filter((name) => typeof given[name] === 'string');
  return Object.fromEntries(carried.map((name) => [name, String(given[name])]));
}

function questionAbout({ earlier, payeeName = '' }: AnsweredEqual, { currency }: Payer, wording: Wording): string {
  const { amountMinor, payeeWalletId, agoMs, isPending } = earlier;
  const what = `${printerFor(currency)(amountMinor)} to ${shortName(payeeName) ?? `wallet ${payeeWalletId}`}`;
  const state = isPending ? ', and it is on its way' : '';
  return `You ${KIND_WORDS[wording.kind].did} ${what} ${printAgo(agoMs)}${state}. ${wording.repeat}?`;
}

function refusedForm(
  form: FormView,
  payer: Payer | undefined,
  given: Record<string, unknown>,
  problem: Problem,
  sameKey: Record<string, string>,
): FormView {
  const errors = errorsByField(problem, labelsOf(form.fields));
  if (problem.code === 'insufficient_funds' && payer) {
    const { currency, availableMinor } = payer;
    errors['amount'] = `You have ${printerFor(currency)(availableMinor)} ${currency}, which is less than this.`;
  }
  const wrong = form.fields.find(({ name }) => name in errors);
  // A key that has an outcome is used up. Under any other something sent before may still be on its way, whatever is wrong
  // with the form now: sent again, mended or not, it must be the same payment or none.
  const { means } = PROBLEMS[problem.code];
  const hasOutcome = means !== 'open' && problem.extras.operationId !== undefined;
  const isUnusable = !idempotencyKeyField.safeParse(given['idempotency_key']).success;
  return {
    ...{ ...form, errors, values: given, focus: wrong?.name },
    error: wrong ? undefined : paymentWordsFor(problem),
    hidden: hasOutcome || isUnusable ? form.hidden : sameKey,
  };
}

function fieldsFor(currency: string | undefined): Field[] {
  const shared = { type: 'text', autocomplete: 'off' };
  return [
    { ...shared, name: 'wallet_id', label: 'To wallet number', inputmode: 'numeric' },
    {
      ...shared,
      name: 'amount',
      label: currency === undefined ? 'Amount' : `Amount in ${currency}`,
      inputmode: 'decimal',
      hint: AMOUNT_HINT,
    },
    { ...shared, name: 'details', label: 'Message', isOptional: true },
  ];
}
