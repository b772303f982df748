/** A worker of BullMQ's as a `LedgerWorker`, on either backend. */
import type { Worker } from 'bullmq';
import { closeInTime } from './closeInTime.ts';
import type { LedgerWorker } from './ledgerQueue.ts';

/** How long the envelope in a worker's hand may take to be finished and written down, once the worker is to close. */
const FINISH_MS = 5_000;
/** How long a worker leaves a queue alone that has refused it. */
const REFUSED_PAUSE_MS = 1_000;

/**
 * Where its store refuses something (a missing right, a table that is not there), BullMQ asks for the next job again at once,
 * for ever, and where the refusal is known beforehand without so much as a turn of the event loop, so that not even a
 * signal is heard. So a worker whose queue has failed rests a while.
 */
export function wrapWorker(worker: Worker, onError: (error: unknown) => void): LedgerWorker {
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
