/**
 * Whether a COMMIT that PostgreSQL has confirmed outlives its crash. With `synchronous_commit` off it may not, and then
 * no answer of the service is worth anything. Anything stronger is for the operator to choose and is left alone.
 */
import { ConfigurationError } from '../../../env.ts';
import type { Pool } from '../pool.ts';

// A change of the configuration file reaches every session at once, one for the role or the database only those that are
// opened later (runtime-config, "Setting Parameters").
const READ_COMMIT_SETTING = `
  SELECT s.setting AS ours, (
      SELECT split_part(given, '=', 2) FROM pg_db_role_setting r, unnest(r.setconfig) AS given
      WHERE split_part(given, '=', 1) = s.name
        AND r.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user))
        AND r.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
      ORDER BY r.setrole <> 0 DESC, r.setdatabase <> 0 DESC LIMIT 1) AS "next"
  FROM pg_settings s WHERE s.name = 'synchronous_commit'`;

/** Of the pool's sessions, and of those that would be opened now. */
export async function isDurable(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query<{ ours: string; next: string | null }>(READ_COMMIT_SETTING);
  return rows.length === 1 && rows.every(({ ours, next }) => ours !== 'off' && next !== 'off');
}

/** For the start of every process that commits money or promises. Throws `ConfigurationError`. */
export async function assertDurable(pool: Pool): Promise<void> {
  if (await isDurable(pool)) return;
  throw new ConfigurationError(
    'synchronous_commit is off for this database or its user, so a crash of PostgreSQL could take back what was confirmed: set it to on.',
  );
}
