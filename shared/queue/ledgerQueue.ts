/**
 * The queues behind the partitions, on Redis or on PostgreSQL, as the rest of the service sees them. Everything that is
 * particular to BullMQ or to one of its two backends stays in this file.
 *
 * A queue is a hint with an order: losing all of it loses time, not money. So nothing here retries for long or buffers;
 * callers have a deadline and PostgreSQL has the truth.
 */
import { ErrorCode, Queue, UnrecoverableError, Worker, createPostgresBackend } from 'bullmq';
import type { Job, JobType, JobsOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import type pg from 'pg';
import { describeError } from '../errors/describeError.ts';
import { Fault } from '../errors/fault.ts';
import { ENVELOPE_JOB, queueName, queuePrefix, withoutTexts } from './contracts.ts';
import type { Envelope } from './contracts.ts';
import { sessionConfig } from '../store/database/session.ts';
import { openPool } from '../store/database/openPool.ts';
import { createRedisConnections, explainRedis, wasNeverSent } from './redisConnections.ts';
import { withDeadline } from '../time.ts';

/** A worker that has not renewed its lock for this long has lost its envelope to another. */
const LOCK_MS = 2_500;
const STALLED_CHECK_MS = 1_000;
/** After the handler's own retries: one attempt a second, for longer than a command lives before it expires. */
const ATTEMPT_PAUSE_MS = 1_000;
const MAX_ATTEMPTS = 900;
/** For an envelope whose commands fail by themselves: the partition's other envelopes are not to suffer for long. */
const MAX_UNDECIDED_ATTEMPTS = 10;
/** Of a partition, for operators. With `withoutTexts` they are a few hundred kilobytes each at most. */
const KEEP_COMPLETED = 10;
const KEEP_FAILED_SECONDS = 30 * 24 * 3600;
const MAX_EVENTS = 1_000;
const MAX_DELAYED = 100;
/** How long the envelope in a worker's hand may take to be finished and written down, once the worker is to close. */
const FINISH_MS = 5_000;
/** How long the rest may take to say goodbye. */
const GOODBYE_MS = 500;
/** What BullMQ says of a job that another process has promoted, taken or removed meanwhile. */
const NOT_DELAYED: unknown[] = [ErrorCode.JobNotInState, ErrorCode.JobNotExist];
/** To find the oldest among: on PostgreSQL, BullMQ lists what waits with the newest first, whatever one asks for. */
const IDS_LOOKED_AT = 1_000;
/** Of one query to a queue in PostgreSQL. */
const QUERY_LIMIT_MS = 3_000;
/** Among the first queue's keys, to which its user has every right. */
const WRITTEN_KEY = `${queuePrefix(0)}:written`;
const WRITTEN_FOR_MS = 10_000;
/** No envelope has it. */
const PROBED_ID = 'probe';
/** How long a worker leaves a queue alone that has refused it. */
const REFUSED_PAUSE_MS = 1_000;
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
  /** When the job failed for good or was done, in milliseconds by the clock of its worker; 0 when it was not. */
  endedAtMs: (jobId: string) => Promise<number>;
  remove: (jobId: string) => Promise<void>;
  /** The envelopes that wait for their next attempt, or the first ones where they are many. */
  delayedIds: () => Promise<string[]>;
  /** Lets an envelope that waits for its next attempt run now. One that does not wait any more stays as it is. */
  promote: (jobId: string) => Promise<void>;
  isPaused: () => Promise<boolean>;
  /** Rejects when it cannot be used as the service uses it: BullMQ's own start, a script over its keys, a write. */
  probe: () => Promise<void>;
  /** At most one envelope at a time in the whole fleet. The queue itself remembers this, so a wiped one has forgotten. */
  assertSerial: () => Promise<void>;
  counts: () => Promise<QueueCounts>;
  /** When the oldest envelope was added that is not done, in milliseconds; `undefined` when there is none. */
  oldestAtMs: () => Promise<number | undefined>;
  /** BullMQ's own, for the operators' board and look-ups. */
  board: Queue;
  /** Like every `close` here it never rejects, and takes its time and no longer when the store is away. */
  close: () => Promise<void>;
}

