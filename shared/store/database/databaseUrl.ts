/**
 * What `DATABASE_URL` may say: where the database is, who asks, and how the way there is protected. What a session is like
 * is said by us (`session.ts`). `pg` lets whatever else the URL has win over that without a word, so it is refused here.
 */
import pg from 'pg';
import { ConfigurationError } from '../../env.ts';

const TAKEN = [
  ...['host', 'port', 'user', 'password', 'application_name'],
  ...['ssl', 'sslmode', 'sslcert', 'sslkey', 'sslrootcert', 'sslnegotiation', 'uselibpqcompat'],
];
/** Where Prisma's queries go as well. */
export const SCHEMA = 'public';

/** The same URL. Throws `ConfigurationError`, with a sentence that never has the password in it. */
export function checkDatabaseUrl(databaseUrl: string): string {
  if (!/^postgres(ql)?:\/\//.test(databaseUrl)) refuse(' must begin with postgres:// or postgresql://');
  const { given, hosts } = read(databaseUrl);
  if (hosts.some((host) => host.includes(','))) {
    refuse(' names several hosts: give it the one address that follows the primary');
  }
  const schema = given.get('schema') ?? SCHEMA;
  if (schema !== SCHEMA) refuse(`: Saldo's tables are in the schema "${SCHEMA}", so "schema" cannot be another one`);
  const refused = [...given.keys()].filter((name) => name !== 'schema' && !TAKEN.includes(name));
  if (refused.length > 0) {
    refuse(`: Saldo sets up its sessions itself, so take ${quoted(refused)} out; it may have ${TAKEN.join(', ')}`);
  }
  return databaseUrl;
}

function read(databaseUrl: string): { given: URLSearchParams; hosts: string[] } {
  const [, authority = ''] = /^\w+:\/\/([^/?#]*)/.exec(databaseUrl) ?? [];
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  // Of several hosts with ports no URL can be made.
  if (host.includes(',')) return { given: new URLSearchParams(), hosts: [host] };
  try {
    // As `pg` reads it: what it cannot read is refused now, not at the first connection.
    new pg.Client({ connectionString: databaseUrl });
    // A socket's URL has a user and no host, of which no URL can be made either.
    const given = new URL(databaseUrl.replace('@/', '@socket/')).searchParams;
    return { given, hosts: [given.get('host') ?? ''] };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_INVALID_URL' || error instanceof URIError) {
      return refuse(' cannot be read as a URL: a password in it must be percent-encoded');
    }
    return refuse(` cannot be used: ${message.split('\n', 1)[0]?.replace(/\.$/, '') ?? ''}`);
  }
}

function quoted(names: readonly string[]): string {
  return [...new Set(names)].map((name) => `"${name}"`).join(', ');
}

function refuse(why: string): never {
  throw new ConfigurationError(`DATABASE_URL${why}.`);
}
