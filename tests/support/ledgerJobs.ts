/** What an operator sees of single jobs: BullMQ itself, past the service. */
import { Queue, createPostgresBackend } from 'bullmq';
import type { Job } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { queueName, queuePrefix } from '../../shared/queue/contracts.ts';
import type { Stores } from './stores.ts';

/** Works on a partition's queue with connections of its own. */
export async function withQueue<T>(
  { databaseUrl, redisUrl }: Pick<Stores, 'databaseUrl' | 'redisUrl'>,
  partition: number,
  work: (queue: Queue) => Promise<T>,
): Promise<T> {
  const redis = redisUrl === undefined ? undefined : new Redis(redisUrl, { maxRetriesPerRequest: null });
  const pool = redis ? undefined : new pg.Pool({ connectionString: databaseUrl, options: '-c search_path=bullmq' });
  const queue = redis
    ? new Queue(queueName(partition), { connection: redis, prefix: queuePrefix(partition) })
    : (new Queue(queueName(partition), { connection: pool as never }, createPostgresBackend) as unknown as Queue);
  try {
    return await work(queue);
  } finally {
    await queue.close();
    redis?.disconnect();
    await pool?.end();
  }
}

/** Why a job is in the failed set. */
export async function failedReason(stores: Stores, partition: number, jobId: string): Promise<string | undefined> {
  return withQueue(stores, partition, async (queue) => {
    const job = (await queue.getJob(jobId)) as Job | undefined;
    return job?.failedReason;
  });
}
