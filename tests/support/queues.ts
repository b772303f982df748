/** The partitions' queues, seen and handled as an operator would, with BullMQ itself and past the service. */
import { Queue, createPostgresBackend } from 'bullmq';
import type { JobType } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { queueName, queuePrefix } from '../../shared/queue/contracts.ts';
import { query } from './inspect.ts';
import type { Stores } from './stores.ts';

const PARTITIONS = 4;
/** The PostgreSQL queue counts what waits in a paused queue as paused, Redis as waiting. */
const OPEN = ['waiting', 'paused', 'active', 'delayed'] as JobType[];

export interface Queues {
  pause: () => Promise<void>;
  resume: () => Promise<void>;
  /** Envelopes that are neither done nor given up. */
  open: () => Promise<number>;
  close: () => Promise<void>;
}

type Places = Pick<Stores, 'databaseUrl' | 'redisUrl'>;

/** Of all partitions, or of some. */
export function openQueues({ databaseUrl, redisUrl }: Places, partitions = [...Array(PARTITIONS).keys()]): Queues {
  const redis = redisUrl === undefined ? undefined : new Redis(redisUrl, { maxRetriesPerRequest: null });
  const pool = redis ? undefined : new pg.Pool({ connectionString: databaseUrl, options: '-c search_path=bullmq' });
  pool?.on('error', () => undefined);
  const queues = partitions.map((partition) => {
    const name = queueName(partition);
    if (redis) return new Queue(name, { connection: redis, prefix: queuePrefix(partition) });
    return new Queue(name, { connection: pool as never }, createPostgresBackend) as unknown as Queue;
  });
  return {
    pause: async () => {
      await Promise.all(queues.map((queue) => queue.pause()));
    },
    resume: async () => {
      await Promise.all(queues.map((queue) => queue.resume()));
    },
    open: async () => {
      const counts = await Promise.all(queues.map((queue) => queue.getJobCountByTypes(...OPEN)));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    close: async () => {
      await Promise.all(queues.map((queue) => queue.close()));
      redis?.disconnect();
      await pool?.end();
    },
  };
}

/** Everything that the queues knew is gone, as after a crash of a Redis that keeps nothing. */
export async function wipeQueues({ databaseUrl, redisUrl }: Places): Promise<void> {
  if (redisUrl !== undefined) {
    const redis = new Redis(redisUrl);
    await redis.flushdb();
    redis.disconnect();
    return;
  }
  const tables = await query<{ name: string }>(
    databaseUrl,
    `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'bullmq' AND tablename !~ 'migration'`,
  );
  await query(databaseUrl, tables.map(({ name }) => `DELETE FROM bullmq.${name};`).join('\n'));
}
