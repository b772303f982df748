/**
 * Amounts as people type them, into the plain decimal text that the ledger reads. Whatever could mean two things is not
 * guessed at: `1,000` is a thousand to some and one to others, so a comma counts as the decimal sign only before one or
 * two digits. Spaces may group thousands, as they do where our pages print them.
 */

/** What the field says of it beforehand, and what is said when it cannot be read. */
export const AMOUNT_HINT = 'For example 250 or 10.50. A decimal comma is fine too.';
export const AMOUNT_RULE = 'must be an amount such as 250 or 10.50';

const TYPED = /^(\d{1,3}(?: \d{3})+|\d*)(?:\.(\d*)|,(\d{1,2}))?$/;

/** Undefined for what is no amount. Its size and decimals are the ledger's to judge. */
export function readTypedAmount(typed: string): string | undefined {
  const match = TYPED.exec(typed.trim().replace(/\s/g, ' '));
  if (!match) return undefined;
  const [, whole = '', afterPoint = '', afterComma = ''] = match;
  const fraction = afterPoint + afterComma;
  if (whole + fraction === '') return undefined;
  const digits = whole.replaceAll(' ', '').replace(/^0+(?=\d)/, '') || '0';
  return fraction === '' ? digits : `${digits}.${fraction}`;
}
