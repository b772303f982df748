/**
 * The service as it runs in production: any number of API and worker processes on given stores. What a test's processes
 * must never do is checked when they are stopped: crash, be stopped by force, or leave a rejection to nobody.
 */
import type { Client } from './client.ts';
import { SESSION_SECRET } from './people.ts';
import { AMPLE_QUOTAS } from './quotas.ts';
import { spawnService } from './processes.ts';
import type { Service } from './processes.ts';

export const BANK_ACCOUNT = { email: 'bank@saldo.localhost', password: 'the-bank-password' };
export const OPERATOR_ACCOUNT = { email: 'operator@saldo.localhost', password: 'the-operator-password' };

export const BANK = basic(BANK_ACCOUNT);
export const OPERATOR = basic(OPERATOR_ACCOUNT);

export interface RunningService {
  apis: Service[];
  workers: Service[];
  /** Of the first API process. */
  url: string;
  /** Starts one more. `env` goes over the service's own. */
  add: (role: 'api' | 'worker', env?: Record<string, string>) => Promise<Service>;
  /** Stops what still runs, the API first, and rejects with the output of any that did not end well. */
  stop: () => Promise<void>;
}

interface ServiceOptions {
  /** Of the stores, and whatever else is to be set. */
  env: Record<string, string>;
  apis?: number;
  workers?: number;
}

export async function startService({ env, apis = 1, workers = 1 }: ServiceOptions): Promise<RunningService> {
  const running: Record<'api' | 'worker', Service[]> = { api: [], worker: [] };
  const add: RunningService['add'] = async (role, over = {}) => {
    const service = await spawnService(role, { ...SECRETS, ...env, ...over });
    running[role].push(service);
    return service;
  };
  const stop = async () => {
    const ends = [...(await stopAll(running.api)), ...(await stopAll(running.worker))];
    const bad = ends.filter((end) => end !== undefined);
    if (bad.length > 0) throw new Error(bad.join('\n'));
  };
  const started = await Promise.allSettled([
    ...Array.from({ length: apis }, () => add('api')),
    ...Array.from({ length: workers }, () => add('worker')),
  ]);
  const failed = started.find((result) => result.status === 'rejected');
  if (failed) {
    await stop().catch(() => undefined);
    throw failed.reason as Error;
  }
  return { apis: running.api, workers: running.worker, url: running.api[0]?.url ?? '', add, stop };
}

const SECRETS = {
  SESSION_SECRET,
  BANK_EMAIL: BANK_ACCOUNT.email,
  BANK_PASS: BANK_ACCOUNT.password,
  OPERATOR_EMAIL: OPERATOR_ACCOUNT.email,
  OPERATOR_PASS: OPERATOR_ACCOUNT.password,
  // Everybody in a test comes from one address.
  MAX_SIGNUPS_PER_MINUTE: '100000',
  MAX_FAILED_LOGINS_PER_MINUTE: '100000',
  ...AMPLE_QUOTAS,
};

/** How many commands wait in an API process to be sent. */
export async function readWaiting(client: Client): Promise<number> {
  const { text } = await client.get('/metrics', OPERATOR);
  const figures = [...text.matchAll(/^saldo_waiting_commands\{.*\} (\d+)$/gm)];
  return figures.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** What was wrong with each one's end, if anything. One that a test has killed ended as it should. */
function stopAll(services: readonly Service[]): Promise<(string | undefined)[]> {
  return Promise.all(
    services.map(async (service) => {
      const wasKilled = service.child.signalCode === 'SIGKILL';
      const { code, signal } = await service.stop();
      if (wasKilled || code === 0) return undefined;
      return `process ${service.pid} ended with ${code ?? signal}:\n${service.output()}`;
    }),
  );
}

function basic({ email, password }: { email: string; password: string }): { Authorization: string } {
  return { Authorization: `Basic ${Buffer.from(`${email}:${password}`).toString('base64')}` };
}
