/** Answers, written straight to the socket: `res.json` would work out an ETag and a charset for every one of them. */
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import { problemReply } from './problem.ts';
import type { Problem } from './problem.ts';
import type { Reply } from './route.ts';

export const REQUEST_ID = 'X-Request-Id';

export function setRequestId(res: Response, id: string): void {
  res.setHeader(REQUEST_ID, id);
}

/** The id that this response carries: fresh for every request, so a replay is known by it. */
export function requestIdOf(res: Response): string {
  return String(res.getHeader(REQUEST_ID));
}

export function sendReply(res: Response, reply: Reply): void | Promise<void> {
  if (isStream(reply.body)) return sendStream(res, reply, reply.body);
  const { status, body, headers = {} } = reply;
  const isText = typeof body === 'string' && 'Content-Type' in headers;
  const text = isText ? body : JSON.stringify(body);
  res.statusCode = status;
  if (!isText) res.setHeader('Content-Type', 'application/json; charset=utf-8');
  // What the API says is about now and about one client.
  res.setHeader('Cache-Control', 'no-store');
  for (const name in headers) res.setHeader(name, headers[name] ?? '');
  res.setHeader('Content-Length', Buffer.byteLength(text));
  res.end(text);
}

function isStream(body: unknown): body is AsyncIterable<string> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

/** Resolves when the last of it has left, or when the client has gone, who then misses the rest. Throws what `body` throws. */
async function sendStream(res: Response, { status, headers = {} }: Reply, body: AsyncIterable<string>): Promise<void> {
  // Before the first line is there, a fault is answered like any other.
  const lines = body[Symbol.asyncIterator]();
  const first = await lines.next();
  res.statusCode = status;
  res.setHeader('Cache-Control', 'no-store');
  for (const name in headers) res.setHeader(name, headers[name] ?? '');
  await pipeline(startingWith(first, lines), res).catch((error: unknown) => {
    if (!isClientGone(error)) throw error;
  });
}

async function* startingWith(first: IteratorResult<string>, rest: AsyncIterator<string>): AsyncGenerator<string> {
  for (let line = first; !line.done; line = await rest.next()) yield line.value;
}

function isClientGone(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'ERR_STREAM_PREMATURE_CLOSE';
}

export function sendProblem(res: Response, problem: Problem): void {
  const { status, headers, body } = problemReply(problem, requestIdOf(res));
  void sendReply(res, { status, headers, body: JSON.stringify(body) });
}
