/**
 * What cannot be said at a session's start (`session.ts`) and yet decides what our statements do: looked at when a process
 * or a migration starts, and refused in one sentence.
 */
import type pg from 'pg';
import { Fault } from '../../../errors/fault.ts';
import { ConfigurationError } from '../../../env.ts';
import { POOLER } from '../connection.ts';
import { EVERY_SESSION } from '../session.ts';

/** The oldest that the tests run on. */
const OLDEST_VERSION = 15;
/** A limit for whole transactions may be there, but not one that cuts ours. */
const LEAST_TRANSACTION_MS = 60_000;

// `transaction_timeout` came with PostgreSQL 17.
const READ_SERVER = `
  SELECT current_setting('server_version_num')::int / 10000 AS version,
    current_setting('server_encoding') AS encoding,
    pg_is_in_recovery() AS "isStandby",
    current_setting('transaction_read_only')::boolean AS "isReadOnly",
    current_setting('session_replication_role') AS "replicationRole",
    (SELECT setting::int FROM pg_settings WHERE name = 'transaction_timeout') AS "transactionMs",
    pg_backend_pid() AS pid,
    ARRAY(SELECT name FROM pg_settings WHERE lower(name) = ANY($1::text[]) AND source <> 'client') AS dropped`;

interface Server {
  version: number;
  encoding: string;
  isStandby: boolean;
  isReadOnly: boolean;
  replicationRole: string;
  transactionMs: number | null;
  pid: number;
  dropped: string[];
}

/** Throws `ConfigurationError`. The client's session is one of ours. */
export async function assertServer(client: pg.ClientBase): Promise<void> {
  const names = Object.keys(EVERY_SESSION).map((name) => name.toLowerCase());
  const { rows } = await client.query<Server>(READ_SERVER, [names]);
  const [server] = rows;
  if (!server) throw new Fault('the server answered no row about itself');
  // A pooler makes up a session's number, and may drop what the session began with.
  const isSessionOfOurs = server.pid === (client as { processID?: number | null }).processID;
  const objection = objectTo(server, isSessionOfOurs);
  if (objection !== undefined) throw new ConfigurationError(`DATABASE_URL: ${objection}.`);
}

export function objectTo(server: Server, isSessionOfOurs: boolean): string | undefined {
  const { version, encoding, replicationRole, transactionMs } = server;
  if (version < OLDEST_VERSION) {
    return `the server is PostgreSQL ${version}, and Saldo needs ${OLDEST_VERSION} or newer`;
  }
  if (!isSessionOfOurs || server.dropped.length > 0) return POOLER;
  if (encoding !== 'UTF8') return `the database is encoded in ${encoding}, and Saldo needs one in UTF8`;
  if (server.isStandby) return 'the server is a standby, which cannot be written to: name the primary';
  if (server.isReadOnly) return 'the database or its user is set to default_transaction_read_only = on';
  if (replicationRole !== 'origin') {
    return `session_replication_role is ${replicationRole}, which turns off what protects the history: set it to origin`;
  }
  if (transactionMs !== null && transactionMs > 0 && transactionMs < LEAST_TRANSACTION_MS) {
    return `transaction_timeout is ${transactionMs} ms, which cuts off what takes long: set it to 0 or to a minute and more`;
  }
  return undefined;
}
