/** Reads sessions that are still valid, many in one statement. The table is connect-pg-simple's. */
import type { Pool } from '../database/pool.ts';

const READ_SESSIONS = {
  name: 'read-sessions',
  text: 'SELECT sid, sess FROM session WHERE sid = ANY($1::varchar[]) AND expire >= LOCALTIMESTAMP',
};

/** The stored session data by session id. */
export async function readSessions(pool: Pool, ids: readonly string[]): Promise<Map<string, unknown>> {
  const { rows } = await pool.query<{ sid: string; sess: unknown }>({ ...READ_SESSIONS, values: [ids] });
  return new Map(rows.map((row) => [row.sid, row.sess]));
}
