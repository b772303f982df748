/** Is the API's port free? Asked before anything is started, so that a taken one costs nothing but a sentence. */
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigurationError } from '../shared/env.ts';

const LOOK_AGAIN_MS = 200;

/** Waits up to `patienceMs` for a taken port. Throws `ConfigurationError`, or the signal's reason. */
export async function assertPortFree(
  host: string,
  port: number,
  { patienceMs, signal }: { patienceMs: number; signal: AbortSignal },
): Promise<void> {
  const deadlineMs = Date.now() + patienceMs;
  for (;;) {
    const code = await tryListening(host, port);
    if (code === undefined) return;
    if (code !== 'EADDRINUSE' || Date.now() >= deadlineMs) throw refusal(host, port, code);
    await delay(LOOK_AGAIN_MS);
    signal.throwIfAborted();
  }
}

function refusal(host: string, port: number, code: string): ConfigurationError {
  if (code === 'EADDRINUSE') {
    return new ConfigurationError(
      `Port ${port} of ${host} is taken by another program: set PORT to another number, such as PORT=${port + 1}.`,
    );
  }
  if (code === 'EACCES') {
    return new ConfigurationError(`Port ${port} is not for ordinary users: set PORT to a number above 1023.`);
  }
  return new ConfigurationError(`HOST is ${host}, where this machine cannot listen (${code}).`);
}

async function tryListening(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)));
  });
}
