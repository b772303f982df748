/**
 * What a failed database call means for whoever made it. Codes are PostgreSQL's SQLSTATEs (manual, appendix A).
 *
 * - `retry`: the same work may succeed now: a deadlock, a serialization failure, a lock that was not free in time, or a
 *   second delivery of the same operation that committed while we were at it.
 * - `away`: the database cannot be reached or used now, for whatever work. So does everything mean that it did not say
 *   itself: sockets, name look-ups, TLS, file descriptors, time limits and `pg` have more ways to fail than a list could
 *   name.
 * - `data`: it refused the statement for what is in it. Trying again is pointless, and only this may be held against a
 *   command for good.
 * - `unclear`: anything else that it said (a broken index, a missing table, no memory), or a fault of our own program. It
 *   may go with one command or with all of them, and may be mended.
 */
import pg from 'pg';
import { Fault } from '../../errors/fault.ts';

/** The command tag of COMMIT said something else: the transaction had failed and nothing is stored. */
export class NotCommittedError extends Fault {
  override name = 'NotCommittedError';
}

/** COMMIT succeeded with a warning: a synchronous replica may not have it. Done again, it is found stored. */
export class UnclearCommitError extends Fault {
  override name = 'UnclearCommitError';
}

type FaultClass = 'retry' | 'away' | 'data' | 'unclear';

const RETRY_STATES = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '55P03', // lock_not_available: lock_timeout
  '57014', // query_canceled: statement_timeout
]);

const AWAY_STATES = new Set([
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
  '25P03', // idle_in_transaction_session_timeout
  '53300', // too_many_connections
  '53100', // disk_full
  '25006', // read_only_sql_transaction: a failover in progress
  '3D000', // invalid_catalog_name: there is no such database, yet
]);
/** Classes: connection exception, invalid authorization. */
const AWAY_CLASSES = ['08', '28'];
/** Classes: data exception, integrity constraint violation. */
const DATA_CLASSES = ['22', '23'];

/** Their rows are worked out of what is stored: a constraint that objects says that something is wrong there, or with us. */
const OUR_TABLES = new Set(['wallet', 'entry']);

/** Where a second delivery meets what is stored. */
const OUTCOME_KEYS = new Set(['operation_pkey', 'refused_operation_pkey']);

/** What a program throws that is wrong, rather than what befalls it. */
const OWN_FAULTS = [TypeError, RangeError, ReferenceError, SyntaxError];

export function classifyFault(error: unknown): FaultClass {
  if (error instanceof NotCommittedError || error instanceof UnclearCommitError) return 'retry';
  if (!(error instanceof pg.DatabaseError)) return OWN_FAULTS.some((own) => error instanceof own) ? 'unclear' : 'away';
  const { code = '', constraint = '', table = '' } = error;
  if (RETRY_STATES.has(code) || (code === '23505' && OUTCOME_KEYS.has(constraint))) return 'retry';
  if (AWAY_STATES.has(code) || AWAY_CLASSES.includes(code.slice(0, 2))) return 'away';
  return DATA_CLASSES.includes(code.slice(0, 2)) && !OUR_TABLES.has(table) ? 'data' : 'unclear';
}
