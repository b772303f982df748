/** While the database is away, an API process still tells Prometheus of itself: that is when its figures are wanted most. */
import { expect, test } from 'vitest';
import { OPERATOR, basic, startApi } from '../support/api.ts';
import { startTcpProxy } from '../support/tcpProxy.ts';
import type { TcpProxy } from '../support/tcpProxy.ts';
import { until } from '../support/waiting.ts';

test('an operator who is known by then gets the process’s own figures, in time', async () => {
  let proxy!: TcpProxy;
  const api = await startApi({
    via: async (databaseUrl) => {
      const url = new URL(databaseUrl);
      proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
      url.host = `127.0.0.1:${proxy.port}`;
      return url.href;
    },
  });
  const scrape = () => api.client()('GET', '/metrics', undefined, basic(OPERATOR.email, OPERATOR.password));
  try {
    expect((await scrape()).status).toBe(200);
    await proxy.cut();
    await until('it is noticed', async () => (await fetch(`${api.url}/api/wallet`)).status === 503);
    const startedMs = performance.now();
    const { status, text } = await scrape();
    expect([status, text.includes('saldo_http_request_duration_seconds_count{')]).toEqual([200, true]);
    expect(performance.now() - startedMs).toBeLessThan(3_000);
  } finally {
    await proxy.restore();
    await api.close();
    await proxy.close();
  }
});
