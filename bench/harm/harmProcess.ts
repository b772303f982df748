/**
 * Who does harm, in a process of its own: many connections, each of which sends as soon as it is answered. Bare sockets,
 * so that next to nothing of what it takes is its own work, and with a lower priority, because it stands for machines
 * elsewhere and must not win the processor from the service that it shares it with. It comes from another address of the
 * loopback than everybody else: what a service grants to one address is not to be measured away.
 */
import { randomUUID } from 'node:crypto';
import net from 'node:net';
import os from 'node:os';
import { serveGenerator } from '../load/generator.ts';
import type { HarmAsk, HarmLoad, HarmResult } from './harmLoad.ts';
import { createAnswerReader } from './answerReader.ts';

const OWN_ADDRESS = '127.0.0.2';
const LOWER_PRIORITY = 5;
/** A connection that was refused or cut off is tried again after a while. */
const RECONNECT_MS = 200;
const LINES = 524_000;

serveGenerator(async ({ url, ask, connections, seconds }: HarmLoad): Promise<HarmResult> => {
  os.setPriority(LOWER_PRIORITY);
  const next = createBytes(ask, new URL(url).host);
  const result: HarmResult = { statuses: {}, failed: 0, cpuMs: 0 };
  const sockets = new Set<net.Socket>();
  let isOver = false;

  const connect = () => {
    const { hostname, port } = new URL(url);
    const localAddress = process.platform === 'linux' ? OWN_ADDRESS : undefined;
    const socket = net.connect({ host: hostname, port: Number(port), ...(localAddress && { localAddress }) });
    sockets.add(socket);
    const read = createAnswerReader((status) => {
      result.statuses[status] = (result.statuses[status] ?? 0) + 1;
      if (!isOver) socket.write(next());
    });
    socket.setNoDelay(true).on('connect', () => socket.write(next()));
    socket.on('data', read);
    socket.on('error', () => (result.failed += 1));
    socket.on('close', () => {
      sockets.delete(socket);
      if (!isOver) setTimeout(() => !isOver && connect(), RECONNECT_MS);
    });
  };

  for (let index = 0; index < connections; index++) connect();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  isOver = true;
  for (const socket of sockets) socket.destroy();
  const { user, system } = process.cpuUsage();
  return { ...result, cpuMs: (user + system) / 1000 };
});

function createBytes(ask: HarmAsk, host: string): () => Buffer {
  const head = (line: string, headers: Record<string, string>) =>
    [`${line} HTTP/1.1`, `Host: ${host}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)].join(
      '\r\n',
    );
  const post = (path: string, type: string, body: string, headers: Record<string, string> = {}) => {
    const bytes = { 'Content-Type': type, 'Content-Length': String(Buffer.byteLength(body)), ...headers };
    return Buffer.from(`${head(`POST ${path}`, bytes)}\r\n\r\n${body}`);
  };
  switch (ask.kind) {
    case 'get': {
      const bytes = Buffer.from(
        `${head(`GET ${ask.path}`, ask.cookie === undefined ? {} : { Cookie: ask.cookie })}\r\n\r\n`,
      );
      return () => bytes;
    }
    case 'lines': {
      const bytes = post('/api/operations/bulk', 'application/x-ndjson', 'x\n'.repeat(LINES), { Cookie: ask.cookie });
      return () => bytes;
    }
    case 'sign-up':
      return () => {
        const account = { email: `${randomUUID()}@localhost.ru`, name: 'Harm', password: randomUUID() };
        return post('/api/signup', 'application/json', JSON.stringify(account));
      };
    case 'overdraw': {
      const body = JSON.stringify({ wallet_id: ask.to, amount: 1_000_000 });
      const bytes = post('/api/wallet_to_wallet', 'application/json', body, { Cookie: ask.cookie });
      return () => bytes;
    }
  }
}
