/**
 * The advisory locks that the service takes, each by a key of one bigint, which is one space in a database: whoever locks
 * a key of somebody else's waits for them. Three kinds of keys are not in the table:
 *
 * - The migrations take Prisma's own key, so that `prisma migrate` and ours keep out of each other's way.
 * - Each operation whose id a client has fixed has a key of its own, which `decision_key` of prisma/migrations/ makes of the
 *   id (`shared/store/ledger/decisionLock.ts`): a hash with the whole bigint to fall into, where it meets one of these few
 *   no more often than another operation's.
 * - Payments from pages that are just alike have one key, which `promise_payment` makes of their wallets and their amount.
 */
export const ADVISORY_LOCKS = {
  /** Prisma's own: one runner of migrations at a time. */
  migration: 72_707_369,
  /** Of all workers one sweeps. */
  sweeper: 72_707_370,
  /** Where the queues are in PostgreSQL, of all workers one works. */
  queueWorker: 72_707_371,
  /** Shared, by every worker that works or stands by: API processes see by it that there is one. */
  workerPresent: 72_707_372,
  /** Of all processes one counts for the fleet. */
  fleetCount: 72_707_375,
  /** One verification of the books at a time. */
  verification: 72_707_380,
  /** Of the database `postgres` of an embedded server: who has started it. */
  embeddedOwner: 7_325_301,
} as const;
