/** The product: its real API and worker processes, started as in production. */
import { createClient } from '../../tests/support/client.ts';
import { BANK, startService } from '../../tests/support/service.ts';
import { requireRedis } from './target.ts';
import type { StartTarget, Target } from './target.ts';

interface SaldoOptions {
  databaseUrl: string;
  /** Without it the queues are in PostgreSQL. */
  redisUrl?: string | undefined;
  workers?: number;
  /** Over the service's own variables. */
  env?: Record<string, string>;
  /** For the workers alone. */
  workerEnv?: Record<string, string>;
}

export const startSaldoOnRedis: StartTarget = async (servers) => {
  const redis = requireRedis(servers);
  return startSaldo({ databaseUrl: await servers.createDatabase('saldo'), redisUrl: redis.nextUrl() });
};

export const startSaldoEmbedded: StartTarget = async (servers) =>
  startSaldo({ databaseUrl: await servers.createDatabase('embedded') });

export async function startSaldo(options: SaldoOptions): Promise<Target> {
  const { databaseUrl, redisUrl, workers = 1, env = {}, workerEnv = {} } = options;
  const service = await startService({
    env: {
      NODE_ENV: 'production',
      DATABASE_URL: databaseUrl,
      ...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
      ...env,
    },
    workers: 0,
  });
  try {
    for (let index = 0; index < workers; index++) await service.add('worker', workerEnv);
    return {
      databaseUrl,
      url: service.url,
      bankCookie: await logBankIn(service.url),
      processes: {
        api: service.apis[0]?.pid ?? 0,
        ...Object.fromEntries(service.workers.map(({ pid }, index) => [`worker${index || ''}`, pid])),
      },
      stop: service.stop,
    };
  } catch (error) {
    await service.stop().catch(() => undefined);
    throw error;
  }
}

/** The session that HTTP Basic starts, as a bank's client that keeps cookies would go on with. */
async function logBankIn(url: string): Promise<string> {
  const client = createClient(url, 1);
  try {
    const { status, headers } = await client.get('/api/wallet', BANK);
    const [cookie] = headers['set-cookie'] ?? [];
    if (status !== 200 || cookie === undefined) throw new Error(`the bank was not let in: ${status}`);
    return cookie.split(';', 1)[0] ?? '';
  } finally {
    client.close();
  }
}
