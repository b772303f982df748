/** Proving who one is: passwords, sessions, HTTP Basic and its memory, and the limit on guessing. */
import * as argon2 from '@node-rs/argon2';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BANK, OPERATOR, PASSWORD, basic, startApi } from '../support/api.ts';
import type { Answer, Client, TestApi } from '../support/api.ts';

// Proofs are counted: argon2 itself is the real one.
vi.mock('@node-rs/argon2', async (importOriginal) => {
  const real = await importOriginal<typeof argon2>();
  return { ...real, verify: vi.fn(real.verify) };
});
const proofs = vi.mocked(argon2.verify);

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());
beforeEach(() => {
  proofs.mockClear();
});

const COOKIE = 'saldo.sid';
const codeOf = ({ json }: Answer): unknown => json['code'];
const login = (client: Client, email: string, password = PASSWORD) => client('POST', '/api/login', { email, password });

async function sessionsOf(userId: number): Promise<number> {
  const { rows } = await api.pool.query<{ count: bigint }>(
    `SELECT count(*) FROM session WHERE sess #>> '{principal,userId}' = $1`,
    [String(userId)],
  );
  return Number(rows[0]?.count);
}

describe('signing up', () => {
  it('starts a session with a hardened cookie', async () => {
    const client = api.client();
    const email = `new.${Date.now()}@localhost.ru`;
    const answer = await client('POST', '/api/signup', { name: 'New', email, password: PASSWORD });
    expect(answer.status).toBe(201);
    expect(answer.json).toEqual({
      status: 'OK',
      user_id: expect.any(Number) as number,
      wallet_id: expect.any(Number) as number,
    });
    expect(answer.headers.get('set-cookie')).toMatch(
      /^saldo\.sid=s%3A[^;]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
    );
    expect((await client('GET', '/api/wallet')).json['wallet_id']).toBe(answer.json['wallet_id']);
  });
  it('twice with one e-mail in any spelling is refused', async () => {
    const email = `Spelt.${Date.now()}@Localhost.ru`;
    const body = { name: 'One', email, password: PASSWORD };
    expect((await api.client()('POST', '/api/signup', body)).status).toBe(201);
    for (const spelling of [email.toUpperCase(), email.toLowerCase(), ` ${email} `]) {
      const answer = await api.client()('POST', '/api/signup', { ...body, email: spelling });
      expect([answer.status, codeOf(answer)]).toEqual([409, 'email_taken']);
    }
    expect((await login(api.client(), email.toUpperCase())).status).toBe(200);
  });
  it('ten times at once with one e-mail makes one account with one wallet', async () => {
    const email = `race.${Date.now()}@localhost.ru`;
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => api.client()('POST', '/api/signup', { name: 'R', email, password: PASSWORD })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(9).fill(409)]);
    const users = await api.prisma.appUser.findMany({ where: { email }, include: { wallets: true } });
    expect(users.map(({ wallets }) => wallets.length)).toEqual([1]);
  });
  it.each([
    ['name', ''],
    ['name', '   '],
    ['name', 'x'.repeat(101)],
    ['name', 'a\u0000'],
    ['email', 'no-at'],
    ['email', 'a@b@c'],
    ['email', 'a b@c'],
    ['email', `${'x'.repeat(250)}@b.ru`],
    ['password', 'short12'],
    ['password', 'x'.repeat(201)],
    ['password', 'with\ttabs-in'],
  ])('with the %s %j is refused', async (field, value) => {
    const body = { name: 'Valid', email: `valid.${Date.now()}@localhost.ru`, password: PASSWORD, [field]: value };
    const answer = await api.client()('POST', '/api/signup', body);
    expect([answer.status, answer.json['errors']]).toEqual([
      400,
      [{ path: field, message: expect.any(String) as string }],
    ]);
  });
  it('does not let a client choose its role', async () => {
    const body = { name: 'X', email: `role.${Date.now()}@localhost.ru`, password: PASSWORD, role: 'bank' };
    expect((await api.client()('POST', '/api/signup', body)).json['errors']).toMatchObject([{ path: 'role' }]);
  });
});

