/**
 * The API process: HTTP in front, a coalescer per partition behind it. Any number may run side by side; what they share
 * is the database and the queue.
 */
import { createDependency } from '../shared/dependency.ts';
import { readEnv, requireValue } from '../shared/env.ts';
import type { Env } from '../shared/env.ts';
import { closeWithin, runProcess } from '../shared/lifecycle.ts';
import { createLogger } from '../shared/logger.ts';
import { queueConnections } from '../shared/queue/ledgerQueue.ts';
import { assertUsable } from '../shared/store/database/assertUsable.ts';
import { startSampling } from '../shared/telemetry/startSampling.ts';
import { openTracing } from '../shared/telemetry/openTracing.ts';
import { createPool, createPrisma, createProbePool } from '../shared/store/pool.ts';
import { readDatabaseTime } from '../shared/store/readDatabaseTime.ts';
import { createDatabaseClock } from '../shared/time.ts';
import { createApp } from './app.ts';
import { createCertainty } from './certainty.ts';
import { ensureAccounts } from './auth/ensureAccounts.ts';
import { createProvenCredentials } from './auth/provenCredentials.ts';
import { createBulk } from './bulk.ts';
import { createDatabaseGuard } from './databaseGuard.ts';
import { createFreeze } from './freezing.ts';
import { openLedgerGate } from './ledgerGate.ts';
import { createMetrics } from './metrics.ts';
import { createMove } from './movements.ts';
import { auditFreeze, createAudit } from './ops/audit.ts';
import { openConsole } from './ops/openConsole.ts';
import { createOutcomes } from './outcomes.ts';
import { createReadiness } from './readiness.ts';
import { createOperationRoutes } from './routes/operations.ts';
import { listen } from './server.ts';
import { createSubmission } from './submit.ts';
import { createWalletFinder } from './wallets.ts';

const MAX_CONNECTIONS = 10;
/** For the probe, the samples, the word of handled envelopes and certainty, and two for a verification. */
const OTHER_CONNECTIONS = 6;
/** How often the database is asked for its time: a client who waits for it hears within two seconds that it hangs. */
const TIMEKEEPING_MS = 1_000;

/** Stopping takes ten seconds at most, whatever is away: the last answers, and then each step after them. */
const ANSWERS_LIMIT_MS = 6_500;
const STEP_LIMIT_MS = 1_000;

runProcess(async () => {
  const env = readEnv(process.env);
  const databaseUrl = requireValue(env, 'DATABASE_URL');
  const logger = createLogger('api', env.LOG_LEVEL);

  const pool = createPool({ databaseUrl, role: 'api', maxConnections: MAX_CONNECTIONS });
  await assertUsable(pool, needsOf(env));
  const prisma = createPrisma(pool);
  const probePool = createProbePool({ databaseUrl, role: 'api' });
  const clock = createDatabaseClock(() => readDatabaseTime(probePool));
  const database = createDependency({ name: 'database', probe: clock.refresh, logger });
  const guard = createDatabaseGuard(database);
  // So that the first command does not have to ask what time it is.
  await database.check();
  const timekeeping = setInterval(() => void database.check().catch(() => undefined), TIMEKEEPING_MS).unref();
  for (const each of [pool, probePool]) each.on('error', database.reportFailure);
  const proven = createProvenCredentials();
  await ensureAccounts({ env, prisma, logger, proven });

  const tracing = await openTracing(env, 'api', logger);
  const metrics = createMetrics();
  const stopping = new AbortController();
  const { onEnvelope, onOutcome, onOutcomeRead: onRead } = metrics;
  const certainty = createCertainty({ databaseUrl, logger });
  const outcomes = createOutcomes({ pool, guard, clock, certainty, stopping: stopping.signal, onRead });
  const gate = await openLedgerGate({ env, databaseUrl, outcomes, logger, onEnvelope, onOutcome, tracing });
  metrics.watchBuffers(gate.coalescers);
  const submission = createSubmission({
    coalescers: gate.coalescers,
    outcomes,
    pool,
    database,
    guard,
    certainty,
    maxWaiting: env.MAX_WAITING_COMMANDS,
    maxPending: env.MAX_PENDING,
    stopping: stopping.signal,
  });
  const { submit, submitEach, submitList, admit } = submission;
  const findWallet = createWalletFinder(prisma, guard);
  const moveDeps = { submit, findWallet, clock, timeoutMs: env.OPERATION_TIMEOUT_MS };
  const move = createMove(moveDeps);
  const bulk = createBulk({ ...moveDeps, submitEach, submitList });
  const audit = createAudit({ prisma, guard, logger });
  const freeze = auditFreeze(createFreeze(moveDeps), audit);
  const operationRoutes = createOperationRoutes({ move, bulk, freeze, admit, outcomes, pool, guard });
  const readiness = createReadiness({ pool, database, queue: gate.queue, stopping: stopping.signal });
  const { registry } = metrics;
  const sampler = startSampling({
    ...{ databaseUrl, role: 'api', registry, queues: gate.queues },
    pools: { requests: pool, probe: probePool, queue: gate.queuePool },
    dependencies: { database, queue: gate.queue },
  });
  const shared = { env, logger, pool, prisma, database, admit, registry };
  const { queues, queue } = gate;
  const operators = openConsole({ ...shared, databaseUrl, guard, clock, queues, queue, audit, freeze });
  const createConsole = operators.create;
  const app = createApp({ ...shared, proven, operationRoutes, move, createConsole, readiness, tracing });

  const server = await listen(app.handler, env.HOST, env.PORT);
  logger.info({ url: server.url, partitions: env.PARTITIONS }, 'api ready');

  const stop = async () => {
    // Whoever waits for an outcome is promised it now; then the last answers leave, and only then what they need.
    stopping.abort();
    await closeWithin(ANSWERS_LIMIT_MS, [server.stop(), sampler.stop(), operators.close()], logger);
    await closeWithin(STEP_LIMIT_MS, [submission.close()], logger);
    clearInterval(timekeeping);
    database.close();
    await closeWithin(STEP_LIMIT_MS, [gate.close()], logger);
    const poolEnd = prisma.$disconnect().then(() => pool.end());
    await closeWithin(STEP_LIMIT_MS, [poolEnd, probePool.end(), certainty.close(), tracing?.close()], logger);
  };
  return { ready: { url: server.url }, stop };
});

/** Of the database. */
function needsOf({ REDIS_URL, PARTITIONS: partitions }: Env) {
  const queueInPostgres = REDIS_URL === undefined;
  const connections = MAX_CONNECTIONS + OTHER_CONNECTIONS + (queueInPostgres ? queueConnections(partitions) : 0);
  return { partitions, queueInPostgres, connections };
}
