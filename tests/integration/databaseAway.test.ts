/** While the database is away: a 503 within two seconds for whoever asks, one line in the log, and recovery by itself. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PASSWORD, basic, startApi } from '../support/api.ts';
import type { Customer, TestApi } from '../support/api.ts';
import { startTcpProxy } from '../support/tcpProxy.ts';
import type { TcpProxy } from '../support/tcpProxy.ts';

/** Two seconds, and what a machine that is busy with other tests may add. */
const HEARD_WITHIN_MS = 2_000 + 1_000;
/** Half of what asking the database once more would take. */
const AS_SOON_MS = 650;

let api: TestApi;
let proxy: TcpProxy;
let customer: Customer;

beforeEach(async () => {
  api = await startApi({
    accounts: false,
    async via(databaseUrl) {
      const url = new URL(databaseUrl);
      proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
      url.host = `127.0.0.1:${proxy.port}`;
      return url.href;
    },
  });
  customer = await api.customer();
});
afterEach(async () => {
  await proxy.restore();
  await api.close();
  await proxy.close();
});

describe.each([
  ['cut off', () => proxy.cut()],
  [
    'frozen',
    () => {
      proxy.freeze();
      return Promise.resolve();
    },
  ],
])('a database that is %s', (_, takeAway) => {
  it('is told as unavailable within two seconds, once in the log, until it is back', async () => {
    await takeAway();
    const ask = async () => {
      const startedMs = performance.now();
      const answers = await Promise.all([
        customer.client('GET', '/api/wallet'),
        api.client()('POST', '/api/login', { email: customer.email, password: PASSWORD }),
        api.client()('GET', '/api/wallet', undefined, basic(customer.email, PASSWORD)),
        api.client()('POST', '/api/signup', { name: 'New', email: `n${startedMs}@localhost.ru`, password: PASSWORD }),
        ...Array.from({ length: 20 }, () => customer.client('GET', '/api/wallet')),
      ]);
      for (const { status, json } of answers) expect([status, json['code']]).toEqual([503, 'unavailable']);
      expect(answers[0].headers.get('retry-after')).toBe('1');
      const tookMs = performance.now() - startedMs;
      expect(tookMs).toBeLessThan(HEARD_WITHIN_MS);
      return tookMs;
    };
    await ask();
    // Once that is established, nobody waits to hear it.
    await vi.waitUntil(async () => (await ask()) < 200, { timeout: 10_000 });
    expect((await api.client()('GET', '/livez')).status).toBe(200);
    expect(api.logs.filter(({ level }) => Number(level) >= 40)).toHaveLength(1);

    await proxy.restore();
    await vi.waitUntil(async () => (await customer.client('GET', '/api/wallet')).status === 200, { timeout: 10_000 });
    expect(api.logs.filter(({ level }) => Number(level) >= 50)).toHaveLength(0);
  });

  it('is told to a browser as soon as to a client', async () => {
    await takeAway();
    const ask = async (path: string, headers = {}) => {
      const answer = await customer.client('GET', path, undefined, headers);
      return { ...answer, atMs: performance.now() };
    };
    const [client, page] = await Promise.all([ask('/api/wallet'), ask('/', { Accept: 'text/html' })]);
    expect([client.status, page.status]).toEqual([503, 503]);
    expect(page.text).toContain('Saldo cannot be reached just now');
    expect(page.atMs - client.atMs).toBeLessThan(AS_SOON_MS);
  });

  it('leaves a form that is sent meanwhile as it was filled in, with its key, and says that nothing was paid', async () => {
    await takeAway();
    const fields = { wallet_id: '7', amount: '12,50', details: 'Tea', idempotency_key: 'a-key' };
    const answer = await customer.client('POST', '/', new URLSearchParams(fields), {
      Accept: 'text/html',
      Origin: api.url,
    });
    expect([answer.status, answer.text]).toEqual([503, expect.stringContaining('Nothing was paid this time.')]);
    for (const [name, value] of Object.entries(fields)) {
      expect(answer.text).toMatch(new RegExp(`name="${name}"[^>]*?value="${value}"`));
    }
  });
});