describe('logging in', () => {
  it('answers the account, and the operator has no wallet', async () => {
    const { email, userId, walletId } = await api.customer();
    const answer = await login(api.client(), email);
    expect([answer.status, answer.json]).toEqual([200, { status: 'OK', user_id: userId, wallet_id: walletId }]);
    const operator = await login(api.client(), OPERATOR.email, OPERATOR.password);
    expect([operator.status, operator.json['wallet_id']]).toEqual([200, null]);
  });
  it('a wrong password and an unknown e-mail take one proof each and answer alike', async () => {
    const { email } = await api.customer();
    const told = [];
    for (const claimed of [email, `nobody.${Date.now()}@localhost.ru`]) {
      proofs.mockClear();
      const { status, json } = await login(api.client(), claimed, 'wrong');
      told.push({ status, ...json, request_id: undefined });
      expect(proofs).toHaveBeenCalledTimes(1);
    }
    expect(told[0]).toMatchObject({ status: 401, code: 'invalid_credentials' });
    expect(told).toEqual([told[0], told[0]]);
  });
  it('an e-mail longer than any account can have costs no proof and is not remembered', async () => {
    proofs.mockClear();
    const { status, json } = await login(api.client(), `${'x'.repeat(300)}@localhost.ru`, 'wrong');
    expect([status, json['code']]).toEqual([401, 'invalid_credentials']);
    expect(proofs).not.toHaveBeenCalled();
  });
  it('a password over the limit is wrong, not invalid', async () => {
    const { email } = await api.customer();
    expect(codeOf(await login(api.client(), email, 'x'.repeat(5000)))).toBe('invalid_credentials');
  });
  it('gives a new session id, and the old one is worth nothing', async () => {
    const { client, email, userId } = await api.customer();
    const before = client.cookies.get(COOKIE) ?? '';
    await login(client, email);
    expect(client.cookies.get(COOKIE)).not.toBe(before);
    expect(await sessionsOf(userId)).toBe(1);
    const thief = api.client();
    thief.cookies.set(COOKIE, before);
    expect((await thief('GET', '/api/wallet')).status).toBe(401);
  });
  it('does not take an id that a client brings along', async () => {
    const { client: fixed } = await api.customer('attacker');
    const planted = fixed.cookies.get(COOKIE) ?? '';
    const { email } = await api.customer('victim');
    const victim = api.client();
    victim.cookies.set(COOKIE, planted);
    await login(victim, email);
    expect(victim.cookies.get(COOKIE)).not.toBe(planted);
    expect((await fixed('GET', '/api/wallet')).status).toBe(401);
  });
  it('a cookie that was tampered with is nobody', async () => {
    const { client } = await api.customer();
    client.cookies.set(COOKIE, `${client.cookies.get(COOKIE) ?? ''}x`);
    const answer = await client('GET', '/api/wallet');
    expect([answer.status, codeOf(answer)]).toEqual([401, 'unauthenticated']);
    expect(answer.headers.get('www-authenticate')).toBe('Basic realm="Saldo", charset="UTF-8"');
  });
  it('sessions of many requests at once are told apart', async () => {
    const customers = await Promise.all([1, 2, 3, 4].map(() => api.customer()));
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => customers[index % 4]!.client('GET', '/api/wallet')),
    );
    expect(answers.map(({ json }) => json['wallet_id'])).toEqual(
      answers.map((_, index) => customers[index % 4]!.walletId),
    );
  });
  it('an expired session is nobody', async () => {
    const { client, userId } = await api.customer();
    await api.pool.query(
      `UPDATE session SET expire = now() - interval '1 second' WHERE sess #>> '{principal,userId}' = $1`,
      [String(userId)],
    );
    expect((await client('GET', '/api/wallet')).status).toBe(401);
  });
});

