/** What the user of `DATABASE_URL` must be allowed to do, where it is not the owner of the tables. */
import type pg from 'pg';
import { ConfigurationError } from '../../../env.ts';
import { SCHEMA } from '../databaseUrl.ts';

type Right = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';

/** What the service does with each of its tables. */
export const RIGHTS: Readonly<Record<string, readonly Right[]>> = {
  _prisma_migrations: ['SELECT'],
  app_user: ['SELECT', 'INSERT', 'UPDATE'],
  entry: ['SELECT', 'INSERT'],
  hold: ['SELECT', 'INSERT', 'UPDATE'],
  login_failure: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  operation: ['SELECT', 'INSERT'],
  outcome: ['SELECT'],
  operator_action: ['SELECT', 'INSERT'],
  operator_action_outcome: ['SELECT', 'INSERT'],
  pending_operation: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  refused_operation: ['SELECT', 'INSERT', 'DELETE'],
  sample: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  session: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  setting: ['SELECT'],
  verify_run: ['SELECT', 'INSERT', 'UPDATE'],
  wallet: ['SELECT', 'INSERT', 'UPDATE'],
};

/** Those of the functions in `prisma/migrations/` that are called by name. */
export const FUNCTIONS: readonly string[] = ['decision_key', 'insert_promises', 'promise_payment', 'refuse_superseded'];

/** Of the queues' own schema the service uses everything. */
const QUEUE_SCHEMA = 'bullmq';
const QUEUE_RIGHTS: readonly Right[] = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];

// What is not there lacks no right: whether it should be there is asked elsewhere. Columns that number themselves need no
// right on their sequence.
const READ_MISSING = `
  WITH used AS (SELECT oid, nspname = $4 AS "isQueue" FROM pg_namespace WHERE nspname = $1 OR (nspname = $4 AND $5)),
  wanted AS (
    SELECT c.oid, c.relname, w."right" FROM unnest($2::text[], $3::text[]) AS w (name, "right")
    JOIN pg_class c ON c.relname = w.name JOIN used ON used.oid = c.relnamespace AND NOT "isQueue"
    UNION ALL
    SELECT c.oid, c.relname, r FROM pg_class c JOIN used ON used.oid = c.relnamespace AND "isQueue"
    CROSS JOIN unnest($6::text[]) AS r WHERE c.relkind = 'r')
  SELECT current_user AS "user", ARRAY(
    SELECT format('USAGE on schema %s', oid::regnamespace) FROM used WHERE NOT has_schema_privilege(oid, 'USAGE')
    UNION ALL
    SELECT format('%s on %s', "right", relname) FROM wanted WHERE NOT has_table_privilege(oid, "right")
    UNION ALL
    SELECT format('USAGE on sequence %s', c.relname) FROM pg_class c JOIN used ON used.oid = c.relnamespace AND "isQueue"
    WHERE CASE c.relkind WHEN 'S' THEN NOT has_sequence_privilege(c.oid, 'USAGE') END
    UNION ALL
    SELECT format('EXECUTE on function %s', p.proname) FROM pg_proc p JOIN used ON used.oid = p.pronamespace
    WHERE ("isQueue" OR p.proname = ANY($7::text[])) AND NOT has_function_privilege(p.oid, 'EXECUTE')) AS missing`;

const MAX_NAMED = 5;

/** Throws `ConfigurationError`. */
export async function assertRights(client: pg.ClientBase, queueInPostgres: boolean): Promise<void> {
  const wanted = Object.entries(RIGHTS).flatMap(([table, rights]) => rights.map((right) => ({ table, right })));
  const { rows } = await client.query<{ user: string; missing: string[] }>(READ_MISSING, [
    SCHEMA,
    wanted.map(({ table }) => table),
    wanted.map(({ right }) => right),
    QUEUE_SCHEMA,
    queueInPostgres,
    QUEUE_RIGHTS,
    FUNCTIONS,
  ]);
  const { user = '', missing = [] } = rows[0] ?? {};
  if (missing.length === 0) return;
  const more = missing.length - MAX_NAMED;
  const named = missing.slice(0, MAX_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
  throw new ConfigurationError(`DATABASE_URL: its user "${user}" lacks rights that the service needs: ${named}.`);
}
