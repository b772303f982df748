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

/** The database's time, told from this process's own clock and the offset last seen, however wrong that clock is. */
export interface DatabaseClock {
  nowMs: () => number;
  /** The database said it was `databaseNowMs` just now. */
  observe: (databaseNowMs: number) => void;
}

export function createDatabaseClock(): DatabaseClock {
  let offsetMs = 0;
  return {
    nowMs: () => Math.round(Date.now() + offsetMs),
    observe: (databaseNowMs) => {
      offsetMs = databaseNowMs - Date.now();
    },
  };
}
