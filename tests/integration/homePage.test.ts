/** The start page while it is looked at: what it tells of payments under way, whom it tells, and what looking costs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCommand } from '../../api/command.ts';
import { Problem } from '../../api/problem.ts';
import { insertPending } from '../../shared/store/pendingOperations.ts';
import { startApi } from '../support/api.ts';
import type { Client, Customer, TestApi } from '../support/api.ts';

/** What the product promises of its pages. */
const RENDER_LIMIT_MS = 50;

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const HTML = { Accept: 'text/html' };
const get = (client: Client, path: string, headers = {}) => client('GET', path, undefined, { ...HTML, ...headers });
const etagOf = (answer: { headers: Headers }) => answer.headers.get('etag') ?? '';

/** A payment of `payer` that is promised and not decided; its id. */
async function promise(payer: Customer, toWalletId: number, on = api): Promise<string> {
  const command = createCommand(
    {
      kind: 'transfer',
      debitWalletId: BigInt(payer.walletId),
      creditWalletId: BigInt(toWalletId),
      amountMinor: 1_234_50n,
      currency: 'RUB',
      initiatorId: BigInt(payer.userId),
      requestId: crypto.randomUUID(),
      details: undefined,
      externalId: undefined,
      idempotencyKey: undefined,
    },
    Date.now(),
  );
  await insertPending(on.pool, [{ command, dueInMs: 30_000 }], { partitions: 4, room: 10 });
  return command.id;
}

describe('a page that is asked for again', () => {
  it('is not sent again before something has changed', async () => {
    const { client, walletId } = await api.customer();
    const first = await get(client, '/');
    const again = await get(client, '/', { 'If-None-Match': etagOf(first) });
    expect([again.status, again.text, again.headers.get('cache-control')]).toEqual([304, '', 'no-store']);
    await api.deposit(walletId, 5);
    const changed = await get(client, '/', { 'If-None-Match': etagOf(first) });
    expect([changed.status, changed.text]).toEqual([200, expect.stringContaining('5.00 RUB')]);
    expect(etagOf(changed)).not.toBe(etagOf(first));
    expect(changed.text).toContain(`data-mark="${etagOf(changed).slice(1, -1)}"`);
  });
  it('is sent when it is another person’s, and not at all when nobody is logged in', async () => {
    const [anna, boris] = [await api.customer(), await api.customer()];
    const headers = { 'If-None-Match': etagOf(await get(anna.client, '/')) };
    expect((await get(boris.client, '/', headers)).status).toBe(200);
    expect((await get(api.client(), '/', headers)).status).toBe(303);
  });
  it('is sent when the wallet has been frozen', async () => {
    const { client, walletId } = await api.customer();
    const first = await get(client, '/');
    await api.pool.query('UPDATE wallet SET is_frozen = true WHERE id = $1', [walletId]);
    const frozen = await get(client, '/', { 'If-None-Match': etagOf(first) });
    expect([frozen.status, frozen.text]).toEqual([200, expect.stringContaining('This wallet is frozen')]);
  });
});

