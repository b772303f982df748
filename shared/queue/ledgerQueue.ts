/**
 * The queues behind the partitions, on Redis or on PostgreSQL, as the rest of the service sees them. Everything that is
 * particular to BullMQ or to one of its two backends stays in this file.
 *
 * A queue is a hint with an order: losing all of it loses time, not money. So nothing here retries for long or buffers;
 * callers have a deadline and PostgreSQL has the truth.
 */
import { Queue, QueueEvents, UnrecoverableError, Worker, createPostgresBackend } from 'bullmq';
import type { Job, JobType, JobsOptions } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { ENVELOPE_JOB, queueName, queuePrefix } from './contracts.ts';
import type { Envelope } from './contracts.ts';

/** A worker that has not renewed its lock for this long has lost its envelope to another. */
const LOCK_MS = 2_500;
const STALLED_CHECK_MS = 1_000;
/** After the handler's own retries: one attempt a second, for longer than a command lives before it expires. */
const ATTEMPT_PAUSE_MS = 1_000;
const MAX_ATTEMPTS = 900;
const KEEP_COMPLETED = 50;
const KEEP_FAILED_SECONDS = 30 * 24 * 3600;
const MAX_EVENTS = 1_000;
/** Not one of BullMQ's types: what waits in a paused queue is `paused` on PostgreSQL and stays `waiting` on Redis. */
const PAUSED = 'paused' as JobType;

/** Envelopes by state. Those of a paused queue are waiting. */
type QueueCounts = Record<'waiting' | 'active' | 'delayed' | 'failed', number>;

/** One partition's queue, for whoever adds to it or looks into it. */
export interface LedgerQueue {
  partition: number;
  /** Adding an id that the queue still has changes nothing. */
  add: (jobId: string, envelope: Envelope, options?: { keepCompleted: boolean }) => Promise<void>;
  /** `undefined` when the queue does not know the job. */
  stateOf: (jobId: string) => Promise<string | undefined>;
  remove: (jobId: string) => Promise<void>;
  isPaused: () => Promise<boolean>;
  /** At most one envelope at a time in the whole fleet. The queue itself remembers this, so a wiped one has forgotten. */
  assertSerial: () => Promise<void>;
  counts: () => Promise<QueueCounts>;
  close: () => Promise<void>;
}

export interface LedgerWorker {
  pause: () => Promise<void>;
  resume: () => void;
  /** Finishes the envelope in hand, takes no other. */
  close: () => Promise<void>;
}

/** Thrown by a handler for an envelope that no retry can mend: it goes to the failed set with this message. */
export class UnreadableEnvelopeError extends Error {
  override name = 'UnreadableEnvelopeError';
}

type EnvelopeHandler = (jobId: string, data: unknown) => Promise<void>;

export interface QueueBackend {
  kind: 'redis' | 'postgres';
  openQueue: (partition: number) => LedgerQueue;
  /** Calls back with the id of every job that completes; events can be lost. Returns how to stop. */
  listen: (partition: number, onCompleted: (jobId: string) => void) => { close: () => Promise<void> };
  openWorker: (partition: number, handler: EnvelopeHandler) => LedgerWorker;
  /** Frees the envelopes that a worker holds who does not work any more. Only for the one that takes its place. */
  takeOver: () => Promise<void>;
  /** Rejects when the store behind the queues cannot be reached. */
  ping: () => Promise<void>;
  /** False when the connection is known to be down: an `add` would certainly not leave this process. */
  isConnected: () => boolean;
  /** Whether a failed `add` certainly never left this process. Otherwise the job may exist. */
  neverSent: (error: unknown) => boolean;
  close: () => Promise<void>;
}

interface BackendOptions {
  redisUrl: string | undefined;
  databaseUrl: string;
  partitions: number;
  role: string;
  onError: (error: unknown) => void;
}

export function createQueueBackend(options: BackendOptions): QueueBackend {
  return options.redisUrl === undefined ? postgresBackend(options) : redisBackend(options, options.redisUrl);
}

