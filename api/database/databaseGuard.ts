/**
 * Queries on a request's way, so that a client hears within two seconds that the database is away: nothing is tried
 * while it is known to be, and what waits in line behind a query that hangs gives up together with it.
 */
import type { Dependency } from '../../shared/dependency.ts';
import { DeadlineError, withDeadline } from '../../shared/time.ts';
import { isDatabaseAway } from './databaseAway.ts';
import { Problem } from '../http/problem.ts';

/** A little longer than one query may take, so that it usually fails by itself and says why. */
const DEADLINE_MS = 1_700;

/** Throws `unavailable`, with `detail` where it is not certain that nothing has changed. */
export type DatabaseGuard = <T>(work: () => Promise<T>, detail?: string) => Promise<T>;

export function createDatabaseGuard(database: Dependency): DatabaseGuard {
  return async (work, detail) => {
    if (database.isAway()) throw new Problem('unavailable');
    try {
      return await withDeadline(work(), DEADLINE_MS, 'the database did not answer in time');
    } catch (error) {
      if (!(error instanceof DeadlineError) && !isDatabaseAway(error)) throw error;
      database.reportFailure(error);
      throw new Problem('unavailable', detail === undefined ? {} : { detail }, error);
    }
  };
}
