/**
 * The API's ways to the database. What a payment waits for (its session, its wallets, its outcome, its promise) has
 * connections that nothing else takes; what is only looked at has others, fewer, so that no reader keeps a payment
 * waiting; and whether the database answers is asked on one of its own.
 */
import { createDependency } from '../../shared/dependency.ts';
import type { Dependency } from '../../shared/dependency.ts';
import type { Env } from '../../shared/env.ts';
import type { Logger } from '../../shared/logger.ts';
import { queueConnections } from '../../shared/queue/postgresBackend.ts';
import { assertUsable } from '../../shared/store/database/checks/assertUsable.ts';
import { createPool, createPrisma, createProbePool } from '../../shared/store/database/pool.ts';
import type { Pool, PrismaClient } from '../../shared/store/database/pool.ts';
import { readDatabaseTime } from '../../shared/store/database/readDatabaseTime.ts';
import { createDatabaseClock } from '../../shared/time.ts';
import type { DatabaseClock } from '../../shared/time.ts';
import { createDatabaseGuard } from './databaseGuard.ts';
import type { DatabaseGuard } from './databaseGuard.ts';

const MAX_CONNECTIONS = 10;
const MAX_READ_CONNECTIONS = 4;
/** For the probe, the samples, the word of handled envelopes and certainty, and two for a verification. */
const OTHER_CONNECTIONS = 6;

export interface OpenedDatabase {
  /** For what a payment waits for. */
  pool: Pool;
  /** Over `pool`. */
  prisma: PrismaClient;
  /** For what is only looked at. */
  readPool: Pool;
  probePool: Pool;
  database: Dependency;
  guard: DatabaseGuard;
  clock: DatabaseClock;
  close: () => Promise<unknown>;
}

/** Throws `ConfigurationError` when it is not one to work with. */
export async function openDatabase(env: Env, databaseUrl: string, logger: Logger): Promise<OpenedDatabase> {
  const pool = createPool({ databaseUrl, role: 'api', maxConnections: MAX_CONNECTIONS });
  const queueInPostgres = env.REDIS_URL === undefined;
  const ownConnections = MAX_CONNECTIONS + MAX_READ_CONNECTIONS + OTHER_CONNECTIONS;
  const connections = ownConnections + (queueInPostgres ? queueConnections(env.PARTITIONS) : 0);
  await assertUsable(pool, { partitions: env.PARTITIONS, queueInPostgres, connections });
  const readPool = createPool({ databaseUrl, role: 'api-read', maxConnections: MAX_READ_CONNECTIONS });
  const probePool = createProbePool({ databaseUrl, role: 'api' });
  const prisma = createPrisma(pool);
  const clock = createDatabaseClock(() => readDatabaseTime(probePool));
  const database = createDependency({ name: 'database', probe: clock.refresh, logger });
  const guard = createDatabaseGuard(database);
  // So that the first command does not have to ask what time it is.
  await database.check();
  for (const each of [pool, readPool, probePool]) each.on('error', database.reportFailure);
  return {
    ...{ pool, prisma, readPool, probePool, database, guard, clock },
    close: async () => {
      const pools = prisma.$disconnect().then(() => pool.end());
      await Promise.all([pools, readPool.end(), probePool.end()]);
    },
  };
}
