/**
 * One connection of its own, for work that is not a request's: migrations, locks held for long, administration. Failing
 * to connect is a matter of configuration, so it is told in one sentence that names the place and never the password.
 */
import pg from 'pg';
import { ConfigurationError } from '../../env.ts';
import { sessionConfig } from './session.ts';

const CONNECT_LIMIT_MS = 5_000;

/** A pooler drops what protects the ledger from a session's start, or hands one server session to many. */
export const POOLER = 'a connection pooler such as PgBouncer is in between, with which Saldo does not work yet';

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to the host',
  ECONNRESET: 'it closed the connection',
  '28P01': 'it refuses the user or the password',
  '28000': 'it refuses the user',
  '3D000': 'there is no such database',
  '53300': 'it has no free connection',
  '57P03': 'it is starting or stopping',
};

/** Throws `ConfigurationError`. The caller ends the client. */
export async function connectClient(databaseUrl: string, role: string): Promise<pg.Client> {
  const client = createClient(databaseUrl, role);
  try {
    await client.connect();
  } catch (error) {
    throw unreachable(client, error);
  }
  // Without a listener, a server that goes away would end the process; the next query says so as well.
  client.on('error', () => undefined);
  return client;
}

/** What a failed connection means, for a pool or a client: `place` is read, the URL is not. */
export function unreachable(place: pg.Client | string, error: unknown): ConfigurationError {
  const client = typeof place === 'string' ? createClient(place, 'check') : place;
  const where = `"${client.database ?? ''}" at ${client.host}:${client.port}`;
  return new ConfigurationError(`DATABASE_URL: the database ${where} cannot be used: ${reasonFor(error)}.`, {
    cause: error,
  });
}

/** What the server has said is quoted, unless there is a plainer word for it. */
function reasonFor(error: unknown): string {
  const { code = '' } = error as { code?: string };
  if (error instanceof pg.DatabaseError) {
    const said = firstLine(error);
    return isPooler(error) ? `${POOLER} (it says "${said}")` : (REASONS[code] ?? `it says "${said}"`);
  }
  return REASONS[code] ?? (/timeout/i.test(String(error)) ? 'it does not answer' : firstLine(error));
}

/** Said by PgBouncer of whatever a session begins with that it does not pass on. */
function isPooler({ message }: Error): boolean {
  return message.startsWith('unsupported startup parameter');
}

function createClient(databaseUrl: string, role: string): pg.Client {
  return new pg.Client({
    ...sessionConfig({ databaseUrl, name: role }),
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
  });
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]?.replace(/\.$/, '') ?? '';
}
