/**
 * argon2id, at the cost OWASP recommends (19 MiB, two passes). Proving a password is expensive on purpose, so whoever
 * does it for a request waits for a place first: see lanes.ts.
 */
import { hash, verify } from '@node-rs/argon2';

const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export const MAX_PASSWORD_LENGTH = 200;

// The hash of a password that nobody knows, at the same cost: checked for an e-mail that has no account, so that the
// time an answer takes does not tell which e-mails have one.
const DECOY = '$argon2id$v=19$m=19456,t=2,p=1$/CzkkdYK6OcFxxYAu8EqyQ$buKLUzhIlmQlcwqIxicgJBopFzJfXgzpVNs0N9C1jlo';

export function hashPassword(password: string): Promise<string> {
  return hash(normalisePassword(password), COST);
}

/** Takes the same work whether there is a stored hash or not. */
export async function isPassword(stored: string | undefined, password: string): Promise<boolean> {
  const same = await verify(stored ?? DECOY, normalisePassword(password));
  return same && stored !== undefined;
}

/**
 * Keyboards differ in how they compose the same letter (RFC 8265, OpaqueString: NFC). Composing a long text takes time
 * that grows with the square of its length, and no password that can be signed up with is longer than this in pieces.
 */
const MAX_COMPOSABLE = 4 * 2 * MAX_PASSWORD_LENGTH;

export function normalisePassword(password: string): string {
  return password.length > MAX_COMPOSABLE ? password : password.normalize('NFC');
}
