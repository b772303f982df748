/**
 * Whether something we depend on (the database, the queue) can be reached.
 *
 *     up ──a failure is reported──▶ checked at once ──answers──▶ up
 *                                        │ does not
 *                                        ▼
 *                                      away ──checked twice a second──answers──▶ up
 *
 * One failed call proves nothing, so each is followed by one check; while the dependency is away requests are refused
 * at once and nobody else needs to try. The log has one line per change. A call that failed although the dependency
 * answers (a full disk, a missing right, a fault of ours) is logged too, once a minute at most.
 */
import { REPEAT_LOG_MS, createHealthLog } from './logger.ts';
import type { Logger } from './logger.ts';
import { withDeadline } from './time.ts';

const CHECK_PAUSE_MS = 500;
const CHECK_DEADLINE_MS = 1_000;
/** Calls that fail this soon after it came back were made while it was away. */
const AFTERMATH_MS = 10_000;

export interface Dependency {
  isAway: () => boolean;
  /** It is away, or a call to it has failed and is being looked into. */
  isInDoubt: () => boolean;
  /** A call failed in a way that may mean it is away. Cheap: any number of reports make one check. */
  reportFailure: (error: unknown) => void;
  /** Rejects when the dependency cannot be reached now. */
  check: () => Promise<void>;
  close: () => void;
}

export function createDependency(options: { name: string; probe: () => Promise<unknown>; logger: Logger }): Dependency {
  const health = createHealthLog(options.logger, options.name);
  let away = false;
  let checking = false;
  let closed = false;
  let backAtMs = -Infinity;
  let failureLoggedAtMs = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  const check = async () => {
    await withDeadline(options.probe(), CHECK_DEADLINE_MS, `${options.name} did not answer in time`);
  };
  const checkUntilUp = (reported?: unknown) => {
    checking = true;
    check().then(
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

  return {
    isAway: () => away,
    isInDoubt: () => away || checking,
    reportFailure(error) {
      if (!checking && !closed) checkUntilUp(error);
    },
    check,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
