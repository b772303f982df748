/** Who gets into the console: operators, and nobody else, on every path below /ops/ and on /metrics. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { HTML, JSON_ONLY, logInOperator } from '../support/console.ts';
import type { Operator } from '../support/console.ts';
import { createPeople } from '../support/people.ts';
import { BANK, OPERATOR, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';

/** What is there, and what is not: both are closed. */
const READ = [
  ...['/ops', '/ops/', '/ops/figures', '/ops/look-up', '/ops/wallets/1', '/ops/people/1', '/ops/books'],
  ...[
    '/ops/books/progress',
    '/ops/audit',
    '/ops/runbook',
    '/ops/assets/console.css',
    '/ops/assets/overview.js',
    '/metrics',
  ],
  ...[
    '/ops/queues',
    '/ops/queues/',
    '/ops/queues/queue/ledger-0',
    '/ops/queues/api/queues',
    '/ops/queues/api/redis/stats',
  ],
  '/ops/queues/static/images/logo.svg',
];
const ABSENT = [
  ...['/ops/nothing', '/ops/operations/01931b5e-7c1a-7000-8000-0123456789ab', '/ops/assets/nothing.js'],
  ...['/ops/wallets/999999', '/ops/people/999999', '/ops/queues/api/nothing', '/ops/queues/static/nothing.js'],
];
const ODD = ['/ops//', '/ops/%2e%2e/metrics', '/ops/wallets/x', '/ops/operations/x', '/ops/people/%00', '/ops/%ff'];
const WRITE: [method: string, path: string][] = [
  ...['/ops/look-up', '/ops/wallets/1/freeze', '/ops/wallets/1/unfreeze', '/ops/books/verify', '/ops/nothing'].map(
    (path): [string, string] => ['POST', path],
  ),
  ['PUT', '/ops/queues/api/queues/pause'],
  ['PUT', '/ops/queues/api/queues/ledger-0/pause'],
  ['POST', '/ops/queues/api/queues/ledger-0/add'],
  ['PATCH', '/ops/queues/api/queues/ledger-0/e-1/update-data'],
  ['DELETE', '/ops/audit'],
  ['OPTIONS', '/ops/'],
];
const ALL: [method: string, path: string][] = [
  ...[...READ, ...ABSENT, ...ODD].flatMap((path): [string, string][] => [
    ['GET', path],
    ['HEAD', path],
  ]),
  ...WRITE.filter(([, path]) => path !== '/metrics'),
];

describe('the console', () => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;
  let customer: Client;
  let operator: Operator;

  beforeAll(async () => {
    stores = await createStores(backends.at(-1)!);
    service = await startService({ env: stores.env });
    client = createClient(service.url);
    const [person] = await createPeople(stores.databaseUrl, 1);
    customer = client.as(person!.headers);
    operator = await logInOperator(service.url);
  });
  afterAll(async () => {
    client.close();
    operator.close();
    await service.stop();
    await stores.drop();
  });

  test.each([
    ['asks for a page', HTML],
    ['asks for JSON', JSON_ONLY],
    ['asks for anything', {}],
  ])('answers 401 on every path to somebody unknown who %s', async (_what, accept) => {
    for (const [method, path] of ALL) {
      const answer = await client.send(method, path, undefined, accept);
      expect([method, path, answer.status]).toEqual([method, path, 401]);
    }
  });

  test('tells a browser where to log in, and asks it for no password of its own', async () => {
    const { headers, text } = await client.get('/ops/', HTML);
    expect(text).toContain('href="/login"');
    expect(headers['www-authenticate']).toBeUndefined();
    expect(headers['content-security-policy']).toContain("default-src 'none'");
  });

  test('does not take a made-up session for anybody', async () => {
    const { status } = await client.get('/ops/', { Cookie: 'saldo.sid=s%3Amade-up.c2lnbmF0dXJl' });
    expect(status).toBe(401);
  });

  test.each([
    ['a customer', () => customer],
    ['a bank', () => client.as(BANK)],
  ])('answers 403 on every path to %s', async (_who, them) => {
    for (const [method, path] of ALL) {
      const answer = await them().send(method, path, undefined, HTML);
      expect([method, path, answer.status]).toEqual([method, path, 403]);
    }
  });

  test.each([
    ['with a session', () => operator.client],
    ['with Basic credentials', () => client.as(OPERATOR)],
  ])('lets an operator in %s', async (_how, them) => {
    for (const path of READ) {
      const { status } = await them().get(path, HTML);
      expect([path, status]).toEqual([path, path === '/ops' ? 303 : 200]);
    }
    for (const path of ABSENT) expect([path, (await them().get(path, HTML)).status]).toEqual([path, 404]);
  });

  test('refuses whatever another site sends in an operator’s name', async () => {
    for (const [method, path] of WRITE.filter(([method]) => method !== 'OPTIONS')) {
      for (const foreign of [{ Origin: 'https://evil.example' }, { 'Sec-Fetch-Site': 'cross-site' }]) {
        const answer = await operator.client.send(method, path, undefined, { ...JSON_ONLY, ...foreign });
        expect([method, path, answer.status, answer.json['code']]).toEqual([method, path, 403, 'csrf']);
      }
    }
    expect(await operator.audit()).not.toContainEqual(expect.objectContaining({ action: 'queue_pause' }));
  });

  test('runs no script and no style but its own files, and may be put into no frame', async () => {
    for (const path of ['/ops/', '/ops/look-up', '/ops/wallets/1', '/ops/books', '/ops/audit']) {
      const { headers, text } = await operator.client.get(path, HTML);
      const policy = String(headers['content-security-policy']);
      expect(policy).toMatch(/default-src 'none';script-src 'self';style-src 'self'/);
      expect(policy).not.toContain('unsafe');
      expect(policy).toContain("frame-ancestors 'none'");
      expect(headers['cache-control']).toBe('no-store');
      expect(text).not.toMatch(/<script(?![^>]* src="\/)|<[^>]+ (on\w+|style)=|<style/i);
      expect(text).not.toMatch(/(src|href)="(https?:)?\/\//);
    }
  });

  test('gives the board alone what only the board needs, and no more of the world than the rest', async () => {
    const { headers, text } = await operator.client.get('/ops/queues/', HTML);
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("style-src 'self' 'unsafe-inline'");
    expect(policy.match(/unsafe-\w+/g)).toEqual(['unsafe-inline']);
    expect(policy).not.toMatch(/https?:/);
    expect(text).not.toContain('googleapis');
    for (const [, file = ''] of text.matchAll(/(?:src|href)="(static\/[^"]+)"/g)) {
      expect([file, (await operator.client.get(`/ops/queues/${file}`)).status]).toEqual([file, 200]);
    }
  });

  test('is found from the page after log-in', async () => {
    expect(await operator.page('/')).toContain('href="/ops/"');
  });
});
