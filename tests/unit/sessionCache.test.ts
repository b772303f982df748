import { describe, expect, test } from 'vitest';
import { createSessionCache } from '../../api/auth/sessionCache.ts';
import type { Principal } from '../../api/route.ts';

const ANNA: Principal = { userId: 1n, role: 'customer', walletId: 2n };
const COOKIE = 'saldo.sid=s%3Aanna.signature';

const asking = (cookie: string) => ({ headers: { cookie } });

describe('the session cache', () => {
  const remembering = (cookie = COOKIE) => {
    const cache = createSessionCache('saldo.sid');
    cache.beginRead(asking(cookie))(ANNA);
    return cache;
  };

  test('recalls whom it was told of, wherever among other cookies', () => {
    const cache = remembering();
    for (const cookie of [COOKIE, `theme=dark; ${COOKIE}`, `${COOKIE}; theme=dark`, `a=1; ${COOKIE}; b=2`]) {
      expect(cache.recall(asking(cookie)), cookie).toBe(ANNA);
    }
  });

  test.each([
    ['no cookie', ''],
    ['another session', 'saldo.sid=s%3Aboris.signature'],
    ['another signature', 'saldo.sid=s%3Aanna.forged'],
    ['half a signature', 'saldo.sid=s%3Aanna.sig'],
    ['no signature', 'saldo.sid=s%3Aanna'],
    ['another cookie of the same value', 'sid=s%3Aanna.signature'],
    ['a cookie whose name ends alike', 'xsaldo.sid=s%3Aanna.signature'],
    ['two cookies, the first another', `saldo.sid=s%3Aboris.x; ${COOKIE}`],
  ])('knows nobody by %s', (_what, cookie) => {
    expect(remembering().recall(asking(cookie))).toBeUndefined();
  });

  test('remembers nothing by a cookie that is not in the form we give out', () => {
    const other = 'saldo.sid=s:anna.signature';
    expect(remembering(other).recall(asking(other))).toBeUndefined();
  });

  test('forgets a session that has ended', () => {
    const cache = remembering();
    cache.forget('anna');
    expect(cache.recall(asking(COOKIE))).toBeUndefined();
  });

  test('does not remember what was read before a session ended', () => {
    const cache = createSessionCache('saldo.sid');
    const remember = cache.beginRead(asking(COOKIE));
    cache.forget('anna');
    remember(ANNA);
    expect(cache.recall(asking(COOKIE))).toBeUndefined();
  });
});
