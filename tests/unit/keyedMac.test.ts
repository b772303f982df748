/** By what memory knows credentials and sessions: never by what would open something. */
import { LRUCache } from 'lru-cache';
import { afterEach, expect, test, vi } from 'vitest';
import { createBasicMemory } from '../../api/auth/basicMemory.ts';
import { createKeyedMac } from '../../api/auth/keyedMac.ts';
import { createProof } from '../../api/auth/proof.ts';
import { createProvenCredentials } from '../../api/auth/provenCredentials.ts';
import { createSessionCache } from '../../api/auth/sessions/sessionCache.ts';

const SECRET = 'what-opens-something';
const operator = { userId: 1n, role: 'operator', walletId: null } as const;

afterEach(() => void vi.restoreAllMocks());

test('the same parts have the same MAC, others another, and in another process all have another', () => {
  const mac = createKeyedMac();
  expect(mac('ada', SECRET)).toBe(mac('ada', SECRET));
  const others = [mac('ada', SECRET), mac(SECRET, 'ada'), mac(`ada${SECRET}`), mac(`ada","${SECRET}`), mac('ada')];
  expect(new Set([...others, createKeyedMac()('ada', SECRET)]).size).toBe(6);
  expect(others[0]).toMatch(/^[A-Za-z0-9+/]{43}=$/);
});

test.each([
  ['the session cache', () => createSessionCache().beginRead(`${SECRET}.signature`)(operator)],
  ['the memory of Basic', () => createBasicMemory().remember(`Basic ${SECRET}`, operator)],
  [
    'the memory of proofs',
    () => createProvenCredentials().remember({ email: 'ada@example.com', password: SECRET }, `hash of ${SECRET}`),
  ],
])('%s keeps nothing that could be sent', (_what, remember) => {
  const set = vi.spyOn(LRUCache.prototype, 'set');
  remember();
  expect(set).toHaveBeenCalled();
  const kept = set.mock.calls.map(([key, value]) => [String(key), JSON.stringify(value, printable)]);
  expect(kept.join()).not.toContain(SECRET);
});

test('a proof that is under way is not known by its password', async () => {
  const prove = createProof({
    env: { CURRENCY: 'RUB', MAX_FAILED_LOGINS: 10, MAX_FAILED_LOGINS_PER_MINUTE: 60 },
    lanes: { run: () => Promise.resolve(undefined as never) },
    proven: createProvenCredentials(),
    ...{ pool: undefined as never, prisma: undefined as never, guard: undefined as never },
  });
  const set = vi.spyOn(Map.prototype, 'set');
  const proof = prove('ada@example.com', SECRET, '203.0.113.7');
  const keys = set.mock.calls.map(([key]) => key as unknown);
  set.mockRestore();
  expect(keys).toContainEqual(expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/));
  expect(keys.filter((key) => typeof key === 'string').join()).not.toContain(SECRET);
  expect(await proof).toBeUndefined();
});

function printable(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
