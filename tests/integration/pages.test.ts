/** The forms, used as a browser without JavaScript would: a page, a form sent, a redirect, a page. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CODES } from '../../shared/problems.ts';
import { BANK, OPERATOR, PASSWORD, startApi } from '../support/api.ts';
import type { Answer, Client, TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const HTML = { Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const get = (client: Client, path: string) => client('GET', path, undefined, HTML);
const post = (client: Client, path: string, fields: Record<string, string>, headers = {}) =>
  client('POST', path, new URLSearchParams(fields), { ...HTML, Origin: api.url, ...headers });
const keyOf = ({ text }: Answer): string => /name="idempotency_key" value="([^"]+)"/.exec(text)?.[1] ?? '';
const balanceOf = async (client: Client) => (await client('GET', '/api/wallet')).json['balance'];

let number = 0;
async function signedUp(name = 'Анна'): Promise<{ client: Client; email: string; walletId: number }> {
  const client = api.client();
  const email = `page${Date.now()}.${number++}@localhost.ru`;
  const answer = await post(client, '/signup', { name, email, password: PASSWORD });
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/']);
  const walletId = Number((await client('GET', '/api/wallet')).json['wallet_id']);
  return { client, email, walletId };
}

describe('accounts', () => {
  it('sign up, see an empty wallet, log out, log in', async () => {
    const { client, email, walletId } = await signedUp();
    const home = await get(client, '/');
    expect([home.status, home.text]).toEqual([
      200,
      expect.stringContaining(`Wallet number <strong>${walletId}</strong>`),
    ]);
    expect(home.text).toContain('Nothing yet. Money arrives when');
    const out = await post(client, '/logout', {});
    expect([out.status, out.headers.get('location'), client.cookies.size]).toEqual([303, '/login', 0]);
    const nobody = await get(client, '/');
    expect([nobody.status, nobody.headers.get('location')]).toEqual([303, '/login']);
    const back = await post(client, '/login', { email, password: PASSWORD });
    expect([back.status, back.headers.get('location')]).toEqual([303, '/']);
    expect((await get(client, '/')).status).toBe(200);
  });
  it('show what is wrong at its field, and keep what was typed, but no password', async () => {
    const answer = await post(api.client(), '/signup', { name: '<b>Eve</b>', email: 'no-at', password: 'short<' });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('E-mail must be an e-mail address.');
    expect(answer.text).toContain('Password must have 8 to 200 characters.');
    expect(answer.text).toMatch(/id="email"[^>]*aria-invalid="true"[^>]*autofocus/);
    expect(answer.text).toContain('value="&lt;b&gt;Eve&lt;/b&gt;"');
    expect(answer.text).not.toContain('<b>Eve');
    expect(answer.text).not.toContain('short');
  });
  it('say that an e-mail is taken, and that a log-in failed', async () => {
    const { email } = await signedUp();
    const taken = await post(api.client(), '/signup', { name: 'B', email, password: 'another password' });
    expect([taken.status, taken.text]).toEqual([409, expect.stringContaining('This e-mail has an account already.')]);
    const failed = await post(api.client(), '/login', { email, password: 'wrong' });
    expect([failed.status, failed.text]).toEqual([401, expect.stringContaining('E-mail or password is wrong')]);
    expect(failed.headers.get('www-authenticate')).toBeNull();
  });
  it('sign up twice by a double click, and make one account', async () => {
    const fields = { name: 'Eve', email: `twice${Date.now()}@localhost.ru`, password: PASSWORD };
    const clients = [api.client(), api.client()];
    const answers = await Promise.all(clients.map((client) => post(client, '/signup', fields)));
    expect(answers.map(({ status, headers }) => [status, headers.get('location')])).toEqual([
      [303, '/'],
      [303, '/'],
    ]);
    const wallets = await Promise.all(clients.map((client) => client('GET', '/api/wallet')));
    expect(wallets[0]!.json['wallet_id']).toBe(wallets[1]!.json['wallet_id']);
  });
  it('offer neither sign-up nor log-in to whoever is logged in', async () => {
    const { client } = await signedUp();
    for (const path of ['/login', '/signup']) {
      const answer = await get(client, path);
      expect([path, answer.status, answer.headers.get('location')]).toEqual([path, 303, '/']);
    }
  });
  it('lead back to where somebody was going, and to no other site', async () => {
    const { client, email } = await signedUp();
    await post(client, '/logout', {});
    const refused = await get(client, '/metrics');
    expect([refused.status, refused.text]).toEqual([401, expect.stringContaining('This page is not for everybody.')]);
    const link = /href="(\/login[^"]*)"[^>]*>Log in<\/a><\/p>/.exec(refused.text)?.[1] ?? '';
    expect(link).toBe('/login?to=%2Fmetrics');
    expect((await get(client, link)).text).toContain('name="to" value="/metrics"');
    const wrong = await post(client, '/login', { email, password: 'not this one', to: '/ops/audit?before=7' });
    expect([wrong.status, wrong.text]).toEqual([401, expect.stringContaining('name="to" value="/ops/audit?before=7"')]);
    const back = await post(client, '/login', { email, password: PASSWORD, to: '/ops/audit?before=7' });
    expect([back.status, back.headers.get('location')]).toEqual([303, '/ops/audit?before=7']);
    expect((await get(client, '/login?to=/logout')).headers.get('location')).toBe('/logout');
    for (const to of ['//evil.example', '/\\evil.example', 'https://evil.example', '/\tevil', 'x'.repeat(600)]) {
      const elsewhere = await post(api.client(), '/login', { email, password: PASSWORD, to });
      expect([to, elsewhere.headers.get('location')]).toEqual([to, '/']);
      const offered = await get(api.client(), `/login?to=${encodeURIComponent(to)}`);
      expect([to, offered.text.includes('name="to"')]).toEqual([to, false]);
    }
  });
  it('refuse a form from another site', async () => {
    const { client } = await signedUp();
    for (const path of ['/', '/login', '/signup', '/logout']) {
      const answer = await post(client, path, {}, { Origin: 'https://evil.example' });
      expect([path, answer.status, answer.text]).toEqual([
        path,
        403,
        expect.stringContaining('came from another site'),
      ]);
    }
    expect((await get(client, '/')).status).toBe(200);
  });
  it('let a bank pay in from a page of its own, and an operator move nothing', async () => {
    const { client, walletId } = await signedUp();
    const bank = api.client();
    await post(bank, '/login', BANK);
    const settlement = await get(bank, '/');
    expect(settlement.text).toContain('<title>Settlement wallet · Saldo</title>');
    expect(settlement.text).not.toContain('Send money');
    const key = keyOf(settlement);
    const fields = { wallet_id: String(walletId), amount: '12.30', details: 'Salary', idempotency_key: key };
    const paid = await Promise.all([post(bank, '/', fields), post(bank, '/', fields)]);
    expect(paid.map(({ status }) => status)).toEqual([303, 303]);
    const after = await get(bank, paid[0].headers.get('location') ?? '');
    expect(after.text).toContain(`Paid in: 12.30 RUB to wallet ${walletId}.`);
    expect(await balanceOf(client)).toBe(12.3);
    const operator = api.client();
    await post(operator, '/login', OPERATOR);
    expect((await get(operator, '/')).text).toContain('href="/metrics"');
    expect((await post(operator, '/', {})).status).toBe(403);
  });
});

describe('sending money', () => {
  it('moves it once, however often the form is sent', async () => {
    const [anna, boris] = [await signedUp(), await signedUp('Boris')];
    await api.deposit(anna.walletId, 100, '<script>alert(1)</script>');
    const form = await get(anna.client, '/');
    expect(form.text).toContain('<strong><span class="amount">100.00</span> RUB</strong>');
    expect(form.text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    const fields = { wallet_id: String(boris.walletId), amount: '11.10', details: '', idempotency_key: keyOf(form) };
    const sent = await Promise.all([1, 2, 3].map(() => post(anna.client, '/', fields)));
    expect(new Set(sent.map(({ status, headers }) => `${status} ${headers.get('location') ?? ''}`)).size).toBe(1);
    expect(await balanceOf(anna.client)).toBe(88.9);
    const after = await get(anna.client, sent[0]?.headers.get('location') ?? '');
    expect(after.text).toContain(`Sent: 11.10 RUB to wallet ${boris.walletId}.`);
    expect(keyOf(after)).not.toBe(keyOf(form));
  });
  it.each([
    [{ wallet_id: 'x' }, 400, 'To wallet number must be the number of a wallet, such as 12.'],
    [{ wallet_id: '999999999' }, 404, 'There is no wallet with this number.'],
    [{ amount: '1,500' }, 400, 'Amount in RUB must be an amount such as 250 or 10.50.'],
    [{ amount: '0,00' }, 400, 'Amount in RUB must be greater than zero.'],
    [{ amount: '1.001' }, 400, 'Amount in RUB must have at most 2 decimals in RUB.'],
    [{ amount: '1000' }, 422, 'You have 100.00 RUB, which is less than this.'],
    [{ details: 'x'.repeat(501) }, 400, 'Message must have at most 500 characters.'],
  ])(
    '%j shows why not, with the form as it was, and a new key where the old one is used up',
    async (wrong, status, message) => {
      const [anna, boris] = [await signedUp(), await signedUp()];
      await api.deposit(anna.walletId, 100);
      const key = keyOf(await get(anna.client, '/'));
      const fields = { wallet_id: String(boris.walletId), amount: '1', details: '', idempotency_key: key, ...wrong };
      const answer = await post(anna.client, '/', fields);
      expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(message)]);
      expect(answer.text).toContain(`value="${fields.amount}"`);
      expect(keyOf(answer)).toMatch(/^[0-9a-f-]{36}$/);
      // What has no outcome under its key may still be on its way from an earlier try, and must not go under a second one.
      expect(keyOf(answer) === key).toBe(status !== 422);
      expect(await balanceOf(anna.client)).toBe(100);
    },
  );
  it('to oneself shows why not', async () => {
    const anna = await signedUp();
    const fields = { wallet_id: String(anna.walletId), amount: '1', details: '', idempotency_key: 'k' };
    expect((await post(anna.client, '/', fields)).text).toContain('This is your own wallet.');
  });
  it('reads an amount as it is typed', async () => {
    const [anna, boris] = [await signedUp(), await signedUp()];
    await api.deposit(anna.walletId, 2000);
    for (const amount of ['10,50', ' 1\u00a0000.25 ', '.5']) {
      const key = keyOf(await get(anna.client, '/'));
      const fields = { wallet_id: ` ${boris.walletId} `, amount, details: '', idempotency_key: key };
      expect((await post(anna.client, '/', fields)).status).toBe(303);
    }
    expect(await balanceOf(boris.client)).toBe(1011.25);
  });
  it('nobody who is not logged in can', async () => {
    const answer = await post(api.client(), '/', { wallet_id: '1', amount: '1', details: '', idempotency_key: 'k' });
    expect([answer.status, answer.text]).toEqual([401, expect.stringContaining('href="/login"')]);
    expect(answer.headers.get('www-authenticate')).toBeNull();
  });
});

describe('operations', () => {
  it('are listed page by page', async () => {
    const { client, walletId } = await signedUp();
    for (let amount = 1; amount <= 21; amount++) await api.deposit(walletId, amount);
    const first = await get(client, '/');
    expect(first.text).toContain('href="/?before=2"');
    const second = await get(client, '/?before=2');
    expect(second.text).toContain('href="/"');
    expect(second.text.match(/<time /g)).toHaveLength(1);
    expect((await get(client, '/?before=x&sent=y&unknown=z')).status).toBe(200);
  });
});

describe('every page', () => {
  it('is kept by no cache and runs no script that is not ours', async () => {
    const { client } = await signedUp();
    for (const path of ['/', '/login', '/signup', '/logout', '/docs', '/problems/', '/problems/csrf']) {
      const { status, headers, text } = await get(path === '/' ? client : api.client(), path);
      expect([path, status, headers.get('cache-control')]).toEqual([path, 200, 'no-store']);
      expect(headers.get('content-security-policy')).toMatch(/default-src 'none';script-src 'self';style-src 'self'/);
      expect(headers.get('content-security-policy')).not.toContain('unsafe');
      expect(headers.get('referrer-policy')).toBe('same-origin');
      expect(text).not.toMatch(/<script(?![^>]* src="\/assets\/)|<[^>]+ (on\w+|style)=/i);
      for (const [, file = ''] of text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
        const asset = await client('GET', file);
        expect([file, asset.status]).toEqual([file, 200]);
      }
    }
  });
  it('of a problem exists for every code', async () => {
    const list = await get(api.client(), '/problems/');
    const codes = [...list.text.matchAll(/href="\/problems\/(\w+)"/g)].map(([, code]) => code);
    expect(codes).toEqual([...CODES]);
    for (const code of codes) expect((await get(api.client(), `/problems/${code ?? ''}`)).status).toBe(200);
  });
  it('that is not there is a page for a browser and a problem for a client', async () => {
    const page = await get(api.client(), '/nothing');
    expect([page.status, page.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
    expect((await get(api.client(), '/api/nothing')).json['code']).toBe('not_found');
  });
  it('that says what went wrong knows whether somebody is logged in', async () => {
    const { client } = await signedUp();
    for (const [path, status] of [
      ['/nothing', 404],
      ['/metrics', 403],
    ] as const) {
      const mine = await get(client, path);
      expect([mine.status, mine.text.includes('Log out'), mine.text.includes('Log in')]).toEqual([status, true, false]);
    }
    const nobodys = await get(api.client(), '/nothing');
    expect([nobodys.text.includes('Log out'), nobodys.text.includes('Log in')]).toEqual([false, true]);
    // Neither does a page cost a proof of the password, nor does a wrong one make another page of it.
    const wrong = { Authorization: `Basic ${Buffer.from('nobody@localhost.ru:wrong').toString('base64')}` };
    expect((await api.client()('GET', '/nothing', undefined, { ...HTML, ...wrong })).status).toBe(404);
  });
});
