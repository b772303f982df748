export const MAX_EMAIL_LENGTH = 254;

/**
 * What is longer before it is composed is too long afterwards: no character takes more than four to write it in pieces,
 * nor more than two code units each. Composing a long text takes time that grows with the square of its length.
 */
const MAX_COMPOSABLE = 4 * 2 * MAX_EMAIL_LENGTH;

/** The one form in which an e-mail address is stored, looked up and compared. One that is too long stays too long. */
export function normaliseEmail(email: string): string {
  const trimmed = email.trim();
  if (trimmed.length > MAX_COMPOSABLE) return trimmed;
  return trimmed.normalize('NFC').trim().toLowerCase().normalize('NFC');
}