export interface LedgerWorker {
  /** Whether it takes envelopes: it has been told to, and its queue has not just refused them. */
  isWorking: () => boolean;
  pause: () => Promise<void>;
  resume: () => void;
  /** Finishes the envelope in hand, if that is possible in five seconds, and takes no other. */
  close: () => Promise<void>;
}

/** Thrown by a handler for an envelope that no retry can mend: it goes to the failed set with this message. */
export class UnreadableEnvelopeError extends Fault {
  override name = 'UnreadableEnvelopeError';
}

/**
 * Thrown by a handler for an envelope of which some commands cannot be decided although the rest can: after ten attempts,
 * those that failed for other reasons included, it goes to the failed set with this message.
 */
export class UndecidedCommandsError extends Fault {
  override name = 'UndecidedCommandsError';
}

/** What it answers is kept with the job for operators to see, and travels in its event: it should be small. */
type EnvelopeHandler = (jobId: string, data: unknown) => Promise<unknown>;

export interface QueueBackend {
  kind: 'redis' | 'postgres';
  /** Connections to PostgreSQL, where the queues are there. */
  pool: pg.Pool | undefined;
  openQueue: (partition: number) => LedgerQueue;
  openWorker: (partition: number, handler: EnvelopeHandler) => LedgerWorker;
  /** Frees the envelopes that a worker holds who does not work any more. Only for the one that takes its place. */
  takeOver: () => Promise<void>;
  /** Rejects when the store behind the queues cannot be used, and says why. */
  probe: () => Promise<void>;
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

/** How many connections to PostgreSQL a process has for queues that are kept there. */
export function queueConnections(partitions: number): number {
  // Each worker keeps one for LISTEN; the rest serves everybody's short queries.
  return partitions + 6;
}

function postgresBackend(options: BackendOptions): QueueBackend {
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

/**
 * What people wrote has no business in the queue once it is stored. Sent along before the job's end, and nobody waits for
 * it: should it fail, the text leaves with the job.
 */
function forgetTexts(job: Job): void {
  const bare = withoutTexts(job.data);
  if (bare) job.updateData(bare).catch(() => undefined);
}

function processor(handler: EnvelopeHandler): (job: Job) => Promise<unknown> {
  return async (job) => {
    try {
      const result = await handler(job.id ?? '', job.data);
      forgetTexts(job);
      return result;
    } catch (error) {
      const isLast = error instanceof UndecidedCommandsError && job.attemptsMade + 1 >= MAX_UNDECIDED_ATTEMPTS;
      if (isLast || error instanceof UnreadableEnvelopeError) throw new UnrecoverableError(error.message);
      throw asKept(error);
    }
  };
}

/** BullMQ keeps the message and the stack of a failure with the job, where the board shows them. */
function asKept(error: unknown): Error {
  const { type, message, stack = '' } = describeError(error);
  const kept = new Fault(message);
  kept.stack = `${type}: ${message}\n${stack}`;
  return kept;
}

function wrapQueue(partition: number, queue: Queue, onError: (error: unknown) => void): LedgerQueue {
  queue.on('error', onError);
  return {
    partition,
    board: queue,
    add: async (jobId, envelope, options = { keepCompleted: true }) => {
      const removeOnComplete = options.keepCompleted ? { count: KEEP_COMPLETED } : true;
      await queue.add(ENVELOPE_JOB, envelope, { ...JOB_OPTIONS, jobId, removeOnComplete });
    },
    stateOf: async (jobId) => {
      const state = await queue.getJobState(jobId);
      return state === 'unknown' ? undefined : state;
    },
    endedAtMs: async (jobId) => ((await queue.getJob(jobId)) as Job | undefined)?.finishedOn ?? 0,
    remove: async (jobId) => {
      await queue.remove(jobId);
    },
    delayedIds: () => queue.getRanges(['delayed'], 0, MAX_DELAYED - 1, true),
    promote: async (jobId) => {
      const job = (await queue.getJob(jobId)) as Job | undefined;
      await job?.promote().catch((error: unknown) => {
        if (!NOT_DELAYED.includes((error as { code?: unknown }).code)) throw error;
      });
    },
    isPaused: () => queue.isPaused(),
    probe: async () => {
      await Promise.all([queue.getJobState(PROBED_ID), queue.setGlobalConcurrency(1)]);
    },
    assertSerial: async () => {
      await queue.setGlobalConcurrency(1);
    },
    counts: async () => {
      const count = await queue.getJobCounts('waiting', PAUSED, 'active', 'delayed', 'failed');
      const { waiting = 0, paused = 0, active = 0, delayed = 0, failed = 0 } = count;
      return { waiting: waiting + paused, active, delayed, failed };
    },
    oldestAtMs: async () => {
      const ids = await queue.getRanges(['waiting', 'delayed', 'active'], 0, IDS_LOOKED_AT - 1, true);
      const times = await Promise.all(ids.map(async (id) => timeOfId(id) ?? (await queue.getJob(id))?.timestamp));
      const known = times.filter((time) => time !== undefined);
      return known.length === 0 ? undefined : Math.min(...known);
    },
    close: () => closeInTime(queue, GOODBYE_MS, onError),
  };
}

/**
 * BullMQ closes when the store has answered everything that is under way, however long it is away. What still waits
 * then is cut off: an envelope that is not written down as done is found by another worker, and done once all the same.
 */
async function closeInTime(
  closing: Pick<Queue | Worker, 'close' | 'backend'>,
  limitMs: number,
  onError: (error: unknown) => void,
): Promise<void> {
  try {
    await withDeadline(closing.close(), limitMs, 'the queue did not let go in time');
  } catch (error) {
    onError(error);
    await withDeadline(closing.backend.close(true), GOODBYE_MS, 'the queue did not let go in time').catch(onError);
  }
}

/** Most envelopes tell by their id (`e-` and a UUID v7) when they were made, which spares reading what is in them. */
export function timeOfId(jobId: string): number | undefined {
  const [, high, low] = /^e-([0-9a-f]{8})-([0-9a-f]{4})-7/.exec(jobId) ?? [];
  return high === undefined || low === undefined ? undefined : Number.parseInt(high + low, 16);
}

/**
 * Where its store refuses something (a missing right, a table that is not there), BullMQ asks for the next job again at once,
 * for ever, and where the refusal is known beforehand without so much as a turn of the event loop, so that not even a
 * signal is heard. So a worker whose queue has failed rests a while.
 */
function wrapWorker(worker: Worker, onError: (error: unknown) => void): LedgerWorker {
  let hasStarted = false;
  let isWanted = false;
  let resting: NodeJS.Timeout | undefined;
  const run = () => {
    if (hasStarted) void worker.resume();
    else void worker.run().catch(onError);
    hasStarted = true;
  };
  const rest = () => {
    if (resting || !isWanted) return;
    void worker.pause(true);
    resting = setTimeout(() => {
      resting = undefined;
      if (isWanted) run();
    }, REFUSED_PAUSE_MS);
  };
  worker.on('error', (error) => {
    onError(error);
    rest();
  });
  return {
    isWorking: () => isWanted && !resting && worker.isRunning() && !worker.isPaused(),
    pause: async () => {
      isWanted = false;
      await worker.pause(true);
    },
    resume: () => {
      isWanted = true;
      if (!resting) run();
    },
    close: async () => {
      isWanted = false;
      clearTimeout(resting);
      await closeInTime(worker, FINISH_MS, onError);
    },
  };
}

/** Rejects when the queues cannot be used by this process. */
export async function probeQueues(backend: QueueBackend, queues: readonly LedgerQueue[]): Promise<void> {
  await backend.probe();
  await Promise.all(queues.map((queue) => queue.probe()));
}
