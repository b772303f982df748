/** Which of a request's cookies says whose it is, and by which name it is given, with and without TLS. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PASSWORD, basic, startApi } from '../support/api.ts';
import type { Client, Customer, TestApi } from '../support/api.ts';

const PLAIN = 'saldo.sid';
const STRONG = '__Host-saldo.sid';
const TLS = { 'X-Forwarded-Proto': 'https' };

/** As another service gives it out, or we did under another secret. */
function foreign(id: string, secret = 'the secret of another service'): string {
  const signature = createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '');
  return encodeURIComponent(`s:${id}.${signature}`);
}

describe('session cookies', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi({ env: { TRUST_PROXY: '1' } });
  });
  afterAll(() => api.close());

  const walletBy = async (cookie: string): Promise<unknown> => {
    const { status, json } = await api.client()('GET', '/api/wallet', undefined, { Cookie: cookie });
    return status === 200 ? json['wallet_id'] : status;
  };
  const cookieOf = ({ client }: Pick<Customer, 'client'>, name = PLAIN) => `${name}=${client.cookies.get(name) ?? ''}`;
  const logIn = async ({ email }: Customer, headers: Record<string, string>): Promise<Client> => {
    const client = api.client();
    expect((await client('POST', '/api/login', { email, password: PASSWORD }, headers)).status).toBe(200);
    return client;
  };

  test('of others in front of ours take nothing from it', async () => {
    const anna = await api.customer();
    const others = [`${PLAIN}=${foreign('other')}`, `${PLAIN}=s%3Ax.y`, `${PLAIN}=1`, `${STRONG}=${foreign('other')}`];
    for (const other of others) {
      expect(await walletBy(`${other}; ${cookieOf(anna)}`), other).toBe(anna.walletId);
      expect(await walletBy(`${cookieOf(anna)}; ${other}`), other).toBe(anna.walletId);
    }
    expect(await walletBy(others.join('; '))).toBe(401);
  });

  test('of a session that is over are passed over', async () => {
    const [gone, anna] = [await api.customer(), await api.customer()];
    const old = cookieOf(gone);
    await gone.client('POST', '/api/logout');
    expect(await walletBy(`${old}; ${cookieOf(anna)}`)).toBe(anna.walletId);
  });

  test('of two sessions of ours the first counts, whether they were read before or not', async () => {
    const [anna, boris] = [await api.customer(), await api.customer()];
    const both = `${cookieOf(anna)}; ${cookieOf(boris)}`;
    expect(await walletBy(cookieOf(boris))).toBe(boris.walletId);
    expect(await walletBy(both)).toBe(anna.walletId);
    expect(await walletBy(both)).toBe(anna.walletId);
  });

  test('are given under the name that only this host can set, behind TLS alone', async () => {
    const anna = await api.customer();
    expect([...anna.client.cookies.keys()]).toEqual([PLAIN]);
    const logins = [await logIn(anna, TLS)];
    for (let caller = 0; caller < 2; caller++) {
      const client = api.client();
      expect((await client('GET', '/api/wallet', undefined, { ...TLS, ...basic(anna.email, PASSWORD) })).status).toBe(
        200,
      );
      logins.push(client);
    }
    for (const client of logins) {
      expect([...client.cookies.keys()]).toEqual([STRONG]);
      expect(await walletBy(cookieOf({ client }, STRONG))).toBe(anna.walletId);
    }
    const answer = await api.client()('POST', '/api/login', { email: anna.email, password: PASSWORD }, TLS);
    expect(answer.headers.get('set-cookie')).toMatch(
      /^__Host-saldo\.sid=s%3A[^;]+; Path=\/; Expires=[^;]+; HttpOnly; Secure; SameSite=Lax$/,
    );
  });

  test('from before TLS go on working behind it, and give way to the stronger name', async () => {
    const [anna, boris] = [await api.customer(), await api.customer()];
    const before = cookieOf(anna);
    const seen = await api.client()('GET', '/api/wallet', undefined, { Cookie: before, ...TLS });
    expect(seen.json['wallet_id']).toBe(anna.walletId);
    const client = await logIn(boris, { Cookie: before, ...TLS });
    expect(await walletBy(`${before}; ${cookieOf({ client }, STRONG)}`)).toBe(boris.walletId);
    // The log-in has ended the session that the request came with.
    expect(await walletBy(before)).toBe(401);
  });

  test('all end with a log-out, and all are taken back', async () => {
    const anna = await api.customer();
    const client = await logIn(anna, TLS);
    const cookies = [cookieOf(anna), cookieOf({ client }, STRONG)];
    const headers = { ...TLS, Cookie: [`${PLAIN}=${foreign('other')}`, ...cookies].join('; ') };
    const { status, headers: answered } = await api.client()('POST', '/api/logout', undefined, headers);
    expect(status).toBe(200);
    expect(answered.getSetCookie().map((each) => each.split('=')[0])).toEqual([STRONG, PLAIN]);
    for (const cookie of cookies) expect(await walletBy(cookie)).toBe(401);
  });

  test('that were signed by nobody start no session at a log-in', async () => {
    const anna = await api.customer();
    const fixed = foreign('fixed');
    const client = await logIn(anna, { Cookie: `${PLAIN}=${fixed}` });
    expect(client.cookies.get(PLAIN)).not.toBe(fixed);
    expect(await walletBy(`${PLAIN}=${fixed}`)).toBe(401);
  });
});
