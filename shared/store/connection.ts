/**
 * One connection of its own, for work that is not a request's: migrations, locks held for long, administration. Failing
 * to connect is a matter of configuration, so it is told in one sentence that names the place and never the password.
 */
import pg from 'pg';
import { ConfigurationError } from '../env.ts';

const CONNECT_LIMIT_MS = 5_000;

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
  const code = (error as { code?: unknown }).code;
  const reason =
    (typeof code === 'string' && REASONS[code]) || (/timeout/i.test(String(error)) && 'it does not answer');
  const where = `"${client.database ?? ''}" at ${client.host}:${client.port}`;
  return new ConfigurationError(`DATABASE_URL: the database ${where} cannot be used: ${reason || firstLine(error)}.`, {
    cause: error,
  });
}

function createClient(databaseUrl: string, role: string): pg.Client {
  if (!/^postgres(ql)?:\/\//.test(databaseUrl)) {
    throw new ConfigurationError('DATABASE_URL must begin with postgres:// or postgresql://.');
  }
  try {
    return new pg.Client({
      connectionString: databaseUrl,
      application_name: `saldo-${role}`,
      connectionTimeoutMillis: CONNECT_LIMIT_MS,
      keepAlive: true,
    });
  } catch {
    throw new ConfigurationError('DATABASE_URL cannot be read as a URL: a password in it must be percent-encoded.');
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]?.replace(/\.$/, '') ?? '';
}