describe('logging out', () => {
  it('ends the session and takes the cookie back', async () => {
    const { client, userId } = await api.customer();
    const cookie = client.cookies.get(COOKIE) ?? '';
    expect((await client('POST', '/api/logout')).status).toBe(200);
    expect([client.cookies.size, await sessionsOf(userId)]).toEqual([0, 0]);
    client.cookies.set(COOKIE, cookie);
    expect((await client('GET', '/api/wallet')).status).toBe(401);
    expect((await client('POST', '/api/logout')).status).toBe(401);
  });
  it('with the credentials ends the session they started', async () => {
    const { email, userId, client } = await api.customer();
    await client('POST', '/api/logout');
    const caller = api.client();
    await caller('GET', '/api/wallet', undefined, basic(email, PASSWORD));
    expect(await sessionsOf(userId)).toBe(1);
    caller.cookies.clear();
    expect((await caller('POST', '/api/logout', undefined, basic(email, PASSWORD))).status).toBe(200);
    expect([await sessionsOf(userId), caller.cookies.size]).toEqual([0, 0]);
  });
  it('by the cookie of a session that Basic started does not hand that session out again', async () => {
    const { email, userId } = await api.customer();
    const caller = api.client();
    await caller('GET', '/api/wallet', undefined, basic(email, PASSWORD));
    await caller('POST', '/api/logout');
    const again = api.client();
    await again('GET', '/api/wallet', undefined, basic(email, PASSWORD));
    expect((await again('GET', '/api/wallet')).status).toBe(200);
    expect(await sessionsOf(userId)).toBe(2);
  });
});

describe('HTTP Basic', () => {
  it('twenty first calls at once take one proof and start one session', async () => {
    const { email, userId, client } = await api.customer();
    await client('POST', '/api/logout');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => api.client()('GET', '/api/wallet', undefined, basic(email, PASSWORD))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(proofs).toHaveBeenCalledTimes(1);
    expect(await sessionsOf(userId)).toBe(1);
  });
  it('call after call without cookies takes no more', async () => {
    const { email, userId, client } = await api.customer();
    await client('POST', '/api/logout');
    for (let call = 0; call < 5; call++) {
      expect((await api.client()('GET', '/api/wallet', undefined, basic(email, PASSWORD))).status).toBe(200);
    }
    expect([proofs.mock.calls.length, await sessionsOf(userId)]).toEqual([1, 1]);
  });
  it('gives every caller a cookie that works alone', async () => {
    const { email, walletId } = await api.customer();
    for (const caller of [api.client(), api.client()]) {
      await caller('GET', '/api/wallet', undefined, basic(email, PASSWORD));
      expect((await caller('GET', '/api/wallet')).json['wallet_id']).toBe(walletId);
    }
  });
  it('hardens every cookie it gives, and behind TLS makes it Secure', async () => {
    const proxied = await startApi({ accounts: false, env: { TRUST_PROXY: '1' } });
    try {
      const { email } = await proxied.customer();
      const headers = { ...basic(email, PASSWORD), 'X-Forwarded-Proto': 'https' };
      for (const caller of [proxied.client(), proxied.client()]) {
        const answer = await caller('GET', '/api/wallet', undefined, headers);
        const attributes = (answer.headers.get('set-cookie') ?? '').split('; ').slice(1);
        expect(attributes).toEqual(expect.arrayContaining(['Path=/', 'HttpOnly', 'Secure', 'SameSite=Lax']));
      }
    } finally {
      await proxied.close();
    }
  });
  it('starts no session for a client that has one of the same user', async () => {
    const { client, email, userId } = await api.customer();
    const cookie = client.cookies.get(COOKIE);
    await client('GET', '/api/wallet', undefined, basic(email, PASSWORD));
    await client('GET', '/api/wallet', undefined, basic(email, PASSWORD));
    expect([await sessionsOf(userId), client.cookies.get(COOKIE)]).toEqual([1, cookie]);
  });
  it('beats the cookie of another user, and replaces it', async () => {
    const { client } = await api.customer();
    const other = await api.customer();
    const answer = await client('GET', '/api/wallet', undefined, basic(other.email, PASSWORD));
    expect(answer.json['wallet_id']).toBe(other.walletId);
    expect((await client('GET', '/api/wallet')).json['wallet_id']).toBe(other.walletId);
  });
  it('that is wrong is refused, whatever the cookie says', async () => {
    const { client, email } = await api.customer();
    const answer = await client('GET', '/api/wallet', undefined, basic(email, 'wrong'));
    expect([answer.status, codeOf(answer)]).toEqual([401, 'invalid_credentials']);
    expect(answer.headers.get('www-authenticate')).toBe('Basic realm="Saldo", charset="UTF-8"');
  });
  it.each(['Basic', 'Basic !!!', 'Basic bm9jb2xvbg==', 'Basic Og==', 'Basic /zo=', 'Bearer abc', 'NotBasic eDp5'])(
    '%j is not a proof',
    async (Authorization) => {
      const answer = await api.client()('GET', '/api/wallet', undefined, { Authorization });
      expect([answer.status, codeOf(answer)]).toEqual([401, 'invalid_credentials']);
    },
  );
  it('carries passwords with colons and letters beyond ASCII, composed or not', async () => {
    const email = `пользователь.${Date.now()}@почта.рф`;
    const password = 'пароль:с:двоеточием:й';
    await api.client()('POST', '/api/signup', { name: 'Имя', email, password });
    for (const [user, proof] of [
      [email, password],
      [email.toUpperCase(), password.normalize('NFD')],
    ] as const) {
      expect((await api.client()('GET', '/api/wallet', undefined, basic(user, proof))).status).toBe(200);
    }
    expect((await api.client()('GET', '/api/wallet', undefined, basic(email, 'пароль'))).status).toBe(401);
  });
});

