/** Waiting with a bound, and the one clock that all processes agree on: the database's. */
import { Fault } from './errors/fault.ts';

export class DeadlineError extends Fault {
  override name = 'DeadlineError';
}

/**
 * Calls back after `timeoutMs`, unless what it answers is called before. A process that was busy all the time looks first
 * at what has arrived meanwhile: its own lateness is not the other side's.
 */
export function unlessBy(timeoutMs: number, callBack: () => void): () => void {
  let isOver = false;
  const timer = setTimeout(() => {
    setImmediate(() => {
      if (!isOver) callBack();
    });
  }, timeoutMs);
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

/** The promise's own result, or `DeadlineError` after `timeoutMs`. The work behind the promise goes on. */
export async function withDeadline<T>(promise: Promise<T>, timeoutMs: number, message: string): Promise<T> {
  let cancel: (() => void) | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    cancel = unlessBy(timeoutMs, () => reject(new DeadlineError(message)));
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    cancel?.();
  }
}

/**
 * The database's time. Between two observations it goes on by the process's monotonic clock, so that the host's own
 * idea of the time of day does not matter, however wrong it is.
 *
 * A machine that sleeps stops that clock on some systems, Linux among them. All that can be seen of it afterwards is that
 * the time of day has jumped ahead of it, which a person or NTP may have done as well. So a jump proves nothing, in either
 * direction; it only means that the database must be asked again before its time is used.
 */
export interface DatabaseClock {
  /** Asks the database where what is known of its time may be wrong, and rejects when it does not answer. */
  nowMs: () => Promise<number>;
  /** Call it before the database is asked something that it answers with its time, and the result with that time. */
  beginObservation: () => (databaseNowMs: number) => void;
  /** Asks the database. */
  refresh: () => Promise<void>;
}

/** The time of day runs and is corrected gradually by far less than this between two observations. */
const MAX_DRIFT_MS = 1_000;
/** What an answer that took longer says of the time is too old to be of use. */
const MAX_ASKING_MS = 2_000;
const MAX_TRIES = 3;

export function createDatabaseClock(ask: () => Promise<number>): DatabaseClock {
  /** How far the database's time and the time of day are ahead of the monotonic clock. */
  let known: { databaseMs: number; timeOfDayMs: number } | undefined;
  let refreshing: Promise<void> | undefined;

  const timeOfDayMs = () => Date.now() - performance.now();
  const hasJumped = (sinceMs: number) => Math.abs(timeOfDayMs() - sinceMs) > MAX_DRIFT_MS;
  const current = () => (known && !hasJumped(known.timeOfDayMs) ? known : undefined);

  const beginObservation: DatabaseClock['beginObservation'] = () => {
    const [begunMs, begunTimeOfDayMs] = [performance.now(), timeOfDayMs()];
    return (databaseNowMs) => {
      // The process or the machine may have stood still with the answer already on its way.
      if (performance.now() - begunMs > MAX_ASKING_MS || hasJumped(begunTimeOfDayMs)) return;
      known = { databaseMs: databaseNowMs - performance.now(), timeOfDayMs: timeOfDayMs() };
    };
  };
  const refresh = async () => {
    const observe = beginObservation();
    observe(await ask());
  };

  return {
    beginObservation,
    refresh,
    nowMs: async () => {
      for (let tries = 0; tries < MAX_TRIES && !current(); tries++) {
        refreshing ??= refresh().finally(() => (refreshing = undefined));
        await refreshing;
      }
      const certain = current();
      if (!certain) throw new DeadlineError('the database did not say in time what time it is');
      return Math.round(certain.databaseMs + performance.now());
    },
  };
}
