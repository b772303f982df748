/** The start page while it is looked at: whom it tells, what looking costs, and the first steps. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from '../support/api.ts';
import type { Client, TestApi } from '../support/api.ts';

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

describe('the first steps', () => {
  it('go on while there is nobody else to pay, and no longer', async () => {
    const alone = await startApi();
    try {
      const { client, walletId } = await alone.customer();
      await alone.deposit(walletId, 5);
      expect((await get(client, '/')).text).toMatch(/sign up<\/a> a second\s+person/);
      await alone.customer();
      expect((await get(client, '/')).text).not.toContain('To try it on this machine');
    } finally {
      await alone.close();
    }
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
