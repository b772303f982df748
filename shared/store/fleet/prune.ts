/**
 * Removes what has had its time, a batch at a time: no statement holds more than a thousand rows, however much there is.
 * All of it by the database's clock, which wrote the times; and so that none of it can be missed: refusals are kept for
 * six times as long as a command that is not promised can still be decided, and a session is one day past its end, so
 * that a server's time zone that was changed meanwhile logs nobody out.
 */
import type { Pool } from '../database/pool.ts';

export const PRUNE_BATCH = 1_000;

// A refusal that a 202 has promised after all moves to `operation` before its promise leaves: see `clearKept`.
const PRUNE_REFUSED = {
  name: 'prune-refused',
  text: `DELETE FROM refused_operation WHERE id IN (
           SELECT id FROM refused_operation r
           WHERE applied_at < statement_timestamp() - interval '1 hour'
             AND NOT EXISTS (SELECT FROM pending_operation p WHERE p.id = r.id)
           ORDER BY applied_at LIMIT ${PRUNE_BATCH})`,
};

const PRUNE_SESSIONS = {
  name: 'prune-sessions',
  text: `DELETE FROM session WHERE sid IN (
           SELECT sid FROM session WHERE expire < LOCALTIMESTAMP - interval '1 day'
           ORDER BY expire LIMIT ${PRUNE_BATCH})`,
};

const PRUNE_LOGIN_FAILURES = {
  name: 'prune-login-failures',
  text: `DELETE FROM login_failure WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM login_failure WHERE expires_at <= statement_timestamp()
           ORDER BY expires_at LIMIT ${PRUNE_BATCH} FOR UPDATE SKIP LOCKED))`,
};

/** Each removes up to `PRUNE_BATCH` rows, the oldest, and answers how many it found. */
export const PRUNERS: readonly ((pool: Pool) => Promise<number>)[] = [
  PRUNE_REFUSED,
  PRUNE_SESSIONS,
  PRUNE_LOGIN_FAILURES,
].map((statement) => async (pool) => (await pool.query(statement)).rowCount ?? 0);
