/**
 * What every one of our connections to PostgreSQL begins with. A role, a database or the server may set each of these by
 * itself (`ALTER ROLE … SET`), and our statements would then mean something else, be cut short or wait for ever: what
 * a session says at its start wins over them. What a client may not say itself is looked at by `assertServer.ts`.
 */
import type pg from 'pg';
import { SCHEMA, checkDatabaseUrl } from './databaseUrl.ts';

type Settings = Readonly<Record<string, string | number>>;

/** 0 is no limit: whoever wants one says so. */
export const EVERY_SESSION: Settings = {
  search_path: SCHEMA,
  default_transaction_isolation: 'read committed',
  // A row that a policy hides would be money that is not there: better an error.
  row_security: 'off',
  statement_timeout: 0,
  lock_timeout: 0,
  idle_in_transaction_session_timeout: 0,
  idle_session_timeout: 0,
  exit_on_error: 'off',
  // A session whose client is gone without a word ends, and frees what it holds, within a minute; by itself after two hours.
  tcp_keepalives_idle: 30,
  tcp_keepalives_interval: 10,
  tcp_keepalives_count: 3,
  // Where plans are ruled out by their cost, it would compile each query for a third of a second.
  jit: 'off',
  // How values are written and read as text.
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: 1,
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
};

/**
 * A prepared plan made while a table was empty would scan it, and go on scanning it as it grows; or it would collect and
 * sort what an index has in order. Every statement of the ledger reaches its rows by an index and in its order, so plans
 * that do not are ruled out.
 */
export const INDEXES_ONLY: Settings = {
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_bitmapscan: 'off',
  enable_nestloop: 'on',
  enable_indexscan: 'on',
};

interface SessionOptions {
  databaseUrl: string;
  /** Shown in pg_stat_activity, after `saldo-`; a URL may name it otherwise. */
  name: string;
  /** Over those of every session. */
  settings?: Settings;
}

/** For `pg`: a client's or a pool's. Throws `ConfigurationError`. */
export function sessionConfig({ databaseUrl, name, settings }: SessionOptions): pg.ClientConfig {
  return {
    connectionString: checkDatabaseUrl(databaseUrl),
    application_name: `saldo-${name}`,
    options: Object.entries({ ...EVERY_SESSION, ...settings })
      .map(toOption)
      .join(' '),
    keepAlive: true,
  };
}

function toOption([name, value]: [string, string | number]): string {
  return `-c ${name}=${String(value).replace(/[\\ ]/g, '\\$&')}`;
}
