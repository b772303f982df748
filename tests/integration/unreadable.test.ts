/** What never becomes a request is refused like everything else, and never in the place of another answer. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, ServerOptions, ServerResponse } from 'node:http';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listen } from '../../api/http/server/server.ts';
import { refuseUnreadable } from '../../api/http/server/unreadable.ts';

const GET = 'GET / HTTP/1.1\r\nHost: saldo\r\n\r\n';

/** Sends text as it is, and answers all that comes until the server closes. */
async function talk(url: string, text: string): Promise<string> {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
  let heard = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (heard += chunk));
  socket.on('error', () => undefined);
  socket.write(text, 'latin1');
  await once(socket, 'close');
  return heard;
}

function expectProblem(heard: string, status: number, code: string): void {
  const [head = '', body = ''] = heard.split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [A-Z]`));
  const id = /^X-Request-Id: ([0-9a-f-]{36})$/m.exec(head)?.[1];
  expect(head).toMatch(/^Content-Type: application\/problem\+json/m);
  expect(head).toMatch(/^Connection: close$/m);
  expect(JSON.parse(body)).toMatchObject({ status, code, request_id: id });
}

async function serve(handler: RequestListener): Promise<string> {
  const app = express();
  app.use(handler);
  const server = await listen(app, '127.0.0.1', 0);
  onTestFinished(() => server.stop());
  return server.url;
}

describe('a connection', () => {
  test.each([
    ['something else than HTTP', 'hello\r\n\r\n', 400, 'invalid_request'],
    ['a method that is none', 'MOVE-MONEY / HTTP/1.1\r\n\r\n', 400, 'invalid_request'],
    ['a head of 20 kB', `GET / HTTP/1.1\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
    ['a path of 20 kB', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`, 431, 'headers_too_large'],
    ['a head of 1 MB', `GET / HTTP/1.1\r\nX-Long: ${'x'.repeat(1_000_000)}\r\n\r\n`, 431, 'headers_too_large'],
    ['a tunnel', 'CONNECT saldo:443 HTTP/1.1\r\nHost: saldo\r\n\r\n', 405, 'method_not_allowed'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      ...([400, 'invalid_request'] as const),
    ],
    [
      'a chunk with an endless extension',
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\n`,
      ...([413, 'body_too_large'] as const),
    ],
  ])('with %s is told so, with an id, and closed', async (_, text, status, code) => {
    const url = await serve((req) => req.resume());
    expectProblem(await talk(url, text), status, code);
  });

  test('whose body breaks off into something else is told so', async () => {
    const url = await serve((req) => req.resume());
    const text = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX';
    expectProblem(await talk(url, text), 400, 'invalid_request');
  });

  test('on which nothing more comes is told so', async () => {
    const options: ServerOptions = { headersTimeout: 50, requestTimeout: 50, connectionsCheckingInterval: 10 };
    const server = createServer(options);
    server.on('clientError', (error, socket) => refuseUnreadable(error, { socket, open: 0 }));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expectProblem(await talk(url, 'GET / HTTP/1.1\r\nHost:'), 408, 'request_timeout');
  });

  test('with a request that is not answered yet is closed without a word: it would be taken for its answer', async () => {
    const open: ServerResponse[] = [];
    const url = await serve((_req, res) => open.push(res));
    expect(await talk(url, `${GET}nonsense\r\n\r\n`)).toBe('');
    expect(open).toHaveLength(1);
  });

  test('whose earlier request is answered is told what became of both', async () => {
    const url = await serve((_req, res) => res.end('first'));
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
    socket.setEncoding('utf8').write(GET);
    const [first] = (await once(socket, 'data')) as [string];
    expect(first).toMatch(/^HTTP\/1\.1 200 OK[^]*first$/);
    let second = '';
    socket.on('data', (chunk: string) => (second += chunk));
    socket.write('nonsense\r\n\r\n');
    await once(socket, 'close');
    expectProblem(second, 400, 'invalid_request');
  });
});
