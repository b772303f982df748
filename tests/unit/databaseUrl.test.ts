/** What a `DATABASE_URL` may say, and that whatever would win over our own settings is refused in one sentence. */
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { ConfigurationError } from '../../shared/env.ts';
import { checkDatabaseUrl } from '../../shared/store/database/databaseUrl.ts';
import { sessionConfig } from '../../shared/store/database/session.ts';

const PLACE = 'postgres://saldo:s3cret@db.example:5433/books';

describe('is taken as it is', () => {
  test.each([
    ['plain', PLACE],
    ['the other scheme', 'postgresql://saldo@db.example/books'],
    ['an encoded password', 'postgres://saldo:p%40ss%2Fw%3Ard%25@db.example/books'],
    ['an IPv6 address', 'postgres://saldo@[::1]:5433/books'],
    ['a socket as a parameter', 'postgres:///books?host=/var/run/postgresql&user=saldo'],
    ['a socket as a host', 'postgres://saldo:s3cret@%2Fvar%2Frun%2Fpostgresql/books'],
    ['a socket without a host', 'postgres://saldo:s3cret@/books?host=/var/run/postgresql'],
    ['encryption', `${PLACE}?sslmode=verify-full`],
    ['encryption as libpq means it', `${PLACE}?uselibpqcompat=true&sslmode=require`],
    ['a name for its sessions', `${PLACE}?application_name=blue`],
    ['the schema that is used anyway', `${PLACE}?schema=public`],
  ])('%s: %s', (_, url) => {
    expect(checkDatabaseUrl(url)).toBe(url);
  });
});

describe('is refused in one sentence without the password', () => {
  test.each([
    ['options', `${PLACE}?options=-c%20search_path%3Dother`, /take "options" out/],
    ['empty options', `${PLACE}?options=`, /take "options" out/],
    ['time limits', `${PLACE}?statement_timeout=0&lock_timeout=0`, /take "statement_timeout", "lock_timeout" out/],
    ['a limit of the client', `${PLACE}?query_timeout=0`, /"query_timeout"/],
    ['an encoding', `${PLACE}?client_encoding=LATIN1`, /"client_encoding"/],
    ['replication', `${PLACE}?replication=database`, /"replication"/],
    ['a parameter beside a socket', 'postgres://u:s3cret@/books?host=/run&options=-cjit%3Don', /"options"/],
    ['what Prisma would take', `${PLACE}?schema=other`, /"schema" cannot be another/],
    [
      'what Prisma would take of pools',
      `${PLACE}?connection_limit=3&pgbouncer=true`,
      /"connection_limit", "pgbouncer"/,
    ],
    ['several hosts', 'postgres://saldo:s3cret@one,two/books', /names several hosts/],
    ['several hosts with ports', 'postgres://saldo:s3cret@one:5432,two:5433/books', /names several hosts/],
    ['several hosts as a parameter', 'postgres://saldo:s3cret@/books?host=one,two', /names several hosts/],
    ['which of several', `${PLACE}?target_session_attrs=read-write`, /"target_session_attrs"/],
    ['another scheme', 'mysql://saldo:s3cret@db.example/books', /must begin with postgres:/],
    ['a path', '/var/run/postgresql s3cret', /must begin with postgres:/],
    ['a password as it is', 'postgres://saldo:s3cret#1@db.example/books', /must be percent-encoded/],
    ['a password in another encoding', 'postgres://saldo:s3cret%ff@db.example/books', /must be percent-encoded/],
    ['a certificate that is not there', `${PLACE}?sslrootcert=/nowhere/ca.pem`, /ENOENT.*\/nowhere\/ca\.pem/],
  ])('%s', (_, url, sentence) => {
    const refused = (() => {
      try {
        checkDatabaseUrl(url);
      } catch (error) {
        return error;
      }
      return undefined;
    })();
    expect(refused).toBeInstanceOf(ConfigurationError);
    const { message } = refused as Error;
    expect(message).toMatch(sentence);
    expect(message).toMatch(/^DATABASE_URL[^\n]*\.$/);
    expect(message).not.toContain('s3cret');
  });
});

test('what a session begins with reaches the server as it was written, spaces and backslashes included', () => {
  const { connectionParameters } = new pg.Client(
    sessionConfig({ databaseUrl: PLACE, name: 'test', settings: { search_path: 'a b\\c', statement_timeout: 5 } }),
  ) as unknown as { connectionParameters: { options: string; application_name: string } };
  expect(connectionParameters.options).toContain('-c search_path=a\\ b\\\\c');
  expect(connectionParameters.options).toContain('-c statement_timeout=5');
  expect(connectionParameters.options).toContain('-c default_transaction_isolation=read\\ committed');
  expect(connectionParameters.application_name).toBe('saldo-test');
});
