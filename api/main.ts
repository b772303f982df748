/**
 * The API process: HTTP in front, a coalescer per partition behind it. Any number may run side by side; what they share
 * is the database and the queue.
 */
import { createDependency } from '../shared/dependency.ts';
import { readEnv, requireValue } from '../shared/env.ts';
import { runProcess } from '../shared/lifecycle.ts';
import { createLogger } from '../shared/logger.ts';
import { assertPartitions } from '../shared/store/migrate.ts';
import { createPool, createPrisma, createProbePool } from '../shared/store/pool.ts';
import { readDatabaseTime } from '../shared/store/readDatabaseTime.ts';
import type { Pool } from '../shared/store/pool.ts';
import { createDatabaseClock } from '../shared/time.ts';
import type { DatabaseClock } from '../shared/time.ts';
import { createApp } from './app.ts';
import { ensureAccounts } from './auth/ensureAccounts.ts';
import { createDatabaseGuard } from './databaseGuard.ts';
import { openLedgerGate } from './ledgerGate.ts';
import { createMetrics } from './metrics.ts';
import { createMove } from './movements.ts';
import { createOutcomes } from './outcomes.ts';
import { createReadiness } from './readiness.ts';
import { createOperationRoutes } from './routes/operations.ts';
import { listen } from './server.ts';
import { createSubmission } from './submit.ts';
import { createWalletFinder } from './wallets.ts';

const MAX_CONNECTIONS = 10;
/** How often the database's clock is read when nothing else brings it. */
const TIMEKEEPING_MS = 10_000;

runProcess(async () => {
  const env = readEnv(process.env);
  const databaseUrl = requireValue(env, 'DATABASE_URL');
  const logger = createLogger('api', env.LOG_LEVEL);

  const pool = createPool({ databaseUrl, role: 'api', maxConnections: MAX_CONNECTIONS });
  await assertPartitions(pool, env.PARTITIONS);
  const prisma = createPrisma(pool);
  const probePool = createProbePool({ databaseUrl, role: 'api' });
  const clock = createDatabaseClock();
  const database = createDependency({ name: 'database', probe: () => observeTime(probePool, clock), logger });
  const guard = createDatabaseGuard(database);
  // Before the first command, whose life would otherwise be counted by a clock that may be an hour off.
  await database.check();
  const timekeeping = setInterval(() => void database.check().catch(database.reportFailure), TIMEKEEPING_MS).unref();
  for (const each of [pool, probePool]) each.on('error', database.reportFailure);
  await ensureAccounts({ env, prisma, logger });

  const metrics = createMetrics(pool);
  const stopping = new AbortController();
  const outcomes = createOutcomes({ pool, guard, clock, stopping: stopping.signal });
  const gate = await openLedgerGate({ env, databaseUrl, outcomes, logger, onEnvelope: metrics.onEnvelope });
  metrics.watchBuffers(gate.coalescers);
  const { submit, admit } = createSubmission({
    coalescers: gate.coalescers,
    outcomes,
    pool,
    database,
    guard,
    maxWaiting: env.MAX_WAITING_COMMANDS,
    maxPending: env.MAX_PENDING,
    stopping: stopping.signal,
  });
  const findWallet = createWalletFinder(prisma, guard);
  const move = createMove({ submit, findWallet, clock, timeoutMs: env.OPERATION_TIMEOUT_MS });
  const operationRoutes = createOperationRoutes({ move, admit, outcomes, pool, guard });
  const readiness = createReadiness({ pool, database, queue: gate.queue, stopping: stopping.signal });
  const { registry } = metrics;
  const app = createApp({ env, logger, pool, prisma, database, operationRoutes, move, admit, readiness, registry });

  const server = await listen(app.handler, env.HOST, env.PORT);
  logger.info({ url: server.url, partitions: env.PARTITIONS }, 'api ready');

  const stop = async () => {
    // Whoever waits for an outcome is promised it now; then the last answers leave, and only then what they need.
    stopping.abort();
    await server.stop();
    app.close();
    clearInterval(timekeeping);
    database.close();
    await gate.close();
    await prisma.$disconnect();
    await Promise.all([pool.end(), probePool.end()]);
  };
  return { ready: { url: server.url }, stop };
});

async function observeTime(pool: Pool, clock: DatabaseClock): Promise<void> {
  clock.observe(await readDatabaseTime(pool));
}
