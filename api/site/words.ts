/**
 * What people are told. The problem table speaks to programmers; a customer has no keys, bodies or codes, but a form, a
 * field and a question: did it happen, and what now?
 */
import { PROBLEMS } from '../../shared/problems.ts';
import type { Problem } from '../http/problem.ts';
import type { Code } from '../../shared/problems.ts';

interface Words {
  title: string;
  text: string;
}

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
  rate_limited: { title: 'Too many attempts', text: 'Wait some minutes, then try again.' },
  internal: {
    title: 'Something went wrong on our side',
    text: 'If you were sending money, look at your operations before you send it again.',
  },
  overloaded: { title: 'Saldo is very busy', text: 'Nothing was done just now. Try again in a moment.' },
  unavailable: { title: 'Saldo cannot be reached just now', text: 'Nothing was done just now. Try again in a moment.' },
};

/** For a page of its own. `isLook`: nothing was to be done, only shown. */
export function wordsFor({ code, extras }: Problem, { isLook = false } = {}): Words {
  const { title, explanation } = PROBLEMS[code];
  if (code === 'unauthenticated' && isLook) return { title: 'Please log in', text: 'This page is not for everybody.' };
  const words = PAGE_WORDS[code] ?? { title, text: explanation };
  if (code === 'rate_limited' && extras.retryAfterSeconds !== undefined) {
    return { ...words, text: `Try again in ${Math.ceil(extras.retryAfterSeconds / 60)} min.` };
  }
  // What is open may know better what has happened, as sign-up does.
  return PROBLEMS[code].means === 'open' && extras.detail !== undefined ? { ...words, text: extras.detail } : words;
}

/** Above a form, for what is wrong with none of its fields. */
export function formWordsFor(problem: Problem): string {
  const { title, text } = wordsFor(problem);
  return PAGE_WORDS[problem.code] ? `${title}. ${text}` : `${title}.`;
}

/** Above the form that sends money, which carries a key: it says what sending it once more would do. */
export function paymentWordsFor(problem: Problem): string {
  switch (problem.code) {
    case 'outcome_unknown':
      return 'Whether it was sent is not known yet. Send this same form again: it never sends twice.';
    case 'idempotency_key_reused':
      return 'An earlier version of this form was sent, and may have moved money: look at the operations below first.';
    case 'overloaded':
    case 'unavailable':
      return `${wordsFor(problem).title}. Send this same form again in a moment: it never sends twice.`;
    default:
      return formWordsFor(problem);
  }
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
