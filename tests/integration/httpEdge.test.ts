/** What every request meets before any route's own work: parsing, limits, methods, origins, and how it is refused. */
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Problem } from '../../api/http/problem.ts';
import { PASSWORD, startApi } from '../support/api.ts';
import type { Answer, Customer, TestApi } from '../support/api.ts';

let api: TestApi;
let customer: Customer;

beforeAll(async () => {
  api = await startApi({ accounts: false, operate: () => Promise.reject(new Problem('wallet_not_found')) });
  customer = await api.customer();
});
afterAll(() => api.close());

const TRANSFER = '/api/wallet_to_wallet';
const send = (body: unknown, headers?: Record<string, string>): Promise<Answer> =>
  customer.client('POST', TRANSFER, body, headers);
const codeOf = ({ json }: Answer): unknown => json['code'];
const pathsOf = ({ json }: Answer): unknown[] => (json['errors'] as { path: string }[]).map(({ path }) => path);
const JSON_TYPE = { 'Content-Type': 'application/json' };

/** A request with each of these as a `Content-Type` header of its own, which fetch would put into one. */
function statusOfTyped(types: string[]): Promise<number | undefined> {
  const cookie = [...customer.client.cookies].map(([name, value]) => `${name}=${value}`).join();
  return new Promise((resolve, reject) => {
    const request = http.request(`${api.url}${TRANSFER}`, { method: 'POST' }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    });
    request.on('error', reject).setHeader('Cookie', cookie).setHeader('Content-Type', types);
    request.end('{"wallet_id":7,"amount":1}');
  });
}

describe('bodies', () => {
  it('a well-formed one reaches the handler', async () => {
    expect(codeOf(await send({ wallet_id: 7, amount: '1.00', details: 'Перевод 👍' }))).toBe('wallet_not_found');
  });
  it.each([
    ['cut off', '{"wallet_id":'],
    ['not JSON', 'wallet_id=1'],
    ['two values', '{} {}'],
    ['bytes that are not UTF-8', Buffer.from('7b2264657461696c73223a22ff227d', 'hex')],
  ])('%s is malformed_json', async (_, body) => {
    const answer = await send(body, JSON_TYPE);
    expect([answer.status, codeOf(answer)]).toEqual([400, 'malformed_json']);
  });
  it.each([
    ['an array', '[]'],
    ['a string', '"x"'],
    ['null', 'null'],
  ])('%s is not a request', async (_, body) => {
    const answer = await send(body, JSON_TYPE);
    expect([answer.status, codeOf(answer), pathsOf(answer)]).toEqual([400, 'invalid_request', ['body']]);
  });
  it('none at all names the fields that are missing', async () => {
    const answer = await send(undefined);
    expect([answer.status, pathsOf(answer)]).toEqual([400, ['wallet_id', 'amount']]);
  });
  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
    'application/json, text/plain',
    'application/jsonx',
  ])('as %s is unsupported', async (type) => {
    const answer = await send('{"wallet_id":7,"amount":1}', { 'Content-Type': type });
    expect([answer.status, codeOf(answer)]).toEqual([415, 'unsupported_media_type']);
  });
  it.each(['application/json', 'Application/JSON;charset=UTF-8', 'application/json; charset="utf-8"'])(
    'as %s is read',
    async (type) => {
      const answer = await send('{"wallet_id":7,"amount":1}', { 'Content-Type': type });
      expect(codeOf(answer)).toBe('wallet_not_found');
    },
  );
  it('of two types is unsupported, whichever comes first', async () => {
    const json = 'application/json';
    expect([await statusOfTyped([json, 'text/plain']), await statusOfTyped([json])]).toEqual([415, 404]);
  });
  it('in an unknown encoding is unsupported', async () => {
    const answer = await send('{}', { ...JSON_TYPE, 'Content-Encoding': 'zstd' });
    expect(answer.status).toBe(415);
  });
  it('over 100 kB is too large, at 100 kB it is not', async () => {
    const padded = (size: number) => '{"wallet_id":7,"amount":1}'.padEnd(size, ' ');
    const over = await send(padded(100 * 1024 + 1), JSON_TYPE);
    expect([over.status, codeOf(over)]).toEqual([413, 'body_too_large']);
    expect(codeOf(await send(padded(100 * 1024), JSON_TYPE))).toBe('wallet_not_found');
  });
});

