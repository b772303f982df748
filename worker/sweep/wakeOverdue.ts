/**
 * Wakes envelopes that sleep for too long. A failed attempt is followed by a pause of a second, but its end is written
 * down as a time of day, by the clock of the worker that failed: one whose clock is an hour ahead puts the envelope off
 * for an hour. Meanwhile a sweep envelope keeps every other promise of its partition waiting, and an API process whose
 * oldest envelope it is refuses newcomers. So every worker notes, by its own monotonic clock, since when it has seen an
 * envelope sleep. To wake one that was about to wake by itself is harmless.
 */
import type { Logger } from '../../shared/logger.ts';
import type { LedgerQueue } from '../../shared/queue/ledgerQueue.ts';
import { withDeadline } from '../../shared/time.ts';
import { startRounds } from '../../shared/rounds.ts';
import type { Rounds } from '../../shared/rounds.ts';

const PAUSE_MS = 1_000;
const DEADLINE_MS = 2_000;
/** Twice the pause: while a worker is idle, and no clock is wrong, an envelope is up again before. */
const OVERDUE_MS = 2_000;

interface WakeDeps {
  queues: readonly LedgerQueue[];
  logger: Logger;
  onFailure: (error: unknown) => void;
}

export function wakeOverdue({ queues, logger, onFailure }: WakeDeps): Rounds {
  const wakers = queues.map((queue) => createWaker(queue, logger));
  const wakeAll = () => {
    const awake = Promise.all(wakers.map((wake) => wake()));
    return withDeadline(awake, DEADLINE_MS, 'the queue did not answer in time');
  };
  return startRounds({ pauseMs: PAUSE_MS, work: wakeAll, onFailure });
}

function createWaker(queue: LedgerQueue, logger: Logger): () => Promise<void> {
  let asleepSinceMs = new Map<string, number>();
  return async () => {
    const nowMs = performance.now();
    const ids = await queue.delayedIds();
    asleepSinceMs = new Map(ids.map((id) => [id, asleepSinceMs.get(id) ?? nowMs]));
    for (const [jobId, sinceMs] of asleepSinceMs) {
      if (nowMs - sinceMs < OVERDUE_MS) continue;
      await queue.promote(jobId);
      asleepSinceMs.delete(jobId);
      logger.info(
        { envelope_id: jobId, partition: queue.partition },
        'woke an envelope that was put off for longer than its pause',
      );
    }
  };
}
