/**
 * Credentials that were proven within a day, so that whoever was right before neither waits for a place among those who
 * guess nor is locked out by them. That a password fits a stored hash stays true for as long as the hash is stored, so
 * argon2 need not say it twice; the account is looked up all the same. What is kept are MACs: the memory holds neither
 * passwords nor their hashes.
 */
import { LRUCache } from 'lru-cache';
import { createKeyedMac } from './keyedMac.ts';
import { normalisePassword } from './passwords.ts';

const KEPT_MS = 24 * 60 * 60_000;
const MAX_KEPT = 10_000;

export interface Credentials {
  /** In its normalised form. */
  email: string;
  password: string;
}

export interface ProvenCredentials {
  /** Whether these were right once, against whatever hash. */
  has: (credentials: Credentials) => boolean;
  /** Whether these were found to fit this hash. */
  fit: (credentials: Credentials, passwordHash: string) => boolean;
  remember: (credentials: Credentials, passwordHash: string) => void;
  forget: (credentials: Credentials) => void;
}

export function createProvenCredentials(): ProvenCredentials {
  const mac = createKeyedMac();
  const nameOf = ({ email, password }: Credentials) => mac(email, normalisePassword(password));
  const hashes = new LRUCache<string, string>({ max: MAX_KEPT, ttl: KEPT_MS });
  return {
    has: (credentials) => hashes.has(nameOf(credentials)),
    fit: (credentials, passwordHash) => hashes.get(nameOf(credentials)) === mac(passwordHash),
    remember: (credentials, passwordHash) => void hashes.set(nameOf(credentials), mac(passwordHash)),
    forget: (credentials) => void hashes.delete(nameOf(credentials)),
  };
}