describe('fields', () => {
  it.each([
    ['unknown', '{"wallet_id":7,"amount":1,"ammount":2}', ['ammount']],
    ['given twice', '{"wallet_id":7,"amount":1,"wallet_id":7}', ['wallet_id']],
    ['given twice within', '{"wallet_id":7,"amount":1,"details":{"a":[{"b":1,"b":2}]}}', ['details.a.0.b']],
    ['__proto__', '{"wallet_id":7,"amount":1,"__proto__":{"admin":true}}', ['__proto__']],
    ['constructor', '{"wallet_id":7,"amount":1,"constructor":1}', ['constructor']],
    ['missing', '{"amount":1}', ['wallet_id']],
    ['past 2^53 - 1', '{"wallet_id":9007199254740993,"amount":1}', ['wallet_id']],
    ['zero id', '{"wallet_id":0,"amount":1}', ['wallet_id']],
    ['negative id', '{"wallet_id":-1,"amount":1}', ['wallet_id']],
    ['fractional id', '{"wallet_id":1.5,"amount":1}', ['wallet_id']],
    ['id as text', '{"wallet_id":"7","amount":1}', ['wallet_id']],
    ['amount null', '{"wallet_id":7,"amount":null}', ['amount']],
    ['amount true', '{"wallet_id":7,"amount":true}', ['amount']],
    ['amount list', '{"wallet_id":7,"amount":[]}', ['amount']],
    ['amount object', '{"wallet_id":7,"amount":{}}', ['amount']],
    ['amount past every double', '{"wallet_id":7,"amount":1e999}', ['amount']],
    ['details NUL', '{"wallet_id":7,"amount":1,"details":"a\\u0000b"}', ['details']],
    ['details line feed', '{"wallet_id":7,"amount":1,"details":"a\\nb"}', ['details']],
    ['details C1 control', '{"wallet_id":7,"amount":1,"details":"a\\u0085b"}', ['details']],
    ['details lone surrogate', '{"wallet_id":7,"amount":1,"details":"\\ud800"}', ['details']],
    ['details number', '{"wallet_id":7,"amount":1,"details":5}', ['details']],
    ['details too long', `{"wallet_id":7,"amount":1,"details":"${'x'.repeat(501)}"}`, ['details']],
  ])('%s is refused and named', async (_, body, paths) => {
    const answer = await send(body, JSON_TYPE);
    expect([answer.status, codeOf(answer), pathsOf(answer)]).toEqual([400, 'invalid_request', paths]);
  });
  it('at most twenty are named, however many are wrong', async () => {
    const body = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`field${index}`, 1]));
    expect(pathsOf(await send(body))).toHaveLength(20);
  });
  it.each([
    '?limit=0',
    '?limit=201',
    '?limit=abc',
    '?limit=1e2',
    '?limit=',
    '?limit=1&limit=2',
    '?before=0',
    '?page=2',
  ])('the query %s is refused', async (query) => {
    const answer = await customer.client('GET', `/api/wallet${query}`);
    expect([answer.status, codeOf(answer)]).toEqual([400, 'invalid_request']);
  });
});

