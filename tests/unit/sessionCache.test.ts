import { describe, expect, test } from 'vitest';
import { createSessionCache } from '../../api/auth/sessionCache.ts';
import type { Principal } from '../../api/route.ts';

const ANNA: Principal = { userId: 1n, role: 'customer', walletId: 2n };
const COOKIE = 'anna.signature';

describe('the session cache', () => {
  const remembering = () => {
    const cache = createSessionCache();
    cache.beginRead(COOKIE)(ANNA);
    return cache;
  };

  test('recalls whom it was told of', () => {
    expect(remembering().recall(COOKIE)).toBe(ANNA);
  });

  test.each([
    ['another session', 'boris.signature'],
    ['another signature', 'anna.forged'],
    ['half a signature', 'anna.sig'],
    ['no signature', 'anna.'],
  ])('knows nobody by %s', (_what, cookie) => {
    expect(remembering().recall(cookie)).toBeUndefined();
  });

  test('forgets a session that has ended', () => {
    const cache = remembering();
    cache.forget('anna');
    expect(cache.recall(COOKIE)).toBeUndefined();
  });

  test('does not remember what was read before a session ended', () => {
    const cache = createSessionCache();
    const remember = cache.beginRead(COOKIE);
    cache.forget('anna');
    remember(ANNA);
    expect(cache.recall(COOKIE)).toBeUndefined();
  });
});
