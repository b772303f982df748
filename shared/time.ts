/** Waiting with a bound, and the one clock that all processes agree on: the database's. */

export class DeadlineError extends Error {
  override name = 'DeadlineError';
}

/** The promise's own result, or `DeadlineError` after `timeoutMs`. The work behind the promise goes on. */
export async function withDeadline<T>(promise: Promise<T>, timeoutMs: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(message)), timeoutMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The database's time. Between two observations it goes on by the process's monotonic clock, so that the host's own
 * idea of the time of day does not matter, however wrong it is or however it jumps.
 */
export interface DatabaseClock {
  nowMs: () => number;
  /** The database said it was `databaseNowMs` just now. */
  observe: (databaseNowMs: number) => void;
}

/** Right from the first observation on: make one before the clock is used. */
export function createDatabaseClock(): DatabaseClock {
  let originMs = Date.now() - performance.now();
  return {
    nowMs: () => Math.round(originMs + performance.now()),
    observe: (databaseNowMs) => {
      originMs = databaseNowMs - performance.now();
    },
  };
}
