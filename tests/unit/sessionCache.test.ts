import { describe, expect, test, vi } from 'vitest';
import { createSessionCache } from '../../api/auth/sessions/sessionCache.ts';
import type { Principal } from '../../api/http/route.ts';

const ANNA: Principal = { userId: 1n, role: 'customer', walletId: 2n };
const OPERATOR: Principal = { userId: 3n, role: 'operator', walletId: null };
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

  test('recalls an operator for an hour while the database is away, nobody else, and not after the session has ended', () => {
    vi.useFakeTimers();
    try {
      const cache = createSessionCache();
      const others = 'operator.signature';
      cache.beginRead(COOKIE)(ANNA);
      cache.beginRead(others)(OPERATOR);
      vi.advanceTimersByTime(59 * 60_000);
      const seen = (isOutage: boolean) => [COOKIE, others].map((each) => cache.recall(each, { isOutage }));
      expect(seen(true)).toEqual([undefined, OPERATOR]);
      expect(seen(false)).toEqual([undefined, undefined]);
      expect(cache.recall('operator.forged', { isOutage: true })).toBeUndefined();
      vi.advanceTimersByTime(2 * 60_000);
      expect(seen(true)).toEqual([undefined, undefined]);
      cache.beginRead(others)(OPERATOR);
      cache.forget(others);
      expect(seen(true)).toEqual([undefined, undefined]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('forgets a session that has ended', () => {
    const cache = remembering();
    cache.forget(COOKIE);
    expect(cache.recall(COOKIE)).toBeUndefined();
  });

  test('does not remember what was read before a session ended', () => {
    const cache = createSessionCache();
    const remember = cache.beginRead(COOKIE);
    cache.forget(COOKIE);
    remember(ANNA);
    expect(cache.recall(COOKIE)).toBeUndefined();
  });
});
