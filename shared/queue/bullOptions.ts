/** What BullMQ is told about every job, queue and worker, on either backend: its bounds. */
import type { JobsOptions } from 'bullmq';

/** A worker that has not renewed its lock for this long has lost its envelope to another. */
const LOCK_MS = 2_500;
const STALLED_CHECK_MS = 1_000;
/** After the handler's own retries: one attempt a second, for longer than a command lives before it expires. */
const ATTEMPT_PAUSE_MS = 1_000;
const MAX_ATTEMPTS = 900;
const KEEP_FAILED_SECONDS = 30 * 24 * 3600;
const MAX_EVENTS = 1_000;

export const JOB_OPTIONS: JobsOptions = {
  attempts: MAX_ATTEMPTS,
  backoff: { type: 'fixed', delay: ATTEMPT_PAUSE_MS },
  removeOnFail: { age: KEEP_FAILED_SECONDS },
};

export const QUEUE_OPTIONS = { streams: { events: { maxLen: MAX_EVENTS } } };

export const WORKER_OPTIONS = {
  autorun: false,
  concurrency: 1,
  lockDuration: LOCK_MS,
  stalledInterval: STALLED_CHECK_MS,
  // A worker that dies does not spoil the envelope it held, however often that happens.
  maxStalledCount: MAX_ATTEMPTS,
  runRetryDelay: 500,
  drainDelay: 2,
};
