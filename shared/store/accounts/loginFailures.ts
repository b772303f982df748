/**
 * `login_failure`: wrong log-ins by e-mail and address, so that guessing stops in every API process at once and an
 * operator can see it and end it. Times are the database's. E-mails are kept as hashes: many are nobody's.
 * A worker removes what counts no more (worker/sweep/prune.ts).
 */
import { createHash } from 'node:crypto';
import type { Pool } from '../database/pool.ts';

const WINDOW_S = 15 * 60;
const MAX_READ = 50;

interface Guesser {
  /** In its normalised form. */
  email: string;
  address: string;
}

export interface LoginFailures {
  address: string;
  failures: number;
  expiresAt: Date;
}

// Locked rows are left as they are, so that trying on costs no write. The second half sees the row as it was before.
const COUNT = {
  name: 'count-login-failure',
  text: `
    WITH counted AS (
      INSERT INTO login_failure AS known (email_hash, address, failures, expires_at)
      VALUES ($1, $2, 1, statement_timestamp() + $4::int * interval '1 second')
      ON CONFLICT (email_hash, address) DO UPDATE SET
        failures = CASE WHEN known.expires_at > statement_timestamp() THEN known.failures + 1 ELSE 1 END,
        expires_at =
          CASE WHEN known.expires_at > statement_timestamp() THEN known.expires_at ELSE excluded.expires_at END
      WHERE known.failures < $3 OR known.expires_at <= statement_timestamp()
      RETURNING failures)
    SELECT EXISTS (SELECT FROM counted) AS is_counted,
      (SELECT ceil(extract(epoch FROM expires_at - statement_timestamp()))::int
       FROM login_failure WHERE email_hash = $1 AND address = $2) AS locked_s`,
};

/** Counts one more, unless there are `limit` already: then answers for how many seconds none is taken any more. */
export async function countLoginFailure(pool: Pool, guesser: Guesser, limit: number): Promise<number | undefined> {
  const { rows } = await pool.query<{ is_counted: boolean; locked_s: number | null }>({
    ...COUNT,
    values: [...keyOf(guesser), limit, WINDOW_S],
  });
  const [row] = rows;
  return row?.is_counted === true ? undefined : (row?.locked_s ?? WINDOW_S);
}

/** Takes one back that was none. */
export async function withdrawLoginFailure(pool: Pool, guesser: Guesser): Promise<void> {
  await pool.query(
    'UPDATE login_failure SET failures = failures - 1 WHERE email_hash = $1 AND address = $2 AND failures > 0',
    keyOf(guesser),
  );
}

export async function forgetLoginFailures(pool: Pool, guesser: Guesser): Promise<void> {
  await pool.query('DELETE FROM login_failure WHERE email_hash = $1 AND address = $2', keyOf(guesser));
}

/** From every address. Answers of how many. */
export async function unlockEmail(pool: Pool, email: string): Promise<number> {
  const { rowCount } = await pool.query('DELETE FROM login_failure WHERE email_hash = $1', [hashOf(email)]);
  return rowCount ?? 0;
}

/** What counts now, the most first. */
export async function readLoginFailures(pool: Pool, email: string): Promise<LoginFailures[]> {
  const { rows } = await pool.query<{ address: string; failures: number; expires_at: Date }>(
    `SELECT address, failures, expires_at FROM login_failure
     WHERE email_hash = $1 AND failures > 0 AND expires_at > statement_timestamp()
     ORDER BY failures DESC, expires_at DESC LIMIT $2`,
    [hashOf(email), MAX_READ],
  );
  return rows.map(({ address, failures, expires_at: expiresAt }) => ({ address, failures, expiresAt }));
}

function keyOf({ email, address }: Guesser): [Buffer, string] {
  return [hashOf(email), address];
}

function hashOf(email: string): Buffer {
  return createHash('sha256').update(email).digest();
}
