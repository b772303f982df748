/**
 * The queues behind the partitions, as the rest of the service sees them. Whether they are on Redis or on PostgreSQL is said
 * by `queueBackend.ts`; that BullMQ carries them is known to the files beside this one, and to the operators' board.
 *
 * A queue is a hint with an order: losing all of it loses time, not money. So nothing here retries for long or buffers;
 * callers have a deadline and PostgreSQL has the truth.
 */
import type { Queue } from 'bullmq';
import type pg from 'pg';
import { Fault } from '../errors/fault.ts';
import type { Envelope } from './contracts.ts';

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
export type EnvelopeHandler = (jobId: string, data: unknown) => Promise<unknown>;

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

export interface BackendOptions {
  redisUrl: string | undefined;
  databaseUrl: string;
  partitions: number;
  role: string;
  onError: (error: unknown) => void;
}
