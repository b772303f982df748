/**
 * What a fault of the database means, by what it is named with. One table for everybody who asks; who asks decides what
 * becomes of a fault that is not in it, because that depends on where it came from.
 *
 * - `retry`: nothing was done, and the same work may succeed now: a deadlock, a lock or an answer that took too long.
 * - `away`: the database cannot be reached or used now, for whatever work.
 * - `data`: it refused the statement for what is in it. Trying again is pointless.
 * - `unclear`: nobody can tell: a broken index, a missing table, no memory. It may go with one command or with all of them,
 *   and may be mended. No code is listed for it: it is what the database said and this table does not know.
 */
export type FaultMeaning = 'retry' | 'away' | 'data' | 'unclear';
type Known = Readonly<Record<string, Exclude<FaultMeaning, 'unclear'>>>;

/** PostgreSQL's SQLSTATEs (manual, appendix A). */
const STATES: Known = {
  '40001': 'retry', // serialization_failure
  '40P01': 'retry', // deadlock_detected
  '55P03': 'retry', // lock_not_available: lock_timeout
  '57014': 'retry', // query_canceled: statement_timeout
  '57P01': 'away', // admin_shutdown
  '57P02': 'away', // crash_shutdown
  '57P03': 'away', // cannot_connect_now
  '57P04': 'away', // database_dropped
  '57P05': 'away', // idle_session_timeout
  '25P03': 'away', // idle_in_transaction_session_timeout
  '25P04': 'away', // transaction_timeout, which ends the session as well
  '53300': 'away', // too_many_connections
  '53100': 'away', // disk_full
  '25006': 'away', // read_only_sql_transaction: a failover in progress
  '3D000': 'away', // invalid_catalog_name: there is no such database, yet
};

/** SQLSTATEs by their first two characters, where the whole is not named above. */
const CLASSES: Known = {
  '08': 'away', // connection exception
  '28': 'away', // invalid authorization: whatever is asked, until the password or the user is mended
  '22': 'data', // data exception
  '23': 'data', // integrity constraint violation
};

/** Prisma's words for the same, where it keeps the SQLSTATE to itself. */
const PRISMA: Known = {
  P1000: 'away', // the password is refused
  P1001: 'away', // not reachable
  P1002: 'away', // timed out
  P1003: 'away', // no such database
  P1008: 'away', // an operation timed out
  P1010: 'away', // the user is refused
  P1011: 'away', // TLS failed
  P1017: 'away', // the connection was closed
  P2024: 'away', // no connection in the pool
  P2028: 'away', // no transaction in time
  P2034: 'retry', // a write conflict or a deadlock
  P2037: 'away', // too many connections
};

/** Node's: the way to the server, the name of its host, its certificate, and what this process has run out of. */
const NODE: readonly string[] = [
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTCONN', 'EPROTO'],
  ...['EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'EAI_AGAIN', 'ENOTFOUND'],
  ...['ERR_TLS_CERT_ALTNAME_INVALID', 'CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ...['SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
  ...['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS'],
];

/** Of `pg` and its pool, which give no code. Each is about a connection, so about whatever work. */
const AWAY_MESSAGES = new RegExp(
  `^(${[
    'Connection terminated',
    'timeout exceeded when trying to connect',
    'timeout expired',
    'Query read timeout',
    'Client has encountered a connection error',
    'Client was closed',
    'Cannot use a pool after calling end',
    'There was an error establishing an SSL connection',
    'The server does not support SSL connections',
    'Received unexpected \\w+ message from backend',
    'SASL: ',
  ].join('|')})`,
);

const BY_CODE = new Map<string, FaultMeaning>([
  ...[...Object.entries(STATES), ...Object.entries(PRISMA)],
  ...NODE.map((code) => [code, 'away'] as const),
]);
const BY_CLASS = new Map(Object.entries(CLASSES));
const STATE = /^[0-9A-Z]{5}$/;

/** `undefined` for what is not in the table. */
export function meaningOfCode(code: string): FaultMeaning | undefined {
  return BY_CODE.get(code) ?? (STATE.test(code) ? BY_CLASS.get(code.slice(0, 2)) : undefined);
}

/** `undefined` for what is not in the table. */
export function meaningOfMessage(message: string): FaultMeaning | undefined {
  return AWAY_MESSAGES.test(message) ? 'away' : undefined;
}
