/**
 * Who is asking, for the baselines: the same cookie and the same table as the service's, and the same bargain (a session
 * that was read is believed for up to five seconds), so that what is compared is the ledger and not the login.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type pg from 'pg';

export interface Payer {
  userId: bigint;
  walletId: bigint;
}

const BELIEVED_MS = 5_000;
const MAX_REMEMBERED = 20_000;

const READ_SESSION = {
  name: 'read-session',
  text: `SELECT sess -> 'principal' AS principal FROM session WHERE sid = $1 AND expire >= LOCALTIMESTAMP`,
};

/** A cookie that was found good is remembered whole, signature and all. */
export function createIdentify(pool: pg.Pool, secret: string): (cookie: string) => Promise<Payer | undefined> {
  const remembered = new LRUCache<string, Payer>({
    max: MAX_REMEMBERED,
    ttl: BELIEVED_MS,
    fetchMethod: (cookie) => {
      const sid = signedId(cookie, secret);
      return sid === undefined ? undefined : readSession(pool, sid);
    },
  });
  return async (cookie) => remembered.get(cookie) ?? remembered.fetch(cookie);
}

async function readSession(pool: pg.Pool, sid: string): Promise<Payer | undefined> {
  const { rows } = await pool.query<{ principal: { userId: string; walletId: string } }>({
    ...READ_SESSION,
    values: [sid],
  });
  const principal = rows[0]?.principal;
  return principal && { userId: BigInt(principal.userId), walletId: BigInt(principal.walletId) };
}

/** The session's id out of `saldo.sid=s:ID.SIGNATURE`, if the signature is ours. */
function signedId(cookie: string, secret: string): string | undefined {
  const [, sid, signature] = /(?:^|; )saldo\.sid=s%3A([\w-]+)\.([^;]+)/.exec(cookie) ?? [];
  if (sid === undefined || signature === undefined) return undefined;
  const given = Buffer.from(decodeURIComponent(signature));
  const expected = Buffer.from(createHmac('sha256', secret).update(sid).digest('base64').replace(/=+$/, ''));
  return given.length === expected.length && timingSafeEqual(given, expected) ? sid : undefined;
}
