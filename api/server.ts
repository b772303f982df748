/**
 * The HTTP server's own life: it starts listening, and it stops without cutting anybody off. While stopping, every
 * response says `Connection: close`, so that clients leave by themselves; only then are idle connections closed.
 */
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError } from '../shared/env.ts';

/** Longer than a load balancer's usual minute, so that it is never we who close under its feet. */
const KEEP_ALIVE_MS = 65_000;
const MAX_CONNECTIONS = 10_000;
/** For how long the port still answers after the order to stop, so that clients learn of it by an answer. */
const GRACE_MS = 300;

export interface RunningServer {
  url: string;
  /** Call when whatever a request may wait for has been told to end. Resolves when every request is answered. */
  stop: () => Promise<void>;
}

/** Throws `ConfigurationError` when the address cannot be listened at. */
export async function listen(handler: RequestListener, host: string, port: number): Promise<RunningServer> {
  const server = createServer(handler);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, host, port)));
    server.listen(port, host, resolve);
  });
  const { port: actualPort } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actualPort}`,
    async stop() {
      server.prependListener('request', (_req, res) => res.setHeader('Connection', 'close'));
      await sleep(GRACE_MS);
      await new Promise((resolve) => server.close(resolve));
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
