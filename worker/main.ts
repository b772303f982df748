/**
 * The worker process: takes envelopes off every partition's queue and applies them, and sweeps what a 202 has promised.
 * Any number may run. On Redis all of them work; on the PostgreSQL queue one works and the others stand by, because
 * that backend polls hard when a waiting job may not run yet.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createDependency } from '../shared/dependency.ts';
import type { Dependency } from '../shared/dependency.ts';
import { readEnv, requireValue } from '../shared/env.ts';
import { closeWithin, runProcess } from '../shared/lifecycle.ts';
import { createLogger } from '../shared/logger.ts';
import type { Logger } from '../shared/logger.ts';
import { queueConnections } from '../shared/queue/postgresBackend.ts';
import { createQueueBackend, probeQueues } from '../shared/queue/queueBackend.ts';
import type { LedgerWorker, QueueBackend } from '../shared/queue/ledgerQueue.ts';
import { ADVISORY_LOCKS } from '../shared/store/database/advisoryLocks.ts';
import { assertUsable } from '../shared/store/database/checks/assertUsable.ts';
import { createApplyPool, createProbePool } from '../shared/store/database/pool.ts';
import { readDatabaseTime } from '../shared/store/database/readDatabaseTime.ts';
import { startSampling } from '../shared/telemetry/startSampling.ts';
import { openTracing } from '../shared/telemetry/openTracing.ts';
import { traceQueue } from '../shared/telemetry/tracing.ts';
import { applyEnvelope } from './apply/applyEnvelope.ts';
import { lead } from './leadership.ts';
import type { Leadership } from './leadership.ts';
import { keepSerial } from './apply/keepSerial.ts';
import { createMetrics } from './metrics.ts';
import { announcePresence } from './presence.ts';
import { startExpiring } from './sweep/expireDue.ts';
import { startPruning } from './sweep/prune.ts';
import { startSweep } from './sweep/sweep.ts';
import { wakeOverdue } from './sweep/wakeOverdue.ts';
import { createWatchedApply } from './apply/watchEnvelope.ts';

/** Connections beside one per partition: the sweep's. */
const SPARE_CONNECTIONS = 1;
/** For the probe, the samples, its presence, and two roles that one process of the fleet has. */
const OTHER_CONNECTIONS = 5;
const TAKE_OVER_PAUSE_MS = 500;

/** Stopping takes ten seconds at most, whatever is away: what is in hand, then the queues, then the stores. */
const WORK_LIMIT_MS = 6_000;
const QUEUES_LIMIT_MS = 1_000;
const STORES_LIMIT_MS = 2_000;