describe('paths and methods', () => {
  it('an unknown path is not_found', async () => {
    for (const path of ['/api/nothing', '/nothing', '/API/wallet', '/assets/../package.json', '/problems/nothing']) {
      const answer = await customer.client('GET', path);
      expect([path, answer.status, codeOf(answer)]).toEqual([path, 404, 'not_found']);
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    }
  });
  it('a path that cannot be decoded is refused', async () => {
    const answer = await customer.client('GET', '/api/operations/%E0%A4%A');
    expect([answer.status, codeOf(answer)]).toEqual([400, 'invalid_request']);
  });
  it('a method that a path does not take is answered with those it takes', async () => {
    const get = await customer.client('GET', TRANSFER);
    expect([get.status, codeOf(get), get.headers.get('allow')]).toEqual([405, 'method_not_allowed', 'POST, OPTIONS']);
    const put = await customer.client('PUT', '/api/wallet', {});
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
    const page = await customer.client('DELETE', '/login');
    expect([page.status, page.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST, OPTIONS']);
  });
  it('a path that is spelled out is never taken for one with a parameter', async () => {
    for (const method of ['GET', 'DELETE']) {
      const bulk = await customer.client(method, '/api/operations/bulk');
      expect([bulk.status, bulk.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
    }
    const id = await customer.client('POST', '/api/operations/019a3f5e-7c1a-7000-8000-0123456789ab', {});
    expect([id.status, id.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  });
  it('OPTIONS tells the methods', async () => {
    const answer = await customer.client('OPTIONS', TRANSFER);
    expect([answer.status, answer.headers.get('allow'), answer.text]).toEqual([204, 'POST, OPTIONS', '']);
  });
  it('HEAD answers as GET does, without the body', async () => {
    const get = await customer.client('GET', '/api/wallet');
    const head = await fetch(`${api.url}/api/wallet`, {
      method: 'HEAD',
      headers: { Cookie: [...customer.client.cookies].map(([name, value]) => `${name}=${value}`).join() },
    });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(get.text)));
  });
});

describe('requests from other sites', () => {
  const FOREIGN = ['https://evil.example', 'null', 'http://127.0.0.1:1', 'not a url', 'file://'];
  it.each(FOREIGN)('a POST with the Origin %s is refused before who asks is looked at', async (origin) => {
    const answer = await api.client()('POST', TRANSFER, { wallet_id: 7, amount: 1 }, { Origin: origin });
    expect([answer.status, codeOf(answer)]).toEqual([403, 'csrf']);
  });
  it('a POST with Sec-Fetch-Site: cross-site is refused', async () => {
    const answer = await send({ wallet_id: 7, amount: 1 }, { 'Sec-Fetch-Site': 'cross-site' });
    expect([answer.status, codeOf(answer)]).toEqual([403, 'csrf']);
  });
  it('our own origin passes, in any spelling', async () => {
    const { host } = new URL(api.url);
    for (const origin of [`http://${host}`, `https://${host}`, `HTTP://${host}`]) {
      const answer = await send({ wallet_id: 7, amount: 1 }, { Origin: origin, 'Sec-Fetch-Site': 'same-origin' });
      expect([origin, codeOf(answer)]).toEqual([origin, 'wallet_not_found']);
    }
  });
  it('reading is not refused', async () => {
    const answer = await customer.client('GET', '/api/wallet', undefined, { Origin: 'https://evil.example' });
    expect(answer.status).toBe(200);
  });
  it('behind a trusted proxy the host is the one that the proxy was asked for', async () => {
    const proxied = await startApi({ accounts: false, env: { TRUST_PROXY: '1' } });
    try {
      const headers = { 'X-Forwarded-Host': 'pay.example', Origin: 'https://pay.example' };
      expect((await proxied.client()('POST', '/api/logout', undefined, headers)).status).toBe(401);
      expect((await customer.client('POST', TRANSFER, { wallet_id: 7, amount: 1 }, headers)).status).toBe(403);
    } finally {
      await proxied.close();
    }
  });
});

describe('the order of refusals', () => {
  it('overload comes before everything else', async () => {
    const full = await startApi({
      accounts: false,
      admit: () => {
        throw new Problem('overloaded');
      },
    });
    try {
      const headers = { Origin: 'null', 'Content-Type': 'text/plain', Authorization: 'Basic x' };
      const answer = await full.client()('POST', TRANSFER, 'x', headers);
      expect([answer.status, codeOf(answer), answer.headers.get('retry-after')]).toEqual([503, 'overloaded', '1']);
    } finally {
      await full.close();
    }
  });
  it('who asks comes before what they ask', async () => {
    expect((await api.client()('POST', TRANSFER, 'x', { 'Content-Type': 'text/plain' })).status).toBe(401);
    const answer = await customer.client('POST', '/api/external_to_wallet', 'x', { 'Content-Type': 'text/plain' });
    expect([answer.status, codeOf(answer)]).toEqual([403, 'forbidden']);
  });
});

describe('every answer', () => {
  it('has an id of its own, whatever the client sends', async () => {
    const given = '0197c0de-0000-7000-8000-000000000000';
    const answers = await Promise.all(
      [1, 2].map(() => customer.client('GET', '/api/wallet', undefined, { 'X-Request-Id': given })),
    );
    const ids = answers.map(({ headers }) => headers.get('x-request-id'));
    expect(new Set([given, ...ids]).size).toBe(3);
  });
  it('of a problem names the page that explains it', async () => {
    const answer = await customer.client('GET', '/api/nothing');
    expect(answer.json['request_id']).toBe(answer.headers.get('x-request-id'));
    expect(answer.json['type']).toBe('/problems/not_found');
    const page = await customer.client('GET', String(answer.json['type']));
    expect([page.status, page.text]).toEqual([200, expect.stringContaining('There is nothing here')]);
  });
  it('carries the headers that protect a browser, and no hint at what answers', async () => {
    const { headers } = await customer.client('GET', '/api/wallet');
    expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('cache-control')).toBe('no-store');
  });
});

describe('faults', () => {
  it('of ours are a 500 that tells nothing, and the log tells where, but not what its message may quote', async () => {
    const broken = await startApi({ accounts: false, operate: () => Promise.reject(new TypeError('secret detail')) });
    try {
      const { client } = await broken.customer();
      const answer = await client('POST', TRANSFER, { wallet_id: 7, amount: 1 });
      expect([answer.status, codeOf(answer)]).toEqual([500, 'internal']);
      expect(answer.text).not.toContain('secret detail');
      const logged = broken.logs.find(({ request_id: id }) => id === answer.json['request_id']);
      expect(logged).toMatchObject({ level: 50, err: { type: 'TypeError' } });
      expect((logged!['err'] as { stack: string }).stack).toContain('httpEdge.test.ts');
      expect(JSON.stringify(logged)).not.toContain('secret detail');
    } finally {
      await broken.close();
    }
  });
  it('before the first line of an answer in lines are answered like any other', async () => {
    const headers = { 'Content-Type': 'application/x-ndjson' };
    const line = '{"wallet_id":7,"amount":1,"idempotency_key":"k"}\n';
    const answer = await customer.client('POST', '/api/operations/bulk', line, headers);
    expect([answer.status, codeOf(answer)]).toEqual([500, 'internal']);
    expect(api.logs.some(({ request_id: id }) => id === answer.json['request_id'])).toBe(true);
  });
  it('nothing that is logged has a password or a cookie in it', () => {
    const log = JSON.stringify(api.logs);
    expect(log).toContain('/api/signup');
    expect(log).not.toContain(PASSWORD);
    expect(log).not.toContain('saldo.sid');
  });
});
