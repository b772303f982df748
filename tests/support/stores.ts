/**
 * What a test runs on: a database of its own and, for the queues on Redis, a logical Redis database of its own (queue
 * names are fixed, so two tests on one would share their queues).
 *
 *     describe.each(backends)('on %s', (backend) => {
 *       const stores = await createStores(backend); … spawnService('api', stores.env) … await stores.drop();
 *     });
 */
import { Redis } from 'ioredis';
import { inject } from 'vitest';
import { createDatabase } from './database.ts';
import type { TestDatabase } from './database.ts';

export type Backend = 'postgres' | 'redis';

export interface Stores {
  databaseUrl: string;
  redisUrl: string | undefined;
  /** The two as environment variables, for a process or for `readEnv`. */
  env: Record<string, string>;
  drop: () => Promise<void>;
}

/** Where the queues can be kept on this machine; globalSetup.ts reports a missing Redis. */
export const backends: Backend[] = inject('redisUrl') === undefined ? ['postgres'] : ['postgres', 'redis'];

export async function createTestDatabase(options?: { partitions?: number; empty?: boolean }): Promise<TestDatabase> {
  return createDatabase(inject('adminUrl'), options);
}

export async function createStores(
  backend: Backend,
  options?: { partitions?: number; empty?: boolean },
): Promise<Stores> {
  const database = await createTestDatabase(options);
  const redis = backend === 'redis' ? await createLogicalRedis() : undefined;
  return {
    databaseUrl: database.url,
    redisUrl: redis?.url,
    env: {
      DATABASE_URL: database.url,
      ...(redis && { REDIS_URL: redis.url }),
      ...(options?.partitions !== undefined && { PARTITIONS: String(options.partitions) }),
    },
    async drop() {
      await Promise.all([database.drop(), redis?.drop()]);
    },
  };
}

/** Numbers are never used twice in a run: database 0 counts them. */
async function createLogicalRedis(): Promise<{ url: string; drop: () => Promise<void> }> {
  const server = inject('redisUrl');
  if (server === undefined) throw new Error('There is no redis-server: use `backends`.');
  const number = await command(server, (redis) => redis.incr('databases-given-out'));
  const url = `${server}/${number}`;
  return {
    url,
    async drop() {
      await command(url, (redis) => redis.flushdb());
    },
  };
}

async function command<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}
