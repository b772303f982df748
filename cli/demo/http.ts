/**
 * The demonstration's HTTP client: a bounded number of connections that stay open, and JSON both ways. It knows nothing
 * of Saldo but that it speaks JSON and sets cookies.
 */
import http from 'node:http';
import https from 'node:https';
import { Fault } from '../../shared/errors/fault.ts';

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** Undefined when the body is not JSON. */
  body: Record<string, unknown> | undefined;
}

export interface Call {
  method: 'GET' | 'POST';
  path: string;
  body?: Record<string, unknown>;
  headers?: Record<string, string>;
}

/** Rejects when there is no whole answer: nobody listens, the connection is lost, the time is up. */
export type Send = (call: Call) => Promise<Answer>;

/** Longer than the longest wait that the service grants (30 s). */
const ANSWER_LIMIT_MS = 40_000;

export function createHttpClient(baseUrl: string, maxConnections: number): { send: Send; close: () => void } {
  const base = new URL(baseUrl);
  const { Agent, request } = base.protocol === 'https:' ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: maxConnections });

  const send: Send = ({ method, path, body, headers }) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const options = {
        method,
        agent,
        headers: {
          Accept: 'application/json',
          ...(text !== undefined && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
          ...headers,
        },
      };
      const sent = request(new URL(path, base), options, (response) => {
        let received = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (received += chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parse(received) });
        });
      });
      sent.on('error', reject);
      sent.setTimeout(ANSWER_LIMIT_MS, () => sent.destroy(new Fault('no answer in time')));
      sent.end(text);
    });
  return { send, close: () => agent.destroy() };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
