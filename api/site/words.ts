/**
 * What people are told. The problem table speaks to programmers; a customer has no keys, bodies or codes, but a form, a
 * field and a question: did it happen, and what now?
 */
import { PROBLEMS } from '../../shared/problems.ts';
import type { Problem } from '../http/problem.ts';
import type { Code } from '../../shared/problems.ts';
import { notNow } from './notNow.ts';
import type { Words } from './notNow.ts';

const UNREADABLE: Words = { title: 'This could not be read', text: 'Nothing was done. Go back and try again.' };

/** Where the table's own words are not for customers. */
const PAGE_WORDS: Partial<Record<Code, Words>> = {
  unauthenticated: { title: 'Please log in', text: 'You are logged out, so nothing was done.' },
  forbidden: { title: 'Not with this account', text: 'The account you are logged in with may not do this.' },
  csrf: { title: 'This form came from another site', text: 'Nothing was done. Open Saldo and use the form there.' },
  not_found: { title: 'There is no such page', text: 'The address may be mistyped.' },
  method_not_allowed: UNREADABLE,
  malformed_json: UNREADABLE,
  invalid_request: UNREADABLE,
  body_too_large: UNREADABLE,
  unsupported_media_type: UNREADABLE,
  internal: {
    title: 'Something went wrong on our side',
    text: 'If you were sending money, look at your operations before you send it again.',
  },
};

/** For a page of its own. `isLook`: nothing was to be done, only shown. */
export function wordsFor(problem: Problem, { isLook = false } = {}): Words {
  const { code } = problem;
  const { title, explanation } = PROBLEMS[code];
  if (code === 'unauthenticated' && isLook) return { title: 'Please log in', text: 'This page is not for everybody.' };
  return notNow(problem, isLook ? 'look' : 'other') ?? PAGE_WORDS[code] ?? { title, text: explanation };
}

/** Above a form, for what is wrong with none of its fields. */
export function formWordsFor(problem: Problem): string {
  const words = notNow(problem, 'other') ?? PAGE_WORDS[problem.code];
  return words ? `${words.title}. ${words.text}` : `${PROBLEMS[problem.code].title}.`;
}

/** Above the form that sends money, which carries a key. */
export function paymentWordsFor(problem: Problem): string {
  if (problem.code === 'idempotency_key_reused') {
    return 'An earlier version of this form was sent, and may have moved money: look at your operations first.';
  }
  const words = notNow(problem, 'payment');
  return words ? `${words.title}. ${words.text}` : formWordsFor(problem);
}

/** What is wrong, as a sentence, by the field it is wrong with. `labels` name the fields as the form does. */
export function errorsByField({ code, extras }: Problem, labels: Record<string, string>): Record<string, string> {
  switch (code) {
    case 'email_taken':
      return { email: 'This e-mail has an account already. Log in instead, or use another e-mail.' };
    case 'wallet_not_found':
      return { wallet_id: 'There is no wallet with this number.' };
    case 'same_wallet':
      return { wallet_id: 'This is your own wallet.' };
    case 'currency_mismatch':
      return { wallet_id: 'This wallet is in another currency.' };
    case 'insufficient_funds':
      return { amount: 'This is more than the wallet has.' };
    default: {
      const named = (extras.errors ?? []).filter(({ path }) => path in labels);
      return Object.fromEntries(named.map(({ path, message }) => [path, `${labels[path] ?? path} ${message}.`]));
    }
  }
}
