/**
 * The API process: HTTP in front, a coalescer per partition behind it. Any number may run side by side; what they share
 * is the database and the queue.
 */
import { readEnv, requireValue } from '../shared/env.ts';
import { closeWithin, runProcess } from '../shared/lifecycle.ts';
import { createLogger } from '../shared/logger.ts';
import { startSampling } from '../shared/telemetry/startSampling.ts';
import { openTracing } from '../shared/telemetry/openTracing.ts';
import { createApp } from './app.ts';
import { createCertainty } from './submission/certainty.ts';
import { ensureAccounts } from './auth/ensureAccounts.ts';
import { createProvenCredentials } from './auth/provenCredentials.ts';
import { createBulk } from './kinds/bulk.ts';
import { openLedgerGate } from './submission/ledgerGate.ts';
import type { GateDeps } from './submission/ledgerGate.ts';
import { createMetrics } from './metrics.ts';
import { createOperate, createPay } from './kinds/operate.ts';
import { openDatabase } from './database/openDatabase.ts';
import { auditFreeze, createAudit } from './console/audit.ts';
import { openConsole } from './console/openConsole.ts';
import { createOutcomes } from './submission/outcomes.ts';
import { createQuotas } from './quotas/quotas.ts';
import { startReadiness } from './routes/readiness.ts';
import { createOperationRoutes } from './kinds/movementRoutes.ts';
import { listen } from './http/server/server.ts';
import { createSubmission } from './submission/submit.ts';
import { createHoldFinder } from './wallets/findHold.ts';
import { createWalletFinder } from './wallets/findWallet.ts';
import { createWorkers } from './submission/workers.ts';

/** Stopping takes ten seconds at most, whatever is away: the last answers, and then each step after them. */
const ANSWERS_LIMIT_MS = 6_500;
const STEP_LIMIT_MS = 1_000;

runProcess(async () => {
  const env = readEnv(process.env);
  const databaseUrl = requireValue(env, 'DATABASE_URL');
  const logger = createLogger('api', env.LOG_LEVEL);

  const stores = await openDatabase(env, databaseUrl, logger);
  const { pool, prisma, readPool, database, guard, clock } = stores;
  const proven = createProvenCredentials();
  await ensureAccounts({ env, prisma, logger, proven });

  const tracing = await openTracing(env, 'api', logger);
  const metrics = createMetrics();
  const stopping = new AbortController();
  const quotas = createQuotas(env);
  const { onEnvelope, onOutcomeRead: onRead } = metrics;
  const onOutcome: GateDeps['onOutcome'] = (waitedMs, command, outcome) => {
    metrics.onOutcome(waitedMs);
    quotas.noteOutcome(command, outcome);
  };
  const certainty = createCertainty({ databaseUrl, probePool: stores.probePool, logger });
  const outcomes = createOutcomes({ pool, readPool, guard, clock, certainty, stopping: stopping.signal, onRead });
  const workers = createWorkers({ logger });
  const gateDeps = { env, databaseUrl, outcomes, workers, logger, onEnvelope, onOutcome, tracing };
  const gate = await openLedgerGate(gateDeps);
  metrics.watchBuffers(gate.coalescers);
  metrics.watchWorkers(workers);
  const submission = createSubmission({
    ...{ coalescers: gate.coalescers, outcomes, workers, pool, database, guard, certainty, quotas },
    ...{ maxWaiting: env.MAX_WAITING_COMMANDS, maxPending: env.MAX_PENDING, stopping: stopping.signal },
  });
  const { submit, submitPayment, submitEach, submitList, admit } = submission;
  const findWallet = createWalletFinder(prisma, guard);
  const findHold = createHoldFinder(pool, guard);
  const operateDeps = { submit, findWallet, findHold, clock, timeoutMs: env.OPERATION_TIMEOUT_MS };
  const operate = createOperate(operateDeps);
  const pay = createPay({ ...operateDeps, submitPayment });
  const bulk = createBulk({ ...operateDeps, submitEach, submitList });
  const audit = createAudit({ prisma, guard, logger });
  const freeze = auditFreeze(operate, audit);
  const operationRoutes = createOperationRoutes({ operate, bulk, freeze, admit, outcomes, quotas, readPool, guard });
  const looks = { probePool: stores.probePool, database, queue: gate.queue, workers };
  const { readiness, stop: stopLooking } = await startReadiness({ ...looks, stopping: stopping.signal });
  const { registry } = metrics;
  const sampler = startSampling({
    ...{ databaseUrl, role: 'api', registry, queues: gate.queues },
    pools: { requests: pool, reads: readPool, probe: stores.probePool, queue: gate.queuePool },
    dependencies: { database, queue: gate.queue },
  });
  const shared = { env, logger, prisma, database, admit, registry };
  const { queues, queue } = gate;
  const looked = { pool: readPool, databaseUrl, guard, clock, queues, queue, workers };
  const operators = openConsole({ ...shared, ...looked, audit, freeze });
  const served = { operationRoutes, pay, createConsole: operators.create, readiness, tracing };
  const app = createApp({ ...shared, ...served, pool, readPool, guard, findWallet, quotas, proven });

  const server = await listen(app.handler, env.HOST, env.PORT);
  logger.info({ url: server.url, partitions: env.PARTITIONS }, 'api ready');

  const stop = async () => {
    // Whoever waits for an outcome is promised it now; then the last answers leave, and only then what they need.
    stopping.abort();
    await closeWithin(ANSWERS_LIMIT_MS, [server.stop(), sampler.stop(), operators.close()], logger);
    await closeWithin(STEP_LIMIT_MS, [submission.close(), stopLooking()], logger);
    database.close();
    await closeWithin(STEP_LIMIT_MS, [gate.close()], logger);
    await closeWithin(STEP_LIMIT_MS, [stores.close(), certainty.close(), tracing?.close()], logger);
  };
  return { ready: { url: server.url }, stop };
});
