/**
 * The API process: HTTP in front, a coalescer per partition behind it. Any number may run side by side; what they share
 * is the database and the queue.
 */
import { createDependency } from '../shared/dependency.ts';
import { readEnv, requireValue } from '../shared/env.ts';
import { runProcess } from '../shared/lifecycle.ts';
import { createLogger } from '../shared/logger.ts';
import { assertPartitions } from '../shared/store/migrate.ts';
import { createPool, createPrisma } from '../shared/store/pool.ts';
import { createDatabaseClock } from '../shared/time.ts';
import { createApp } from './app.ts';
import { ensureAccounts } from './auth/ensureAccounts.ts';
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

runProcess(async () => {
  const env = readEnv(process.env);
  const databaseUrl = requireValue(env, 'DATABASE_URL');
  const logger = createLogger('api', env.LOG_LEVEL);

  const pool = createPool({ databaseUrl, role: 'api', maxConnections: MAX_CONNECTIONS });
  await assertPartitions(pool, env.PARTITIONS);
  const prisma = createPrisma(pool);
  const database = createDependency({ name: 'database', probe: () => pool.query('SELECT 1'), logger });
  pool.on('error', database.reportFailure);
  await ensureAccounts({ env, prisma, logger });

  const metrics = createMetrics(pool);
  const clock = createDatabaseClock();
  const stopping = new AbortController();
  const outcomes = createOutcomes({ pool, database, clock, stopping: stopping.signal });
  const gate = await openLedgerGate({ env, databaseUrl, outcomes, logger, onEnvelope: metrics.onEnvelope });
  metrics.watchBuffers(gate.coalescers);
  const { submit, admit } = createSubmission({
    coalescers: gate.coalescers,
    outcomes,
    pool,
    database,
    maxWaiting: env.MAX_WAITING_COMMANDS,
    maxPending: env.MAX_PENDING,
    stopping: stopping.signal,
  });
  const findWallet = createWalletFinder(prisma);
  const move = createMove({ submit, findWallet, clock, timeoutMs: env.OPERATION_TIMEOUT_MS });
  const operationRoutes = createOperationRoutes({ move, admit, outcomes, pool });
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
    database.close();
    await gate.close();
    await prisma.$disconnect();
    await pool.end();
  };
  return { ready: { url: server.url }, stop };
});
