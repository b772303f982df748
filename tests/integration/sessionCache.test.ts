/** Sessions that are remembered for a moment: what that saves, and what it must never keep alive. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { startApi } from '../support/api.ts';
import type { TestApi } from '../support/api.ts';
import { until } from '../support/waiting.ts';

const COOKIE = 'saldo.sid';
const MAX_AGE_MS = 5_000;
/** For the question itself. */
const GRACE_MS = 1_000;

describe('a session', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi({ accounts: false });
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  afterAll(async () => {
    await api.close();
  });

  test('is read once, however many requests come with it', async () => {
    const { client } = await api.customer();
    const queries = vi.spyOn(api.pool, 'query');
    for (let call = 0; call < 10; call++) expect((await client('GET', '/api/wallet')).status).toBe(200);
    const asked = queries.mock.calls.map(([query]) => (query as { name?: string }).name);
    expect(asked.filter((name) => name === 'read-sessions')).toHaveLength(1);
  });

  test('that has ended here is worth nothing at once', async () => {
    const { client } = await api.customer();
    const cookie = client.cookies.get(COOKIE) ?? '';
    expect((await client('GET', '/api/wallet')).status).toBe(200);
    expect((await client('POST', '/api/logout')).status).toBe(200);
    client.cookies.set(COOKIE, cookie);
    expect((await client('GET', '/api/wallet')).status).toBe(401);
  });

  test('that has ended elsewhere is worth nothing within five seconds', async () => {
    const { client } = await api.customer();
    expect((await client('GET', '/api/wallet')).status).toBe(200);
    await api.pool.query('DELETE FROM session');
    const isOver = async () => (await client('GET', '/api/wallet')).status === 401;
    await until('it is over', isOver, MAX_AGE_MS + GRACE_MS);
  });

  test('is known by the whole cookie: with another signature it is nobody’s', async () => {
    const { client } = await api.customer();
    expect((await client('GET', '/api/wallet')).status).toBe(200);
    const cookie = client.cookies.get(COOKIE) ?? '';
    const forged = cookie.slice(0, -3) + (cookie.endsWith('AAA') ? 'BBB' : 'AAA');
    for (const value of [forged, `${cookie}x`, cookie.slice(0, cookie.indexOf('.'))]) {
      client.cookies.set(COOKIE, value);
      expect((await client('GET', '/api/wallet')).status).toBe(401);
    }
  });
});
