/** What becomes of a job once its handler is through with it, or has failed. */
import { UnrecoverableError } from 'bullmq';
import type { Job } from 'bullmq';
import { describeError } from '../errors/describeError.ts';
import { Fault } from '../errors/fault.ts';
import { withoutTexts } from './contracts.ts';
import { UndecidedCommandsError, UnreadableEnvelopeError } from './ledgerQueue.ts';
import type { EnvelopeHandler } from './ledgerQueue.ts';

/** For an envelope whose commands fail by themselves: the partition's other envelopes are not to suffer for long. */
const MAX_UNDECIDED_ATTEMPTS = 10;

export function processor(handler: EnvelopeHandler): (job: Job) => Promise<unknown> {
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

/**
 * What people wrote has no business in the queue once it is stored. Sent along before the job's end, and nobody waits for
 * it: should it fail, the text leaves with the job.
 */
function forgetTexts(job: Job): void {
  const bare = withoutTexts(job.data);
  if (bare) job.updateData(bare).catch(() => undefined);
}

/** BullMQ keeps the message and the stack of a failure with the job, where the board shows them. */
function asKept(error: unknown): Error {
  const { type, message, stack = '' } = describeError(error);
  const kept = new Fault(message);
  kept.stack = `${type}: ${message}\n${stack}`;
  return kept;
}
