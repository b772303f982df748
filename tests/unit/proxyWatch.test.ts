/** What the log says when TRUST_PROXY does not fit the requests that arrive. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createProxyWatch } from '../../api/http/server/proxyWatch.ts';

function watch(env: { NODE_ENV: string; TRUST_PROXY: number }) {
  const logged: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line) => logged.push((JSON.parse(line) as { msg: string }).msg) });
  const see = createProxyWatch({ env, logger });
  const request = (headers: Record<string, string>, path = '/api/login', remoteAddress = '10.0.0.9') =>
    see({ headers, path, socket: { remoteAddress } } as never);
  return { logged, request };
}

test.each(['x-forwarded-for', 'x-forwarded-proto', 'forwarded'])(
  'TRUST_PROXY=0 behind a proxy that sends %s is said once in production, with what to set',
  (header) => {
    const { logged, request } = watch({ NODE_ENV: 'production', TRUST_PROXY: 0 });
    request({ host: 'saldo' });
    expect(logged).toEqual([]);
    for (let number = 0; number < 3; number++) request({ [header]: 'x' });
    expect(logged).toEqual([expect.stringMatching(/cookies are not Secure.*locks its e-mail out.*set TRUST_PROXY/)]);
  },
);

test('TRUST_PROXY set, and a request past the proxy, is said once in production', () => {
  const { logged, request } = watch({ NODE_ENV: 'production', TRUST_PROXY: 1 });
  request({ 'x-forwarded-for': '203.0.113.7' });
  request({}, '/readyz');
  request({}, '/metrics');
  request({}, '/api/login', '127.0.0.1');
  request({}, '/api/login', '::1');
  expect(logged).toEqual([]);
  request({});
  request({});
  expect(logged).toEqual([expect.stringMatching(/could name any address.*set TRUST_PROXY to 0/)]);
});

test.each([0, 1])('outside production nothing is said (TRUST_PROXY=%i)', (proxies) => {
  const { logged, request } = watch({ NODE_ENV: 'development', TRUST_PROXY: proxies });
  request({});
  request({ 'x-forwarded-for': '203.0.113.7' });
  expect(logged).toEqual([]);
});
