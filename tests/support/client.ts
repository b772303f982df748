/**
 * An HTTP client as a busy customer's would be: connections kept alive, answers read to their end and timed. It sends
 * exactly the bytes and headers it is given, so that it can also misbehave.
 */
import { Agent, request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body where it is a JSON object, otherwise empty. */
  json: Record<string, unknown>;
  /** From the moment the request was made to the end of its answer. */
  tookMs: number;
}

/** An object is sent as JSON; text and bytes as they are, with no `Content-Type` unless it is given. */
type Body = object | string | undefined;
type Headers = Record<string, string | string[]>;

export interface Client {
  /** Rejects when there is no whole answer. */
  send: (method: string, path: string, body?: Body, headers?: Headers) => Promise<Answer>;
  get: (path: string, headers?: Headers) => Promise<Answer>;
  post: (path: string, body?: Body, headers?: Headers) => Promise<Answer>;
  /** The same connections, with these headers on every request. */
  as: (headers: Headers) => Client;
  close: () => void;
}

/** Longer than any wait that the service grants. */
const LIMIT_MS = 40_000;

/** At most `connections` at a time; a request over that waits for one, and its wait counts. */
export function createClient(url: string, connections = Infinity): Client {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: connections });

  const send = (method: string, path: string, body: Body, headers: Headers) => {
    const answer = new Promise<Answer>((resolve, reject) => {
      const startedMs = performance.now();
      const isJson = typeof body === 'object' && !Buffer.isBuffer(body);
      const bytes = body === undefined ? undefined : bytesOf(body);
      const outgoing = request({
        ...{ agent, hostname, port, method, path, timeout: LIMIT_MS },
        headers: {
          ...(isJson && { 'Content-Type': 'application/json' }),
          ...(bytes && !('Transfer-Encoding' in headers) && { 'Content-Length': String(bytes.length) }),
          ...headers,
        },
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer to ${method} ${path} in ${LIMIT_MS} ms`)));
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('error', reject);
        response.on('end', () => {
          const tookMs = performance.now() - startedMs;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: objectOf(text), tookMs });
        });
      });
      outgoing.end(bytes);
    });
    answer.catch(() => undefined); // of a test that has failed meanwhile, nobody waits for it
    return answer;
  };

  const as = (shared: Headers): Client => ({
    send: (method, path, body, headers) => send(method, path, body, { ...shared, ...headers }),
    get: (path, headers) => send('GET', path, undefined, { ...shared, ...headers }),
    post: (path, body, headers) => send('POST', path, body, { ...shared, ...headers }),
    as: (headers) => as({ ...shared, ...headers }),
    close: () => agent.destroy(),
  });
  return as({});
}

function bytesOf(body: object | string): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function objectOf(text: string): Record<string, unknown> {
  // Lines of JSON begin as an object does.
  if (!text.startsWith('{') || text.includes('}\n{')) return {};
  return JSON.parse(text) as Record<string, unknown>;
}

/** How many answers have each status. */
export function statuses(answers: readonly Answer[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
