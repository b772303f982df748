/**
 * Connections to PostgreSQL. `pg` for the ledger's write path and for outcomes, Prisma over the same pool for every
 * query that is not hot.
 */
import pg from 'pg';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../../../prisma/generated/client.ts';
import { INDEXES_ONLY, sessionConfig } from './session.ts';
import { openPool } from './openPool.ts';

export type { PrismaClient };
export type Pool = pg.Pool;
export type PoolClient = pg.PoolClient;

// bigint columns are read as bigint: a wallet id or an amount is never a float on its way.
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, BigInt);

interface PoolOptions {
  databaseUrl: string;
  /** Shown in pg_stat_activity. */
  role: string;
  maxConnections: number;
}

/** How long a request waits for a connection or an answer before the database counts as away. */
const AWAY_AFTER_MS = 1_500;

/**
 * A request's transaction takes milliseconds. One whose client is gone without a word holds the ids that it promises, and so
 * keeps them from being decided.
 */
const ABANDONED_AFTER_MS = 5_000;

/** For requests: gives up early, so that a client hears within two seconds that the database is away. */
export function createPool(options: PoolOptions): Pool {
  return openPool({
    ...sessionConfig({
      databaseUrl: options.databaseUrl,
      name: options.role,
      settings: {
        ...INDEXES_ONLY,
        // A little less: what a healthy server ends by itself says nothing of the connection.
        statement_timeout: AWAY_AFTER_MS - 200,
        idle_in_transaction_session_timeout: ABANDONED_AFTER_MS,
      },
    }),
    max: options.maxConnections,
    types,
    connectionTimeoutMillis: AWAY_AFTER_MS,
    query_timeout: AWAY_AFTER_MS,
  });
}

/** For asking whether the database answers, and nothing else: never behind a queue of requests. */
export function createProbePool(options: Pick<PoolOptions, 'databaseUrl' | 'role'>): Pool {
  return createPool({ ...options, role: `${options.role}-probe`, maxConnections: 1 });
}

/** How long a process may be silent before it loses its turn at counting for the fleet. */
const SAMPLER_SILENCE_MS = 15_000;

/**
 * For what a process tells of itself: one session, which is also a candidate for counting for the fleet, so it lives as
 * long as the process does. Nobody waits for what it writes to reach the disk.
 */
export function createSamplePool(options: Pick<PoolOptions, 'databaseUrl' | 'role'>): Pool {
  const pool = openPool({
    ...sessionConfig({
      databaseUrl: options.databaseUrl,
      name: `${options.role}-sample`,
      settings: {
        ...INDEXES_ONLY,
        synchronous_commit: 'off',
        idle_session_timeout: SAMPLER_SILENCE_MS,
        statement_timeout: AWAY_AFTER_MS,
      },
    }),
    max: 1,
    types,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: AWAY_AFTER_MS,
    query_timeout: AWAY_AFTER_MS,
  });
  // A session that ends is replaced when it is next needed; what is lost is one row.
  return pool.on('error', () => undefined);
}

/** How long PostgreSQL lets the session of a frozen worker keep its row locks. */
export const IDLE_IN_TRANSACTION_MS = 1_000;

/**
 * For applying: pipelined, and every way in which a stuck worker could hold rows has a time limit. `lock_timeout` is
 * longer than the idle limit, so that whoever waits for a frozen worker's rows gets them rather than an error.
 */
export function createApplyPool(options: PoolOptions): Pool {
  return openPool({
    ...sessionConfig({
      databaseUrl: options.databaseUrl,
      name: options.role,
      settings: {
        ...INDEXES_ONLY,
        statement_timeout: 5_000,
        lock_timeout: 2_000,
        idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      },
    }),
    max: options.maxConnections,
    types,
    keepAliveInitialDelayMillis: 1_000,
    pipeline: true,
    connectionTimeoutMillis: 2_000,
    query_timeout: 6_000,
  });
}

export function createPrisma(pool: Pool): PrismaClient {
  return new PrismaClient({ adapter: new PrismaPg(pool) });
}