describe('guessing', () => {
  it('stops after ten failures, for that e-mail only, and says for how long', async () => {
    const { email } = await api.customer();
    const guesses = await Promise.all(
      Array.from({ length: 15 }, (_, guess) => login(api.client(), email, `wrong-${guess}`)),
    );
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(10);
    expect(proofs).toHaveBeenCalledTimes(10);
    const refused = await login(api.client(), email);
    expect([refused.status, codeOf(refused)]).toEqual([429, 'rate_limited']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(800);
    const basically = await api.client()('GET', '/api/wallet', undefined, basic(email, PASSWORD));
    expect(basically.status).toBe(429);
    expect((await login(api.client(), (await api.customer()).email)).status).toBe(200);
  });
  it('is forgotten with a success', async () => {
    const { email } = await api.customer();
    for (let round = 0; round < 2; round++) {
      for (let guess = 0; guess < 9; guess++) await login(api.client(), email, `wrong-${guess}`);
      expect((await login(api.client(), email)).status).toBe(200);
    }
  });
  it('does not count proofs that never came to a verdict', async () => {
    const { email } = await api.customer();
    for (let round = 0; round < 12; round++) {
      proofs.mockRejectedValueOnce(Object.assign(new Error('Query read timeout')));
      expect((await login(api.client(), email)).status).toBe(503);
      await vi.waitUntil(async () => (await fetch(`${api.url}/api/operations/x`)).status === 401);
    }
    expect((await login(api.client(), email)).status).toBe(200);
  });
});

describe('roles', () => {
  it.each([
    ['customer', 'POST', '/api/external_to_wallet', 403],
    ['customer', 'GET', '/metrics', 403],
    ['bank', 'POST', '/api/wallet_to_wallet', 403],
    ['bank', 'GET', '/api/wallet', 200],
    ['operator', 'GET', '/api/wallet', 403],
    ['operator', 'POST', '/api/wallet_to_wallet', 403],
    ['operator', 'GET', '/metrics', 200],
  ])('a %s may not or may %s %s: %i', async (role, method, path, status) => {
    const { email, password } = { bank: BANK, operator: OPERATOR }[role] ?? {
      email: (await api.customer()).email,
      password: PASSWORD,
    };
    const body = method === 'POST' ? { wallet_id: 1, amount: 1 } : undefined;
    expect((await api.client()(method, path, body, basic(email, password))).status).toBe(status);
  });
});