function redisBackend(options: BackendOptions, url: string): QueueBackend {
  const connections: Redis[] = [];
  const connect = (failFast: boolean) => {
    const connection = new Redis(url, {
      maxRetriesPerRequest: null,
      enableOfflineQueue: !failFast,
      retryStrategy: (times) => Math.min(times * 100, 1_000),
      connectTimeout: 2_000,
      keepAlive: 5_000,
    });
    connection.on('error', options.onError);
    connections.push(connection);
    return connection;
  };
  const commands = connect(true);
  const at = (partition: number, connection: Redis) => ({ connection, prefix: queuePrefix(partition) });
  return {
    kind: 'redis',
    openQueue: (partition) => {
      const queue = new Queue(queueName(partition), { ...at(partition, commands), ...QUEUE_OPTIONS });
      return wrapQueue(partition, queue, options.onError);
    },
    listen: (partition, onCompleted) =>
      wrapEvents(new QueueEvents(queueName(partition), at(partition, connect(false))), onCompleted, options.onError),
    openWorker: (partition, handler) => {
      const worker = new Worker(queueName(partition), processor(handler), {
        ...at(partition, connect(false)),
        ...WORKER_OPTIONS,
      });
      return wrapWorker(worker, options.onError);
    },
    // All work side by side there: an envelope that nobody holds on to is found by any of them.
    takeOver: () => Promise.resolve(),
    ping: async () => {
      await commands.ping();
    },
    isConnected: () => commands.status === 'ready',
    // ioredis refuses to queue a command for a connection that is not up; whatever else fails may have been written.
    neverSent: (error) => error instanceof Error && error.message.includes('enableOfflineQueue'),
    close: () => {
      for (const connection of connections) connection.disconnect();
      return Promise.resolve();
    },
  };
}

function postgresBackend(options: BackendOptions): QueueBackend {
  // Each events stream and each worker keeps one connection for LISTEN; the rest serves everybody's short queries.
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: `saldo-${options.role}-queue`,
    options: '-c search_path=bullmq',
    max: options.partitions + 6,
    keepAlive: true,
    connectionTimeoutMillis: 1_500,
    query_timeout: 5_000,
  });
  pool.on('error', options.onError);
  // BullMQ describes a pool by an interface of its own, which pg.Pool has but is not declared to have.
  const connection = { connection: pool as never };
  return {
    kind: 'postgres',
    openQueue: (partition) => {
      const queue = new Queue(queueName(partition), { ...connection, ...QUEUE_OPTIONS }, createPostgresBackend);
      return wrapQueue(partition, queue as unknown as Queue, options.onError);
    },
    listen: (partition, onCompleted) =>
      wrapEvents(
        new QueueEvents(queueName(partition), connection, createPostgresBackend) as unknown as QueueEvents,
        onCompleted,
        options.onError,
      ),
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
    ping: async () => {
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

const JOB_OPTIONS: JobsOptions = {
  attempts: MAX_ATTEMPTS,
  backoff: { type: 'fixed', delay: ATTEMPT_PAUSE_MS },
  removeOnFail: { age: KEEP_FAILED_SECONDS },
};

const QUEUE_OPTIONS = { streams: { events: { maxLen: MAX_EVENTS } } };

const WORKER_OPTIONS = {
  autorun: false,
  concurrency: 1,
  lockDuration: LOCK_MS,
  stalledInterval: STALLED_CHECK_MS,
  // A worker that dies does not spoil the envelope it held, however often that happens.
  maxStalledCount: MAX_ATTEMPTS,
  runRetryDelay: 500,
  drainDelay: 2,
};

function processor(handler: EnvelopeHandler): (job: Job) => Promise<void> {
  return async (job) => {
    try {
      await handler(job.id ?? '', job.data);
    } catch (error) {
      if (error instanceof UnreadableEnvelopeError) throw new UnrecoverableError(error.message);
      throw error;
    }
  };
}

function wrapQueue(partition: number, queue: Queue, onError: (error: unknown) => void): LedgerQueue {
  queue.on('error', onError);
  return {
    partition,
    add: async (jobId, envelope, options = { keepCompleted: true }) => {
      const removeOnComplete = options.keepCompleted ? { count: KEEP_COMPLETED } : true;
      await queue.add(ENVELOPE_JOB, envelope, { ...JOB_OPTIONS, jobId, removeOnComplete });
    },
    stateOf: async (jobId) => {
      const state = await queue.getJobState(jobId);
      return state === 'unknown' ? undefined : state;
    },
    remove: async (jobId) => {
      await queue.remove(jobId);
    },
    isPaused: () => queue.isPaused(),
    assertSerial: async () => {
      await queue.setGlobalConcurrency(1);
    },
    counts: async () => {
      const count = await queue.getJobCounts('waiting', PAUSED, 'active', 'delayed', 'failed');
      const { waiting = 0, paused = 0, active = 0, delayed = 0, failed = 0 } = count;
      return { waiting: waiting + paused, active, delayed, failed };
    },
    close: () => queue.close(),
  };
}

function wrapEvents(events: QueueEvents, onCompleted: (jobId: string) => void, onError: (error: unknown) => void) {
  events.on('error', onError);
  events.on('completed', ({ jobId }) => onCompleted(jobId));
  return { close: () => events.close() };
}

function wrapWorker(worker: Worker, onError: (error: unknown) => void): LedgerWorker {
  worker.on('error', onError);
  let running: Promise<void> | undefined;
  return {
    pause: () => worker.pause(true),
    resume: () => {
      if (running) void worker.resume();
      else running = worker.run().catch(onError);
    },
    close: () => worker.close(),
  };
}
