/**
 * Whether something we depend on (the database, the queue) can be reached.
 *
 *     up ──a failure is reported──▶ checked at once ──answers──▶ up
 *                                        │ does not
 *                                        ▼
 *                                      away ──checked twice a second──answers──▶ up
 *
 * One failed call proves nothing, so each is followed by one check; while the dependency is away requests are refused
 * at once and nobody else needs to try. The log has one line per change.
 */
import { createHealthLog } from './logger.ts';
import type { Logger } from './logger.ts';
import { withDeadline } from './time.ts';

const CHECK_PAUSE_MS = 500;
const CHECK_DEADLINE_MS = 1_000;

export interface Dependency {
  isAway: () => boolean;
  /** A call failed in a way that may mean it is away. Cheap: any number of reports make one check. */
  reportFailure: () => void;
  /** Rejects when the dependency cannot be reached now. */
  check: () => Promise<void>;
  close: () => void;
}

export function createDependency(options: { name: string; probe: () => Promise<unknown>; logger: Logger }): Dependency {
  const health = createHealthLog(options.logger, options.name);
  let away = false;
  let checking = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const check = async () => {
    await withDeadline(options.probe(), CHECK_DEADLINE_MS, `${options.name} did not answer in time`);
  };
  const checkUntilUp = () => {
    checking = true;
    check().then(
      () => {
        checking = false;
        away = false;
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

  return {
    isAway: () => away,
    reportFailure() {
      if (!checking && !closed) checkUntilUp();
    },
    check,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
