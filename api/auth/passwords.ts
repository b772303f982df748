/**
 * argon2id, at the cost OWASP recommends (19 MiB, two passes). Proving a password is expensive on purpose, so it is
 * also bounded: a few at a time, so that they leave threads of Node's pool to everything else, and a limited number
 * waiting, so that a flood is refused while it can still be answered.
 */
import { hash, verify } from '@node-rs/argon2';
import { Problem } from '../problem.ts';

const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const AT_ONCE = 2;
const MAX_WAITING = 256;

export const MAX_PASSWORD_LENGTH = 200;

// The hash of a password that nobody knows, at the same cost: checked for an e-mail that has no account, so that the
// time an answer takes does not tell which e-mails have one.
const DECOY = '$argon2id$v=19$m=19456,t=2,p=1$/CzkkdYK6OcFxxYAu8EqyQ$buKLUzhIlmQlcwqIxicgJBopFzJfXgzpVNs0N9C1jlo';

export interface Passwords {
  hash: (password: string) => Promise<string>;
  /** Takes the same work whether there is a stored hash or not. */
  matches: (stored: string | undefined, password: string) => Promise<boolean>;
}

export function createPasswords(): Passwords {
  const limited = createLimit(AT_ONCE, MAX_WAITING);
  return {
    hash: (password) => limited(() => hash(normalised(password), COST)),
    async matches(stored, password) {
      const same = await limited(() => verify(stored ?? DECOY, normalised(password)));
      return same && stored !== undefined;
    },
  };
}

/**
 * Keyboards differ in how they compose the same letter (RFC 8265, OpaqueString: NFC). Composing a long text takes time
 * that grows with the square of its length, and no password that can be signed up with is longer than this in pieces.
 */
const MAX_COMPOSABLE = 4 * 2 * MAX_PASSWORD_LENGTH;

function normalised(password: string): string {
  return password.length > MAX_COMPOSABLE ? password : password.normalize('NFC');
}

/** Runs up to `atOnce` tasks side by side and lets up to `maxWaiting` wait in line; more are refused as `overloaded`. */
function createLimit(atOnce: number, maxWaiting: number) {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async <T>(task: () => Promise<T>): Promise<T> => {
    if (running >= atOnce) {
      if (waiting.length >= maxWaiting) throw new Problem('overloaded');
      // Whoever ends hands its place on, so `running` stays as it is.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running++;
    }
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
