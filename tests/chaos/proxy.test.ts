/** The proxy misbehaves as it says, and only as long as it is told to. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../support/waiting.ts';
import { startProxy } from './proxy.ts';
import type { Proxy } from './proxy.ts';

interface End {
  socket: Socket;
  received: () => string;
  /** What has become of the connection: nothing, a FIN, or a reset. */
  fate: () => 'open' | 'finished' | 'reset';
}

function watch(socket: Socket): End {
  let received = '';
  let fate: ReturnType<End['fate']> = 'open';
  socket.setEncoding('utf8').on('data', (text: string) => (received += text));
  socket.on('end', () => (fate = 'finished')).on('error', () => (fate = 'reset'));
  return { socket, received: () => received, fate: () => fate };
}

describe('the proxy', () => {
  const server = createServer({ allowHalfOpen: true });
  const accepted: End[] = [];
  const opened: Socket[] = [];
  let proxy: Proxy;

  beforeEach(async () => {
    accepted.length = 0;
    server.removeAllListeners('connection').on('connection', (socket: Socket) => accepted.push(watch(socket)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy = await startProxy((server.address() as AddressInfo).port);
  });
  afterEach(async () => {
    for (const socket of [...opened.splice(0), ...accepted.map((end) => end.socket)]) socket.destroy();
    await proxy.close();
    await new Promise((resolve) => server.close(resolve));
  });

  const open = async (): Promise<End> => {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    opened.push(socket);
    const end = watch(socket);
    // In the middle of a cut there is no connection to wait for.
    await once(socket, 'connect').catch(() => undefined);
    return end;
  };
  const pair = async (): Promise<{ client: End; far: End }> => {
    const client = await open();
    client.socket.write('hello ');
    const far = await until('the server hears hello', () => accepted.find((end) => end.received() === 'hello '));
    return { client, far };
  };

  it('passes on what either side says, and that it has finished', async () => {
    const { client, far } = await pair();
    far.socket.end('welcome');
    await until('the client hears welcome', () => client.received() === 'welcome');
    await until('the client hears the end', () => client.fate() === 'finished');
    expect(proxy.serverSidePorts()).toEqual([far.socket.remotePort]);
  });

  it('delays what is said and keeps its order, also over the moment of healing', async () => {
    const { client, far } = await pair();
    proxy.misbehave('delay', 120);
    const sentMs = performance.now();
    client.socket.write('one ');
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(far.received()).toBe('hello ');
    proxy.heal();
    client.socket.write('two');
    await until('the server hears both', () => far.received() === 'hello one two');
    expect(performance.now() - sentMs).toBeGreaterThanOrEqual(115);
  });

  it('holds what is said, on old and new connections, and delivers it when healed', async () => {
    const { client, far } = await pair();
    proxy.misbehave('hold');
    client.socket.write('held');
    const late = await open();
    late.socket.write('late');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect([far.received(), accepted.length]).toEqual(['hello ', 1]);
    proxy.heal();
    await until('the held word arrives', () => far.received() === 'hello held');
    await until('the late connection arrives', () => accepted[1]?.received() === 'late');
  });

  it('swallows what is said into a blackhole, keeps the sessions open, and resets them when healed', async () => {
    const { client, far } = await pair();
    proxy.misbehave('blackhole');
    const late = await open();
    for (const end of [client, late]) end.socket.write('swallowed');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect([far.received(), far.fate(), client.fate(), late.fate(), accepted.length]).toEqual([
      'hello ',
      'open',
      'open',
      'open',
      1,
    ]);
    proxy.heal();
    for (const end of [client, far, late]) await until('it is reset', () => end.fate() === 'reset');
    await pair();
  });

  it('cuts what is open and what is newly made', async () => {
    const { client, far } = await pair();
    proxy.misbehave('cut');
    for (const end of [client, far, await open()]) await until('it is reset', () => end.fate() === 'reset');
    proxy.heal();
    await pair();
  });

  it('closes one half: the client hears the end, the server nothing, and new connections pass', async () => {
    const { client, far } = await pair();
    proxy.misbehave('half');
    await until('the client hears the end', () => client.fate() === 'finished');
    client.socket.end('bye');
    const { far: second } = await pair();
    expect([far.received(), far.fate(), second.received()]).toEqual(['hello ', 'open', 'hello ']);
    proxy.heal();
    await until('the server is reset', () => far.fate() === 'reset');
  });

  it('swallows what open connections say, for good and without a word, while new ones pass', async () => {
    const { client, far } = await pair();
    proxy.misbehave('swallow');
    client.socket.write('lost');
    far.socket.write('lost');
    const { far: second } = await pair();
    proxy.heal();
    await pair();
    expect([far.received(), far.fate(), client.received(), client.fate(), second.fate()]).toEqual([
      'hello ',
      'open',
      '',
      'open',
      'open',
    ]);
    client.socket.destroy();
    await once(client.socket, 'close');
    await until('the server is told at last', () => {
      proxy.heal();
      return far.fate() === 'reset';
    });
  });
});
