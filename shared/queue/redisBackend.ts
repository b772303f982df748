/** The queues on Redis, where any number of workers work side by side. */
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { QUEUE_OPTIONS, WORKER_OPTIONS } from './bullOptions.ts';
import { queueName, queuePrefix } from './contracts.ts';
import type { BackendOptions, QueueBackend } from './ledgerQueue.ts';
import { processor } from './processor.ts';
import { createRedisConnections, explainRedis, wasNeverSent } from './redisConnections.ts';
import { wrapQueue } from './wrapQueue.ts';
import { wrapWorker } from './wrapWorker.ts';

/** Among the first queue's keys, to which its user has every right. */
const WRITTEN_KEY = `${queuePrefix(0)}:written`;
const WRITTEN_FOR_MS = 10_000;

export function createRedisQueues(options: BackendOptions, url: string): QueueBackend {
  const connections = createRedisConnections(url, options.onError);
  const commands = connections.open({ failFast: true, beat: write });
  const at = (partition: number, connection: Redis) => ({ connection, prefix: queuePrefix(partition) });
  return {
    kind: 'redis',
    pool: undefined,
    openQueue: (partition) => {
      const queue = new Queue(queueName(partition), { ...at(partition, commands), ...QUEUE_OPTIONS });
      return wrapQueue(partition, queue, options.onError);
    },
    openWorker: (partition, handler) => {
      const worker = new Worker(queueName(partition), processor(handler), {
        ...at(partition, connections.open({ failFast: false, beat: (connection) => connection.ping() })),
        ...WORKER_OPTIONS,
      });
      return wrapWorker(worker, options.onError);
    },
    // All work side by side there: an envelope that nobody holds on to is found by any of them.
    takeOver: () => Promise.resolve(),
    probe: async () => {
      await write(commands).catch((error: unknown) => {
        throw explainRedis(wasNeverSent(error) ? connections.whyDown(commands) : error);
      });
    },
    isConnected: () => commands.status === 'ready',
    neverSent: wasNeverSent,
    close: () => {
      connections.close();
      return Promise.resolve();
    },
  };
}

/** A replica answers a PING as well as a primary does, and so does a server whose memory is full. */
async function write(connection: Redis): Promise<void> {
  await connection.set(WRITTEN_KEY, '', 'PX', WRITTEN_FOR_MS);
}
