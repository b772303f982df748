/**
 * A TCP proxy that stands in for the network between two processes and can misbehave as networks do.
 *
 *     pass       what arrives is passed on at once
 *     delay      what arrives is passed on later, in order, both ways
 *     hold       nothing is passed on, and everything is once it is healed: a network that was away for a while, so
 *                that a statement sent before the fault may be carried out long after it
 *     blackhole  connections are accepted and swallowed; they stay open until it is healed, and are reset then
 *     cut        open connections are reset at once, new ones as soon as they are made
 *     half       the client's side is told that the other has finished (FIN), the server's side hears nothing: its
 *                sessions stay open until it is healed; new connections pass
 *     swallow    what is sent on the connections that are open now is swallowed, and neither side hears of it, for good: a
 *                firewall that has lost its state. New connections pass
 */
import { createServer, connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export type Misbehaviour = 'delay' | 'hold' | 'blackhole' | 'cut' | 'half' | 'swallow';

export interface Proxy {
  /** Where the client connects to. */
  port: number;
  /** Where connections lead from now on: a restarted process listens at another port. */
  setTarget(port: number): void;
  misbehave(how: Misbehaviour, delayMs?: number): void;
  heal(): void;
  /** The local ports of the connections to the server, by which the server knows its clients. */
  serverSidePorts(): number[];
  close: () => Promise<void>;
}

interface Pair {
  client: Socket;
  server: Socket | undefined;
  /** Set apart for good by `blackhole`, `half` or `swallow`: a healed network does not bring it back. */
  isLost: boolean;
  /** Not even a healed network says that it is lost, as long as its client holds on to it. */
  isUntold: boolean;
}

export async function startProxy(targetPort: number): Promise<Proxy> {
  const pairs = new Set<Pair>();
  let target = targetPort;
  let mode: Misbehaviour | 'pass' = 'pass';
  let delayMs = 0;

  const drop = (pair: Pair) => {
    pairs.delete(pair);
    for (const socket of [pair.client, pair.server]) reset(socket);
  };

  /** What broke on one side is a break for the other, where the two still hear each other. */
  const breakOff = (pair: Pair) => {
    if (!pair.isLost) drop(pair);
  };

  /** Passes on what `from` sends to `to`, as the network is at that moment. */
  const carry = (pair: Pair, from: Socket, to: Socket) => {
    const later = createDelayLine();
    from.on('data', (chunk) => {
      if (pair.isLost) return;
      later(mode === 'delay' ? delayMs : 0, () => {
        if (pair.isLost || to.destroyed || to.write(chunk)) return;
        from.pause();
        to.once('drain', () => mode !== 'hold' && from.resume());
      });
    });
    from.on('end', () => {
      if (!pair.isLost) later(mode === 'delay' ? delayMs : 0, () => pair.isLost || to.end());
    });
    from.on('close', () => {
      if (pair.client.destroyed && (pair.server?.destroyed ?? true)) pairs.delete(pair);
    });
  };

  const open = (pair: Pair) => {
    const server = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    pair.server = server;
    server.on('error', () => breakOff(pair));
    server.once('connect', () => {
      carry(pair, pair.client, server);
      carry(pair, server, pair.client);
      if (mode === 'hold') for (const socket of [pair.client, server]) socket.pause();
    });
  };

  const accept = (client: Socket) => {
    const pair: Pair = { client, server: undefined, isLost: mode === 'blackhole', isUntold: false };
    pairs.add(pair);
    client.setNoDelay(true);
    client.on('error', () => breakOff(pair));
    if (mode === 'cut') drop(pair);
    else if (mode === 'blackhole') client.resume();
    else if (mode !== 'hold') open(pair);
  };

  const listener = createServer({ allowHalfOpen: true, pauseOnConnect: false }, accept);
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(0, '127.0.0.1', resolve);
  });

  const misbehave = (how: Misbehaviour, delay = 0) => {
    mode = how;
    delayMs = delay;
    for (const pair of pairs) {
      if (how === 'cut') drop(pair);
      if (how === 'hold') for (const socket of [pair.client, pair.server]) socket?.pause();
      if (how === 'blackhole' || how === 'half' || how === 'swallow') pair.isLost = true;
      if (how === 'swallow') pair.isUntold = true;
      if (how === 'half') pair.client.end();
    }
  };

  const heal = () => {
    mode = 'pass';
    for (const pair of pairs) {
      if (pair.isLost) {
        if (!pair.isUntold || pair.client.destroyed || pair.client.readableEnded) drop(pair);
      } else if (!pair.server) open(pair);
      else for (const socket of [pair.client, pair.server]) socket.resume();
    }
  };

  return {
    port: (listener.address() as AddressInfo).port,
    setTarget: (port) => {
      target = port;
    },
    misbehave,
    heal,
    serverSidePorts: () => [...pairs].flatMap(({ server }) => server?.localPort ?? []),
    close: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        for (const pair of pairs) drop(pair);
      }),
  };
}

/**
 * A socket that is not connected yet, or has sent its FIN, cannot be reset any more: asked to, Node 20 neither resets nor
 * closes it, and the process never ends.
 */
function reset(socket: Socket | undefined): void {
  if (socket?.connecting === true || socket?.writableEnded === true) socket.destroy();
  else socket?.resetAndDestroy();
}

/** Runs each task after its delay, and never before the one given before it. */
function createDelayLine(): (delayMs: number, task: () => void) => void {
  const waiting: { dueMs: number; task: () => void }[] = [];
  const run = () => {
    while (waiting[0] && waiting[0].dueMs <= performance.now()) waiting.shift()?.task();
    if (waiting[0]) setTimeout(run, Math.ceil(waiting[0].dueMs - performance.now()));
  };
  return (delayMs, task) => {
    if (waiting.length === 0 && delayMs === 0) {
      task();
      return;
    }
    const dueMs = Math.max(performance.now() + delayMs, waiting.at(-1)?.dueMs ?? 0);
    waiting.push({ dueMs, task });
    if (waiting.length === 1) run();
  };
}
