/**
 * One HTTP request with everything that can become of it as a value: an answer, or the way in which there was none.
 * Connections are kept alive per client process, as a customer's client would keep them.
 */
import { Agent, request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { Lost } from './history.ts';

export interface HttpAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: unknown;
}

interface HttpRequest {
  method: 'GET' | 'POST';
  port: number;
  path: string;
  headers?: Record<string, string>;
  body?: object;
  timeoutMs: number;
}

export interface HttpClient {
  send(asked: HttpRequest): Promise<HttpAnswer | Lost>;
  close(): void;
}

/** Shorter than the service keeps an idle connection, so that it is never the service that closes under our feet. */
const IDLE_MS = 20_000;

export function createHttpClient(): HttpClient {
  const agent = new Agent({ keepAlive: true, timeout: IDLE_MS, maxSockets: 128 });
  return {
    send: (asked) => send(agent, asked),
    close: () => agent.destroy(),
  };
}

/** Never rejects. An answer that breaks off in its middle is no answer. */
function send(agent: Agent, { method, port, path, headers, body, timeoutMs }: HttpRequest): Promise<HttpAnswer | Lost> {
  return new Promise((resolve) => {
    let timedOut = false;
    const text = body && JSON.stringify(body);
    const outgoing = request({
      agent,
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: {
        ...headers,
        ...(text !== undefined && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
      },
    });
    const timer = setTimeout(() => {
      timedOut = true;
      outgoing.destroy();
    }, timeoutMs);
    const end = (result: HttpAnswer | Lost) => {
      clearTimeout(timer);
      resolve(result);
    };
    const fail = (error: NodeJS.ErrnoException) =>
      end({ lost: timedOut ? 'timeout' : error.code === 'ECONNREFUSED' ? 'refused' : 'reset' });
    outgoing.on('error', fail);
    outgoing.on('response', (response) => {
      let received = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
      response.on('error', fail);
      response.on('end', () => {
        end({ status: response.statusCode ?? 0, headers: response.headers, body: parsed(received) });
      });
    });
    outgoing.end(text);
  });
}

/** A body that is not JSON is kept as text: what it says is for the checker to judge. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