describe('a payment under way', () => {
  it('is shown to whoever sent it and to nobody else', async () => {
    const [payer, payee] = [await api.customer(), await api.customer()];
    const id = await promise(payer, payee.walletId);
    const words = `On its way: 1\u00a0234.50 RUB to wallet ${payee.walletId}.`;
    expect((await get(payer.client, `/?sent=${id}`)).text).toContain(words);
    expect((await get(payer.client, '/')).text).not.toContain(words);
    payer.client.cookies.set(`saldo.open.${id}`, '1');
    expect((await get(payer.client, '/')).text).toContain(words);
    payee.client.cookies.set(`saldo.open.${id}`, '1');
    for (const path of ['/', `/?sent=${id}`]) expect((await get(payee.client, path)).text).not.toContain('On its way');
  });
  it.each(['202', 'outcome_unknown'])('is remembered by the browser until it logs out: %s', async (how) => {
    let id = '';
    const slow = await startApi({
      accounts: false,
      move: () => {
        if (how === '202') return Promise.resolve({ status: 'PENDING', operationId: id, isReplay: false });
        return Promise.reject(new Problem('outcome_unknown', { operationId: id }));
      },
    });
    try {
      const payer = await slow.customer();
      id = await promise(payer, 7, slow);
      const form = new URLSearchParams({ wallet_id: '7', amount: '1234.5', details: '', idempotency_key: 'k' });
      await payer.client('POST', '/', form, { ...HTML, Origin: slow.url });
      expect(payer.client.cookies.has(`saldo.open.${id}`)).toBe(true);
      expect((await get(payer.client, '/')).text).toContain('On its way: 1\u00a0234.50 RUB to wallet 7.');
      await payer.client('POST', '/logout', undefined, { Origin: slow.url });
      expect(payer.client.cookies.size).toBe(0);
    } finally {
      await slow.close();
    }
  });
  it('is nothing that a made-up cookie could harm', async () => {
    const { client } = await api.customer();
    for (const name of ['saldo.open.x', `saldo.open.${'-'.repeat(36)}`, `saldo.open.${crypto.randomUUID()}`]) {
      client.cookies.set(name, '1');
    }
    expect((await get(client, '/')).status).toBe(200);
  });
});

describe('the first steps', () => {
  it('go on until the first payment: whom to pay when there is nobody else', async () => {
    const { client, walletId } = await api.customer();
    const other = await api.customer();
    await api.deposit(walletId, 5);
    const { text } = await get(client, '/');
    expect(text).toContain('Deposit from a bank');
    expect(text).toMatch(/sign up<\/a> a second\s+person/);
    await client('POST', '/api/wallet_to_wallet', { wallet_id: other.walletId, amount: 1 });
    expect((await get(client, '/')).text).not.toContain('To try it on this machine');
  });
  it('are explained to whoever has nothing yet, and on this machine how to play the bank', async () => {
    const { client } = await api.customer();
    expect((await get(client, '/')).text).toMatch(/need\s+your wallet number.+To try it on this machine/s);
    const production = await startApi({ accounts: false, env: { NODE_ENV: 'production' } });
    try {
      const { client: remote } = await production.customer();
      const { text } = await get(remote, '/');
      expect(text).toContain('Nothing yet.');
      expect(text).not.toContain('npm start');
    } finally {
      await production.close();
    }
  });
});

describe('pages', () => {
  it('are made in less than 50 ms, the database included', async () => {
    const { client, walletId } = await api.customer();
    for (let i = 0; i < 20; i++) await api.deposit(walletId, 1, 'A deposit with some words about it');
    for (const path of ['/', '/login']) {
      const tookMs: number[] = [];
      for (let i = 0; i < 21; i++) {
        const startedMs = performance.now();
        expect((await get(path === '/' ? client : api.client(), path)).status).toBe(200);
        tookMs.push(performance.now() - startedMs);
      }
      expect(tookMs.sort((a, b) => a - b)[10]).toBeLessThan(RENDER_LIMIT_MS);
    }
  });
  it('load files that are packed, kept for ever under their hash, and asked for anew without it', async () => {
    const { text } = await get(api.client(), '/login');
    const [path = ''] = /\/assets\/pico\.css\?v=[\w-]{12}/.exec(text) ?? [];
    const packed = await api.client()('GET', path, undefined, { 'Accept-Encoding': 'gzip' });
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    expect(Number(packed.headers.get('content-length'))).toBeLessThan(20_000);
    expect(packed.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    const plain = await api.client()('GET', '/assets/pico.css', undefined, { 'Accept-Encoding': 'identity' });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect([plain.headers.get('cache-control'), plain.text]).toEqual(['no-cache', packed.text]);
    const same = await api.client()('GET', '/assets/pico.css', undefined, { 'If-None-Match': etagOf(plain) });
    expect([same.status, same.text]).toEqual([304, '']);
  });
});