runProcess(async () => {
  const env = readEnv(process.env);
  const databaseUrl = requireValue(env, 'DATABASE_URL');
  const logger = createLogger('worker', env.LOG_LEVEL);
  const partitions = [...Array(env.PARTITIONS).keys()];

  const maxConnections = env.PARTITIONS + SPARE_CONNECTIONS;
  const pool = createApplyPool({ databaseUrl, role: 'worker', maxConnections });
  const queueInPostgres = env.REDIS_URL === undefined;
  const connections = maxConnections + OTHER_CONNECTIONS + (queueInPostgres ? queueConnections(env.PARTITIONS) : 0);
  await assertUsable(pool, { partitions: env.PARTITIONS, queueInPostgres, connections });
  const probePool = createProbePool({ databaseUrl, role: 'worker' });
  const database = createDependency({ name: 'database', probe: () => readDatabaseTime(probePool), logger });
  for (const each of [pool, probePool]) each.on('error', database.reportFailure);

  const backend: QueueBackend = createQueueBackend({
    redisUrl: env.REDIS_URL,
    databaseUrl,
    partitions: env.PARTITIONS,
    role: 'worker',
    onError: (error) => queue.reportFailure(error),
  });
  const queues = partitions.map((partition) => backend.openQueue(partition));
  const queue = createDependency({ name: 'queue', probe: () => probeQueues(backend, queues), logger });
  const serial = keepSerial({ queues, onFailure: queue.reportFailure });
  const waking = wakeOverdue({ queues, logger, onFailure: queue.reportFailure });

  const stopping = new AbortController();
  const isStopping = () => stopping.signal.aborted;
  const deps = { pool, logger, onFault: database.reportFailure, isStopping };
  const tracing = await openTracing(env, 'worker', logger);
  const metrics = createMetrics();
  const apply = createWatchedApply({
    ...{ metrics, tracing, logger },
    apply: (watch, id, data) => applyEnvelope({ ...deps, watch }, id, data),
  });
  const workers = partitions.map((partition) =>
    backend.openWorker(partition, (jobId, data) => apply(partition, jobId, data)),
  );
  const standby = backend.kind === 'postgres' ? standBy({ workers, backend, queue, databaseUrl, logger }) : undefined;
  if (!standby) for (const worker of workers) worker.resume();

  const sweeper = lead({ databaseUrl, lockKey: ADVISORY_LOCKS.sweeper, name: 'sweep', logger });
  const sweepQueues = queues.map((each) => traceQueue(each, tracing));
  const sweep = startSweep({ pool, queues: sweepQueues, logger, leadership: sweeper, onRound: metrics.onSweep });
  const pruning = startPruning({ pool, logger, leadership: sweeper });
  const expiring = startExpiring({ pool, logger, leadership: sweeper });
  const isAble = () => !isStopping() && ![database, queue].some((each) => each.isAway());
  const isWorking = () => isAble() && workers.every((worker) => worker.isWorking());
  // One that stands by is there too: it takes over within seconds, and what waits is decided then.
  const isPresent = () => isWorking() || (isAble() && standby?.isLeader() === false);
  const presence = announcePresence({ databaseUrl, isPresent });
  metrics.watchRoles({ isWorking, isSweeper: sweeper.isLeader });
  const sampler = startSampling({
    ...{ databaseUrl, role: 'worker', registry: metrics.registry, queues },
    pools: { apply: pool, probe: probePool, queue: backend.pool },
    dependencies: { database, queue },
  });
  logger.info({ partitions: env.PARTITIONS, queue: backend.kind }, 'worker ready');

  const stop = async () => {
    stopping.abort();
    const rounds = [sweep, pruning, expiring, serial, waking, sampler].map((each) => each.stop());
    await closeWithin(WORK_LIMIT_MS, [...rounds, ...workers.map((worker) => worker.close())], logger);
    const closing = [presence.close(), sweeper.close(), standby?.close(), ...queues.map((each) => each.close())];
    await closeWithin(QUEUES_LIMIT_MS, closing, logger);
    database.close();
    queue.close();
    const stores = [backend.close(), pool.end(), probePool.end(), tracing?.close()];
    await closeWithin(STORES_LIMIT_MS, stores, logger);
  };
  return { ready: {}, stop };
});

interface StandByDeps {
  workers: readonly LedgerWorker[];
  backend: QueueBackend;
  queue: Dependency;
  databaseUrl: string;
  logger: Logger;
}

/** Works while this process holds the lock, and stands by otherwise. */
function standBy({ workers, backend, queue, databaseUrl, logger }: StandByDeps): Leadership {
  // Not before it has taken over: an envelope that a wrong clock has locked for an hour would close its partition.
  const work = async () => {
    while (leadership.isLeader()) {
      const isTakenOver = await backend.takeOver().then(() => true, queue.reportFailure);
      if (isTakenOver && leadership.isLeader()) {
        for (const worker of workers) worker.resume();
        return;
      }
      await sleep(TAKE_OVER_PAUSE_MS);
    }
  };
  const leadership = lead({
    databaseUrl,
    lockKey: ADVISORY_LOCKS.queueWorker,
    name: 'queue-worker',
    logger,
    onGained: () => void work(),
    onLost: () => {
      for (const worker of workers) void worker.pause();
    },
  });
  return leadership;
}
