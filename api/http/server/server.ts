/**
 * The HTTP server's own life: it starts listening, and it stops without cutting anybody off.
 *
 *     serving ──stop──▶ every answer says `Connection: close` ──grace──▶ no new connections ──▶ stopped
 *                                                                        connections without a request are closed,
 *                                                                        the others when they are answered or too late
 *
 * Node's own `close` waits for a connection that never sent anything, and keeps one open that was answered too early to
 * be told; so the connections are counted here.
 */
import { IncomingMessage, ServerResponse, createServer } from 'node:http';
import type { Server, ServerOptions } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Express } from 'express';
import { ConfigurationError } from '../../../shared/env.ts';
import { Problem } from '../problem.ts';
import { refuseOn, refuseUnreadable } from './unreadable.ts';

/** Longer than a load balancer's usual minute, so that it is never we who close under its feet. */
const KEEP_ALIVE_MS = 65_000;
const MAX_CONNECTIONS = 10_000;
/** For how long the port still answers after the order to stop, so that clients learn of it by an answer. */
const GRACE_MS = 300;
const CLOSE_EVERY_MS = 50;
/** What some path or other takes. */
const METHODS = 'GET, HEAD, POST, OPTIONS';
/** Whoever is not answered by then is cut off: a process has ten seconds to stop. */
const PATIENCE_MS = 6_000;

export interface RunningServer {
  url: string;
  /** Call when whatever a request may wait for has been told to end. Resolves when every request is answered. */
  stop: () => Promise<void>;
}

/** Throws `ConfigurationError` when the address cannot be listened at. */
export async function listen(app: Express, host: string, port: number): Promise<RunningServer> {
  // The app itself looks at the host: a refusal of Node's own would have no id.
  const server = createServer({ ...expressMessages(app), requireHostHeader: false });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = MAX_CONNECTIONS;
  const connections = watchConnections(server);
  server.on('request', app);
  // So that the app is asked about it, like about any other request.
  server.on('checkExpectation', (req, res) => server.emit('request', req, res));
  server.on('clientError', (error: Error, socket) => refuseUnreadable(error, { socket, ...connections.on(socket) }));
  server.on('connect', (_req, socket) => refuseOn(socket, new Problem('method_not_allowed', { allow: METHODS })));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, host, port)));
    server.listen(port, host, resolve);
  });
  const { port: actualPort } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actualPort}`,
    async stop() {
      connections.announceClose();
      await sleep(GRACE_MS);
      const closed = new Promise((resolve) => server.close(resolve));
      const closing = setInterval(connections.closeIdle, CLOSE_EVERY_MS);
      const cutting = setTimeout(() => server.closeAllConnections(), PATIENCE_MS);
      await closed;
      clearInterval(closing);
      clearTimeout(cutting);
    },
  };
}

/**
 * Express gives every request and response another prototype when it sees them, and V8 then gives up on what it knows of
 * their shape: that costs several times what the rest of Express does (docs/adr/0008-what-a-transfer-costs.md). Made
 * with that prototype from the start, they keep it.
 */
function expressMessages(app: Express): ServerOptions {
  class Request extends IncomingMessage {}
  class Response<Of extends IncomingMessage> extends ServerResponse<Of> {}
  Object.setPrototypeOf(Request.prototype, app.request);
  Object.setPrototypeOf(Response.prototype, app.response);
  Object.assign(app, { request: Request.prototype, response: Response.prototype });
  return { IncomingMessage: Request, ServerResponse: Response };
}

interface Connection {
  /** Requests that are not answered yet. */
  open: number;
  /** The answer after which it may be closed: a client that pipelines has others under way before it. */
  latest?: ServerResponse | undefined;
}

interface Connections {
  on: (socket: Duplex) => Connection;
  announceClose: () => void;
  closeIdle: () => void;
}

/** Knows which connections have a request that is not answered yet. Call before the handler is added. */
function watchConnections(server: Server): Connections {
  const connections = new Map<Duplex, Connection>();
  let isClosing = false;
  server.on('connection', (socket: Socket) => {
    connections.set(socket, { open: 0 });
    socket.once('close', () => connections.delete(socket));
  });
  server.on('request', (req, res) => {
    if (isClosing) res.setHeader('Connection', 'close');
    const connection = connections.get(req.socket);
    if (!connection) return;
    connection.open += 1;
    connection.latest = res;
    res.once('close', () => {
      connection.open -= 1;
      if (connection.latest === res) connection.latest = undefined;
    });
  });
  return {
    on: (socket) => connections.get(socket) ?? { open: 0 },
    announceClose: () => {
      isClosing = true;
      for (const { latest } of connections.values()) {
        if (latest && !latest.headersSent) latest.setHeader('Connection', 'close');
      }
    },
    closeIdle: () => {
      for (const [socket, { open }] of connections) if (open === 0) socket.destroy();
    },
  };
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new ConfigurationError(`PORT ${port} on ${host} is taken by another program: set PORT to a free one.`);
    case 'EACCES':
      return new ConfigurationError(`PORT ${port} may not be used without more rights: set PORT to 1024 or more.`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new ConfigurationError(`HOST ${host} is not an address of this machine.`);
    default:
      return error;
  }
}
