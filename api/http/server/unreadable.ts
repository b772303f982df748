/**
 * What never becomes a request: bytes that are not HTTP, a head that is too large, a request that does not come to its end.
 * Node's server would answer it in its own words and without an id; here it is answered like everything else.
 */
import { STATUS_CODES } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { v7 as uuidv7 } from 'uuid';
import { Problem, problemReply } from '../problem.ts';
import { REQUEST_ID } from '../reply.ts';

/** For the client to read the answer, and to notice that nobody reads what it still sends. */
const LINGER_MS = 1_000;

/** A connection on which something has come that cannot be read. */
interface Broken {
  socket: Duplex;
  /** Its requests that are not answered yet, and the answer to the latest. */
  open: number;
  latest?: ServerResponse | undefined;
}

/** Answers and closes. Where an answer would be taken for the one to an earlier request, only closes. */
export function refuseUnreadable(error: NodeJS.ErrnoException, { socket, open, latest }: Broken): void {
  const isBroken = latest && !latest.req.complete && !latest.headersSent;
  if (open > 1 || (open === 1 && !isBroken)) socket.destroy();
  else refuseOn(socket, problemOf(error));
}

/** Sends the problem over a connection that no request has been read from, and closes it. */
export function refuseOn(socket: Duplex, problem: Problem): void {
  // It was answered already, and the client goes on sending; or it has gone.
  if (!socket.writable) return;
  socket.end(print(problem));
  socket.resume();
  const linger = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(linger));
}

function problemOf({ code }: NodeJS.ErrnoException): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Problem('headers_too_large');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new Problem('body_too_large');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem('request_timeout');
    default:
      return new Problem('invalid_request', { detail: 'What was sent is not HTTP. Nothing was changed.' });
  }
}

function print(problem: Problem): string {
  const requestId = uuidv7();
  const { status, headers, body } = problemReply(problem, requestId);
  const text = JSON.stringify(body);
  const all: Record<string, string> = {
    ...headers,
    [REQUEST_ID]: requestId,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': String(Buffer.byteLength(text)),
    Connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${text}`;
}
