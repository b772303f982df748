/** Letting go of a queue or a worker, whether its store answers or not. */
import type { Queue, Worker } from 'bullmq';
import { withDeadline } from '../time.ts';

/** How long what holds no envelope may take to say goodbye. */
export const GOODBYE_MS = 500;

/**
 * BullMQ closes when the store has answered everything that is under way, however long it is away. What still waits
 * then is cut off: an envelope that is not written down as done is found by another worker, and done once all the same.
 */
export async function closeInTime(
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
