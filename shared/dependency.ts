/**
 * Whether something we depend on (the database, the queue) can be reached.
 *
 *     up ──a failure is reported──▶ checked at once ──answers──▶ up
 *                                        │ does not
 *                                        ▼
 *                                      away ──checked twice a second──answers──▶ up
 *
 * One failed call proves nothing, so each is followed by one check; while the dependency is away requests are refused
 * at once and nobody else needs to try. It is *in doubt* on evidence alone: a check is late or has failed, and none has
 * been answered since. That a check is under way is no evidence: it follows every failed call, whatever that failed for.
 *
 * The log has one line per change. A call that failed although the dependency answers (a full disk, a missing right, a
 * fault of ours) is logged too, once a minute at most.
 */
import { REPEAT_LOG_MS, createHealthLog } from './logger.ts';
import type { Logger } from './logger.ts';
import { unlessBy, withDeadline } from './time.ts';

const CHECK_PAUSE_MS = 500;
const CHECK_DEADLINE_MS = 1_000;
/** A healthy one answers in a hundredth of it, and on a busy machine in a third. */
const LATE_MS = 600;
/** Calls that fail this soon after it came back were made while it was away. */
const AFTERMATH_MS = 10_000;

export interface Dependency {
  isAway: () => boolean;
  /** It is away, or a check is late or has failed. */
  isInDoubt: () => boolean;
  /** A call failed in a way that may mean it is away. Cheap: any number of reports make one check. */
  reportFailure: (error: unknown) => void;
  /** Rejects when the dependency cannot be reached now, which counts as a failure that was reported. */
  check: () => Promise<void>;
  close: () => void;
}

export function createDependency(options: { name: string; probe: () => Promise<unknown>; logger: Logger }): Dependency {
  const health = createHealthLog(options.logger, options.name);
  let away = false;
  let doubtful = false;
  let checking = false;
  let closed = false;
  let backAtMs = -Infinity;
  let failureLoggedAtMs = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  const ask = async () => {
    const answered = unlessBy(LATE_MS, () => (doubtful = true));
    try {
      await withDeadline(options.probe(), CHECK_DEADLINE_MS, `${options.name} did not answer in time`);
      doubtful = false;
    } catch (error) {
      doubtful = true;
      throw error;
    } finally {
      answered();
    }
  };
  const checkUntilUp = (reported?: unknown) => {
    checking = true;
    ask().then(
      () => {
        checking = false;
        if (!away) {
          logFailure(reported);
          return;
        }
        away = false;
        backAtMs = performance.now();
        health.up();
      },
      (error: unknown) => {
        away = true;
        health.down(error);
        if (closed) return;
        timer = setTimeout(checkUntilUp, CHECK_PAUSE_MS);
      },
    );
  };
  const logFailure = (error: unknown) => {
    const nowMs = performance.now();
    if (nowMs - failureLoggedAtMs < REPEAT_LOG_MS || nowMs - backAtMs < AFTERMATH_MS) return;
    failureLoggedAtMs = nowMs;
    options.logger.error({ dependency: options.name, err: error }, `${options.name} answers, but a call to it failed`);
  };
  const reportFailure = (error: unknown) => {
    if (!checking && !closed) checkUntilUp(error);
  };

  return {
    isAway: () => away,
    isInDoubt: () => away || doubtful,
    reportFailure,
    async check() {
      await ask().catch((error: unknown) => {
        reportFailure(error);
        throw error;
      });
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
