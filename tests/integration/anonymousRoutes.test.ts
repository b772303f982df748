/** What anybody may ask without saying who they are costs the database nothing, and what never changes is made once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import type { TestApi } from '../support/api.ts';

const HTML = { Accept: 'text/html' };

let api: TestApi;
let queries = 0;

beforeAll(async () => {
  api = await startApi();
  api.pool.on('acquire', () => queries++);
});
afterAll(() => api.close());

test.each([
  ['/livez', {}],
  ['/readyz', {}],
  ['/metrics', {}],
  ['/openapi.json', {}],
  ['/docs', HTML],
  ['/problems/', HTML],
  ['/problems/overloaded', HTML],
  ['/problems/nothing', HTML],
  ['/', HTML],
  ['/login', HTML],
  ['/signup', HTML],
  ['/logout', HTML],
  ['/ops/', HTML],
  ['/assets/nothing.js', {}],
  ['/nothing', HTML],
  ['/nothing', {}],
  ['/api/nothing', {}],
  ['/api/wallet', {}],
  ['/api/operations/0197e0a0-0000-7000-8000-000000000000', {}],
  ['/', { ...HTML, Cookie: 'saldo.sid=s%3Aforged.signature' }],
  ['/', { ...HTML, Cookie: 'saldo.sid=nonsense' }],
  ['/ops/', { ...HTML, Cookie: 'saldo.sid=s:forged.signature' }],
  ['/metrics', { Cookie: 'saldo.sid=s%3Aforged.signature' }],
])('%s with %o runs no query', async (path, headers) => {
  const before = queries;
  for (let time = 0; time < 3; time++) await fetch(api.url + path, { headers, redirect: 'manual' });
  expect(queries - before).toBe(0);
});

test.each(['/docs', '/openapi.json', '/problems/', '/problems/overloaded'])(
  '%s is the same each time',
  async (path) => {
    const [first, second] = await Promise.all([1, 2].map(async () => (await fetch(api.url + path)).text()));
    expect(second).toBe(first);
  },
);

test('a query is counted where there is one', async () => {
  const before = queries;
  await (await api.customer()).client('GET', '/api/wallet');
  expect(queries).toBeGreaterThan(before);
});
