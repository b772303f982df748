/**
 * The queues on PostgreSQL, in tables of BullMQ's own. One worker process of the fleet works there and the others stand by,
 * because this backend polls hard when a waiting job may not run yet.
 */
import { Queue, Worker, createPostgresBackend } from 'bullmq';
import { openPool } from '../store/database/openPool.ts';
import { sessionConfig } from '../store/database/session.ts';
import { QUEUE_OPTIONS, WORKER_OPTIONS } from './bullOptions.ts';
import { queueName } from './contracts.ts';
import type { BackendOptions, QueueBackend } from './ledgerQueue.ts';
import { processor } from './processor.ts';
import { wrapQueue } from './wrapQueue.ts';
import { wrapWorker } from './wrapWorker.ts';

/** Of one query to a queue in PostgreSQL. */
const QUERY_LIMIT_MS = 3_000;

/** How many connections to PostgreSQL a process has for queues that are kept there. */
export function queueConnections(partitions: number): number {
  // Each worker keeps one for LISTEN; the rest serves everybody's short queries.
  return partitions + 6;
}

export function createPostgresQueues(options: BackendOptions): QueueBackend {
  const pool = openPool({
    ...sessionConfig({
      databaseUrl: options.databaseUrl,
      name: `${options.role}-queue`,
      // A queue is a hint: nobody waits until it has reached the disk, and what a crash takes is sent again.
      settings: {
        search_path: 'bullmq',
        synchronous_commit: 'off',
        idle_in_transaction_session_timeout: QUERY_LIMIT_MS,
      },
    }),
    max: queueConnections(options.partitions),
    connectionTimeoutMillis: 1_500,
    query_timeout: QUERY_LIMIT_MS,
  });
  pool.on('error', options.onError);
  // BullMQ describes a pool by an interface of its own, which pg.Pool has but is not declared to have.
  const connection = { connection: pool as never };
  return {
    kind: 'postgres',
    pool,
    openQueue: (partition) => {
      const queue = new Queue(queueName(partition), { ...connection, ...QUEUE_OPTIONS }, createPostgresBackend);
      return wrapQueue(partition, queue as unknown as Queue, options.onError);
    },
    openWorker: (partition, handler) => {
      const worker = new Worker(
        queueName(partition),
        processor(handler),
        { ...connection, ...WORKER_OPTIONS },
        createPostgresBackend,
      );
      return wrapWorker(worker as unknown as Worker, options.onError);
    },
    takeOver: async () => {
      await pool.query(TAKE_OVER, [[...Array(options.partitions).keys()].map(queueName)]);
    },
    probe: async () => {
      await pool.query('SELECT 1');
    },
    isConnected: () => true,
    neverSent: (error) => {
      const { code, message } = error as { code?: string; message?: string };
      return (
        code === 'ECONNREFUSED' || code === '57P03' || /timeout exceeded when trying to connect/.test(message ?? '')
      );
    },
    close: () => pool.end(),
  };
}

/**
 * On PostgreSQL, BullMQ compares locks with the clock of whoever looks, so the envelope of a worker whose clock was
 * ahead would stay locked for as long as that. This makes every lock one that has run out and was noticed, which the
 * next look, at once, clears away.
 */
const TAKE_OVER = `
  WITH looked AS (DELETE FROM meta WHERE queue = ANY($1::text[]) AND field = 'stalled-check')
  UPDATE job SET locked_until_ms = 0, stalled_marked = true WHERE queue = ANY($1::text[]) AND state = 'active'`;
