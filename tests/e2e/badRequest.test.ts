/**
 * A body that is no payment at all, or a request that is wrong around it: the client gets a problem document that says
 * what, and nothing anywhere has changed.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { JSON_TYPE, PAY, invalid, refused, shown, startRefusals } from '../support/refusals.ts';
import type { Refusals } from '../support/refusals.ts';

let service: Refusals;
beforeAll(async () => {
  service = await startRefusals();
});
afterAll(() => service.stop());

describe('a body', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  const half = Buffer.concat([Buffer.from('{"details": "'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
  const chunked = { 'Transfer-Encoding': 'chunked' };
  const large = () => service.payment({ details: 'x'.repeat(100 * 1024) });

  test('that is missing names the fields it lacks', async () => {
    await service.expectRefused(() => service.pay(undefined), invalid('wallet_id', 'amount'));
    await service.expectRefused(() => service.pay(''), invalid('wallet_id', 'amount'));
  });
  test('of more than 100 kB is too large, whether its length is told or not', async () => {
    await service.expectRefused(() => service.pay(large()), refused(413, 'body_too_large'));
    await service.expectRefused(() => service.pay(large(), chunked), refused(413, 'body_too_large'));
  });
  test.each(['{', 'payment', '{"amount": 1,}', '{"amount": NaN}', "{'amount': 1}", '\u0000', '{"a": 1}{"b": 2}'])(
    'of %j is not JSON, whether its length is told or not',
    async (text) => {
      await service.expectRefused(() => service.pay(text), refused(400, 'malformed_json'));
      await service.expectRefused(() => service.pay(text, chunked), refused(400, 'malformed_json'));
    },
  );
  test('that is not UTF-8 is not JSON', async () => {
    await service.expectRefused(() => service.pay(half, JSON_TYPE), refused(400, 'malformed_json'));
  });
  test.each(['null', '1', '"text"', 'true', '[]', '[{"amount": 1}]'])('of %s is no object', async (text) => {
    await service.expectRefused(() => service.pay(text), invalid('body'));
  });
  test('nested forty thousand deep is refused like any other', async () => {
    await service.expectRefused(() => service.pay(nested(40_000)), invalid('body'));
    await service.expectRefused(
      () => service.pay(service.rawPayment(`"details": ${nested(40_000)}`)),
      invalid('details'),
    );
  });
  test.each([
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['application/json; charset=latin1'],
    ['application/jsonp'],
    [''],
    ['application/json', 'application/json'],
  ])('of type %j is not taken', async (...types) => {
    const headers = { 'Content-Type': types.length === 1 ? types[0] : types };
    await service.expectRefused(
      () => service.pay(JSON.stringify(service.payment()), headers),
      refused(415, 'unsupported_media_type'),
    );
  });
  test('in an encoding that is unknown or broken is not taken', async () => {
    await service.expectRefused(
      () => service.pay(service.payment(), { 'Content-Encoding': 'compress' }),
      refused(415, 'unsupported_media_type'),
    );
    await service.expectRefused(
      () => service.pay(service.payment(), { 'Content-Encoding': 'gzip' }),
      refused(400, 'malformed_json'),
    );
    await service.expectRefused(
      () => service.pay(service.payment(), { 'Content-Encoding': 'br' }),
      refused(400, 'malformed_json'),
    );
  });
});

describe('a request', () => {
  const keys = ['', 'x'.repeat(256), 'tab\there', 'clé', ['one', 'two']];
  test.each(shown(keys))('with the Idempotency-Key %s is refused by name', async (_, key) => {
    await service.expectRefused(
      () => service.pay(service.payment(), { 'Idempotency-Key': key }),
      invalid('Idempotency-Key'),
    );
  });

  test.each([
    'Idempotency-Key: a\u0001b',
    'Idempotency-Key: a\u0000b',
    'Transfer-Encoding: chunked, identity',
    'Content-Length: -1',
  ])('with the header %j, which HTTP does not allow, is answered with 400', async (header) => {
    const cookie = `Cookie: ${service.payer.headers.Cookie}`;
    await service.expectUnreadable(`POST ${PAY} HTTP/1.1\r\nHost: saldo\r\n${cookie}\r\n${header}\r\n\r\n`);
  });

  test.each([
    ['no host', ''],
    ['two hosts', 'Host: saldo\r\nHost: other\r\n'],
    ['a path for a host', 'Host: saldo/../evil\r\n'],
    ['a space in its host', 'Host: sal do\r\n'],
    ['a host with credentials', 'Host: a@saldo\r\n'],
    ['a port that is none', 'Host: saldo:http\r\n'],
  ])('with %s is answered with 400', async (_, host) => {
    const text = `POST ${PAY} HTTP/1.1\r\n${host}Cookie: ${service.payer.headers.Cookie}\r\nConnection: close\r\n\r\n`;
    await service.expectUnreadable(text);
  });
  test('that expects more than there is, or has a head too large, is answered in our words', async () => {
    const head = `POST ${PAY} HTTP/1.1\r\nHost: saldo\r\nConnection: close\r\n`;
    await service.expectUnreadable(`${head}Expect: the-best\r\n\r\n`, 417, 'expectation_failed');
    await service.expectUnreadable(`${head}X: ${'x'.repeat(17_000)}\r\n\r\n`, 431, 'headers_too_large');
  });
  test.each(['saldo', 'saldo:5000', 'SALDO', '127.0.0.1', '[::1]:5000', ''])('may name the host %j', async (host) => {
    expect((await service.client.get('/livez', { Host: host })).status).toBe(200);
  });

  test.each([
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { Origin: 'http://127.0.0.1:1' },
  ])('with %j comes from another site', async (headers) => {
    await service.expectRefused(() => service.pay(service.payment(), headers), refused(403, 'csrf'));
  });

  test.each(['GET', 'PUT', 'PATCH', 'DELETE'])('by the method %s is not taken', async (method) => {
    const answer = await service.expectRefused(
      () => service.client.send(method, PAY, undefined, service.payer.headers),
      refused(405, 'method_not_allowed'),
    );
    expect(answer.headers['allow']).toBe('POST, OPTIONS');
  });

  test.each([
    'limit=0',
    'limit=201',
    'limit=-1',
    'limit=ten',
    'limit=1e2',
    'before=0',
    'before=9007199254740992',
    'page=2',
  ])('for a wallet with ?%s is refused by name', async (query) => {
    const [name] = query.split('=') as [string];
    await service.expectRefused(() => service.client.get(`/api/wallet?${query}`, service.payer.headers), invalid(name));
  });

  test('for an operation by something else than an id is refused by name', async () => {
    await service.expectRefused(() => service.client.get('/api/operations/1', service.payer.headers), invalid('id'));
    await service.expectRefused(
      () => service.client.get('/api/operations/%E0%A4%A', service.payer.headers),
      refused(400, 'invalid_request'),
    );
    await service.expectRefused(
      () => service.client.get('/api/nothing', service.payer.headers),
      refused(404, 'not_found'),
    );
  });
});
