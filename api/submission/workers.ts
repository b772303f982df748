/**
 * Whether any worker of the fleet works, as of the last look (`readiness.ts` looks once a second).
 *
 *     nobody seen yet ──a look finds one──▶ there ──looks find none for four seconds──▶ gone ──a look finds one──▶ there
 *
 * The four seconds are what a worker needs to come back after its session was ended, another one to take the place of one
 * that died, and a single one to be restarted. A
 * fleet that is being started has longer. A look that fails says nothing of workers.
 *
 * While they are gone nothing can be decided: whoever asks is promised at once, and what is promised stays where it is
 * durable, rather than in a queue that would grow.
 */
import type { Logger } from '../../shared/logger.ts';
import { Problem } from '../http/problem.ts';

const GONE_AFTER_MS = 4_000;
const START_MS = 10_000;

export interface Workers {
  /** Of a look that has succeeded. */
  note: (count: number) => void;
  /** How many work. */
  count: () => number;
  areThere: () => boolean;
  areGone: () => boolean;
  /** Until when nothing could be decided, by `performance.now()`: for ever while they are gone. */
  goneUntilMs: () => number;
}

export function createWorkers({ logger }: { logger: Logger }): Workers {
  let known = 0;
  let wasSeen = false;
  let noneSinceMs: number | undefined;
  let goneSinceMs: number | undefined;
  let backAtMs = -Infinity;

  const areGone = () => goneSinceMs !== undefined;
  const loseThem = (nowMs: number) => {
    goneSinceMs = nowMs;
    logger.warn('no worker works: what is asked for is promised, and waits until one does');
  };
  const findThem = (nowMs: number, goneForMs: number) => {
    goneSinceMs = undefined;
    backAtMs = nowMs;
    logger.info({ goneForMs: Math.round(goneForMs) }, 'a worker works again');
  };

  return {
    note(count) {
      const nowMs = performance.now();
      known = count;
      if (count > 0) {
        if (goneSinceMs !== undefined) findThem(nowMs, nowMs - goneSinceMs);
        wasSeen = true;
        noneSinceMs = undefined;
        return;
      }
      noneSinceMs ??= nowMs;
      const isLost = nowMs - noneSinceMs >= (wasSeen ? GONE_AFTER_MS : START_MS);
      if (isLost && goneSinceMs === undefined) loseThem(nowMs);
    },
    count: () => known,
    areThere: () => wasSeen && !areGone(),
    areGone,
    goneUntilMs: () => (areGone() ? Infinity : backAtMs),
  };
}

/** For what there is no room to promise. */
export function noRoom(workers: Pick<Workers, 'areGone'>): Problem {
  return workers.areGone() ? noWorker() : new Problem('overloaded');
}

/** For what nobody could do, and that is not promised. */
export function noWorker(): Problem {
  return new Problem('unavailable', { detail: 'No worker is running, so nothing can be decided now.' });
}
