/**
 * The whole service as it runs in production, on servers of its own: two API and two worker processes, PostgreSQL, and
 * a Redis with its replica where the queues are on it. Between any two of them, and between the clients and each API, lies a proxy, so that
 * every link can fail by itself. All of it is on the loopback interface and ends with this process.
 */
import pg from 'pg';
import { hasRedis } from '../support/redisServer.ts';
import { spawnProgram } from '../support/processes.ts';
import { createKeeper } from './keeper.ts';
import type { Keeper } from './keeper.ts';
import type { Death } from './history.ts';
import { startCrashingPostgres } from './postgres.ts';
import type { CrashingPostgres } from './postgres.ts';
import { AMPLE_QUOTAS } from '../support/quotas.ts';
import { startProxy } from './proxy.ts';
import type { Proxy } from './proxy.ts';
import { startRedisPair } from './redisPair.ts';
import type { RedisPair } from './redisPair.ts';

export type QueueKind = 'redis' | 'postgres';

export const PARTITIONS = 4;
export const BANK = { email: 'bank@saldo.localhost', password: 'chaos-bank-password' };
export const OPERATOR = { email: 'operator@saldo.localhost', password: 'chaos-operator-password' };
const APIS = 2;
const WORKERS = 2;

export interface System {
  queue: QueueKind;
  postgres: CrashingPostgres;
  redis: RedisPair | undefined;
  apis: Keeper[];
  workers: Keeper[];
  /** By name: `api0-postgres`, `worker1-redis`, `clients-api0`. */
  links: Map<string, Proxy>;
  /** Where clients reach each API; the same for as long as the system lives. */
  apiPorts: number[];
  /** Rows of one statement, past every proxy. */
  query: <T extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<T[]>;
  /** The product's own `npm run verify`. */
  verify: () => Promise<{ isSound: boolean; said: string }>;
  /** Ends the service's processes in order, as an operator would; the servers stay. */
  stopServices: () => Promise<void>;
  /** Ends everything and removes it. Never rejects. */
  stop: () => Promise<void>;
}

interface SystemOptions {
  queue: QueueKind;
  maxPending: number;
  onDeath: (death: Death) => void;
}

export function defaultQueue(): QueueKind {
  return hasRedis() ? 'redis' : 'postgres';
}

/** Nothing is left running when it rejects. */
export async function startSystem({ queue, maxPending, onDeath }: SystemOptions): Promise<System> {
  const endings: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of endings.splice(0).reverse()) await end().catch(() => undefined);
  };
  try {
    const postgres = await startCrashingPostgres();
    endings.push(postgres.stop);
    const redis = queue === 'redis' ? await startRedisPair() : undefined;
    if (redis) endings.push(redis.stop);
    const direct = {
      DATABASE_URL: postgres.url,
      PARTITIONS: String(PARTITIONS),
      ...(redis && { REDIS_URL: redis.url }),
    };
    await runToEnd('cli/migrate.ts', direct);

    const links = new Map<string, Proxy>();
    const link = async (name: string, port: number) => {
      const proxy = await startProxy(port);
      endings.push(proxy.close);
      links.set(name, proxy);
      return proxy.port;
    };
    const environment = async (name: string) => {
      const database = new URL(postgres.url);
      database.port = String(await link(`${name}-postgres`, postgres.port));
      const redisPort = redis && (await link(`${name}-redis`, redis.port));
      return {
        DATABASE_URL: database.href,
        PARTITIONS: String(PARTITIONS),
        SESSION_SECRET: 'a secret of the chaos runs alone',
        BANK_EMAIL: BANK.email,
        BANK_PASS: BANK.password,
        OPERATOR_EMAIL: OPERATOR.email,
        OPERATOR_PASS: OPERATOR.password,
        MAX_PENDING: String(maxPending),
        MAX_SIGNUPS_PER_MINUTE: '10000',
        ...AMPLE_QUOTAS,
        HOST: '127.0.0.1',
        PORT: '0',
        LOG_LEVEL: 'warn',
        ...(redisPort !== undefined && { REDIS_URL: `redis://127.0.0.1:${redisPort}` }),
      };
    };
    const keep = async (role: 'api' | 'worker', index: number) => {
      const name = `${role}${index}`;
      const env = await environment(name);
      const onReady = (url: string) => links.get(`clients-${name}`)?.setTarget(Number(new URL(url).port));
      const keeper = createKeeper({ role, name, env, onReady: role === 'api' ? onReady : () => undefined, onDeath });
      endings.push(keeper.kill);
      return keeper;
    };
    const [apis, workers]: [Keeper[], Keeper[]] = [[], []];
    const apiPorts: number[] = [];
    for (let index = 0; index < APIS; index++) {
      apiPorts.push(await link(`clients-api${index}`, 0));
      apis.push(await keep('api', index));
    }
    for (let index = 0; index < WORKERS; index++) workers.push(await keep('worker', index));
    await Promise.all([...apis, ...workers].map((keeper) => keeper.start()));

    return {
      ...{ queue, postgres, redis, apis, workers, links, apiPorts, stop },
      query: (text, values) => query(postgres.url, text, values),
      verify: () => verify(direct),
      stopServices: async () => {
        await Promise.all(apis.map((api) => api.stop()));
        await Promise.all(workers.map((worker) => worker.stop()));
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** On a connection of its own: there is no pool here that a crash could leave with dead connections. */
async function query<T extends pg.QueryResultRow>(url: string, text: string, values: unknown[] = []): Promise<T[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<T>(text, values)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function runToEnd(file: string, env: Record<string, string>): Promise<void> {
  const program = spawnProgram(file, { env });
  const { code } = await program.exited;
  if (code !== 0) throw new Error(`${file} ended with ${code ?? 'a signal'}:\n${program.output()}`);
}

async function verify(env: Record<string, string>): Promise<{ isSound: boolean; said: string }> {
  const program = spawnProgram('cli/verify.ts', { env });
  const { code } = await program.exited;
  return { isSound: code === 0, said: program.output() };
}
