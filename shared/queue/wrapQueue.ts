/** A queue of BullMQ's as a `LedgerQueue`, on either backend. */
import { ErrorCode } from 'bullmq';
import type { Job, JobType, Queue } from 'bullmq';
import { JOB_OPTIONS } from './bullOptions.ts';
import { GOODBYE_MS, closeInTime } from './closeInTime.ts';
import { ENVELOPE_JOB, timeOfId } from './contracts.ts';
import type { LedgerQueue } from './ledgerQueue.ts';

/** Of a partition, for operators. With `withoutTexts` they are a few hundred kilobytes each at most. */
const KEEP_COMPLETED = 10;
const MAX_DELAYED = 100;
/** What BullMQ says of a job that another process has promoted, taken or removed meanwhile. */
const NOT_DELAYED: unknown[] = [ErrorCode.JobNotInState, ErrorCode.JobNotExist];
/** To find the oldest among: on PostgreSQL, BullMQ lists what waits with the newest first, whatever one asks for. */
const IDS_LOOKED_AT = 1_000;
/** No envelope has it. */
const PROBED_ID = 'probe';
/** Not one of BullMQ's types: what waits in a paused queue is `paused` on PostgreSQL and stays `waiting` on Redis. */
const PAUSED = 'paused' as JobType;

export function wrapQueue(partition: number, queue: Queue, onError: (error: unknown) => void): LedgerQueue {
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
