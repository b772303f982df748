/** Answers, written straight to the socket: `res.json` would work out an ETag and a charset for every one of them. */
import type { Response } from 'express';
import { problemReply } from './problem.ts';
import type { Problem } from './problem.ts';
import type { Reply } from './route.ts';

const REQUEST_ID = 'X-Request-Id';

export function setRequestId(res: Response, id: string): void {
  res.setHeader(REQUEST_ID, id);
}

/** The id that this response carries: fresh for every request, so a replay is known by it. */
export function requestIdOf(res: Response): string {
  return String(res.getHeader(REQUEST_ID));
}

export function sendReply(res: Response, { status, body, headers = {} }: Reply): void {
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

export function sendProblem(res: Response, problem: Problem): void {
  const { status, headers, body } = problemReply(problem, requestIdOf(res));
  sendReply(res, { status, headers, body: JSON.stringify(body) });
}
