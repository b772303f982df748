/**
 * Customers by the thousand: signing each one up would cost a password hash. Their rows and sessions are written
 * straight into the database, as the service itself would have written them, and from then on they are ordinary clients
 * with a cookie.
 */
import { createHmac, randomUUID } from 'node:crypto';
import pg from 'pg';

export const SESSION_SECRET = 'the session secret of all tests';

export interface Person {
  userId: number;
  walletId: number;
  email: string;
  /** Says who is asking. */
  headers: { Cookie: string };
}

const SESSION_HOURS = 24;

/** `count` customers with empty wallets, whose ids follow one another. They have no password. */
export async function createPeople(databaseUrl: string, count: number, currency = 'RUB'): Promise<Person[]> {
  const run = randomUUID();
  const sids = Array.from({ length: count }, () => randomUUID());
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ user_id: string; wallet_id: string; email: string; sid: string }>(
      `WITH given AS (
         SELECT sid, number, 'p' || number || '.' || $3 || '@localhost.ru' AS email
         FROM unnest($1::text[]) WITH ORDINALITY AS g(sid, number)
       ), people AS (
         INSERT INTO app_user (name, email, password_hash, role)
         SELECT 'Person ' || number, email, 'none', 'customer' FROM given ORDER BY number RETURNING id, email
       ), wallets AS (
         INSERT INTO wallet (owner_id, kind, currency) SELECT id, 'customer', $2 FROM people ORDER BY id
         RETURNING id, owner_id
       ), sessions AS (
         INSERT INTO session (sid, sess, expire)
         SELECT g.sid, json_build_object(
             'cookie', json_build_object('originalMaxAge', NULL, 'path', '/'),
             'principal', json_build_object('userId', w.owner_id::text, 'role', 'customer', 'walletId', w.id::text)),
           LOCALTIMESTAMP + interval '${SESSION_HOURS} hours'
         FROM given g JOIN people p USING (email) JOIN wallets w ON w.owner_id = p.id
       )
       SELECT p.id AS user_id, w.id AS wallet_id, p.email, g.sid
       FROM given g JOIN people p USING (email) JOIN wallets w ON w.owner_id = p.id ORDER BY w.id`,
      [sids, currency, run],
    );
    return rows.map((row) => ({
      userId: Number(row.user_id),
      walletId: Number(row.wallet_id),
      email: row.email,
      headers: { Cookie: `saldo.sid=${encodeURIComponent(`s:${sign(row.sid)}`)}` },
    }));
  } finally {
    await client.end();
  }
}

/** As express-session signs a session id. */
function sign(sid: string): string {
  const signature = createHmac('sha256', SESSION_SECRET).update(sid).digest('base64').replace(/=+$/, '');
  return `${sid}.${signature}`;
}
