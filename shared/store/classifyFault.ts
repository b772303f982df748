/**
 * What a failed database call means for whoever made it. Codes are PostgreSQL's SQLSTATEs (manual, appendix A); a lost
 * connection has none and is known by Node's error code or by the texts `pg` gives it.
 *
 * - `retry`: the same work may succeed now: a deadlock, a serialization failure, a lock that was not free in time, or a
 *   second delivery of the same operation that committed while we were at it.
 * - `away`: the database cannot be reached, is starting or stopping, or cut us off.
 * - `data`: the statement was refused for what is in it. Trying again is pointless.
 */

/** The command tag of COMMIT said something else: the transaction had failed and nothing is stored. */
export class NotCommittedError extends Error {
  override name = 'NotCommittedError';
}

export type Fault = 'retry' | 'away' | 'data';

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
  '25006', // read_only_sql_transaction: a failover in progress
]);

const LOST_CONNECTION =
  /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ENOTFOUND)|connection (terminated|error|ended)|timeout exceeded when trying to connect|query read timeout|not queryable|socket/i;

export function classifyFault(error: unknown): Fault {
  if (error instanceof NotCommittedError) return 'retry';
  const { code, constraint, message } = error as { code?: string; constraint?: string; message?: string };
  if (code !== undefined && /^[0-9A-Z]{5}$/.test(code)) {
    if (RETRY_STATES.has(code) || (code === '23505' && constraint === 'operation_pkey')) return 'retry';
    if (AWAY_STATES.has(code) || code.startsWith('08')) return 'away';
    return code.startsWith('22') || code.startsWith('23') ? 'data' : 'away';
  }
  return LOST_CONNECTION.test(code ?? '') || LOST_CONNECTION.test(message ?? '') ? 'away' : 'data';
}
