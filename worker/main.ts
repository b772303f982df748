/**
 * The worker process: takes envelopes off every partition's queue and applies them, and sweeps what a 202 has promised.
 * Any number may run. On Redis all of them work; on the PostgreSQL queue one works and the others stand by, because
 * that backend polls hard when a waiting job may not run yet.
 */
import { createDependency } from '../shared/dependency.ts';
import type { Dependency } from '../shared/dependency.ts';
import { readEnv, requireValue } from '../shared/env.ts';
import { runProcess } from '../shared/lifecycle.ts';
import { createLogger } from '../shared/logger.ts';
import type { Logger } from '../shared/logger.ts';
import { createQueueBackend } from '../shared/queue/ledgerQueue.ts';
import type { LedgerWorker, QueueBackend } from '../shared/queue/ledgerQueue.ts';
import { assertPartitions } from '../shared/store/migrate.ts';
import { createApplyPool, createProbePool } from '../shared/store/pool.ts';
import { readDatabaseTime } from '../shared/store/readDatabaseTime.ts';
import { applyEnvelope } from './applyEnvelope.ts';
import { QUEUE_WORKER_LOCK, SWEEPER_LOCK, lead } from './leadership.ts';
import type { Leadership } from './leadership.ts';
import { keepSerial } from './keepSerial.ts';
import { startSweep } from './sweep.ts';

/** Connections beside one per partition: the sweep's. */
const SPARE_CONNECTIONS = 1;

runProcess(async () => {
  const env = readEnv(process.env);
  const databaseUrl = requireValue(env, 'DATABASE_URL');
  const logger = createLogger('worker', env.LOG_LEVEL);
  const partitions = [...Array(env.PARTITIONS).keys()];

  const maxConnections = env.PARTITIONS + SPARE_CONNECTIONS;
  const pool = createApplyPool({ databaseUrl, role: 'worker', maxConnections });
  await assertPartitions(pool, env.PARTITIONS);
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
  const queue = createDependency({ name: 'queue', probe: () => backend.ping(), logger });
  const queues = partitions.map((partition) => backend.openQueue(partition));
  const serial = keepSerial({ queues, onFailure: queue.reportFailure });

  const stopping = new AbortController();
  const isStopping = () => stopping.signal.aborted;
  const deps = { pool, logger, onFault: database.reportFailure, isStopping };
  const workers = partitions.map((partition) =>
    backend.openWorker(partition, (jobId, data) => applyEnvelope(deps, jobId, data)),
  );
  const standby = backend.kind === 'postgres' ? standBy({ workers, backend, queue, databaseUrl, logger }) : undefined;
  if (!standby) for (const worker of workers) worker.resume();

  const sweeper = lead({ databaseUrl, lockKey: SWEEPER_LOCK, name: 'sweep', logger });
  const sweep = startSweep({ pool, queues, logger, leadership: sweeper });
  logger.info({ partitions: env.PARTITIONS, queue: backend.kind }, 'worker ready');

  const stop = async () => {
    stopping.abort();
    await Promise.all([sweep.stop(), serial.stop(), ...workers.map((worker) => worker.close())]);
    await Promise.all([sweeper.close(), standby?.close(), ...queues.map((each) => each.close())]);
    database.close();
    queue.close();
    await Promise.all([backend.close(), pool.end(), probePool.end()]);
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
  const work = async () => {
    await backend.takeOver().catch(queue.reportFailure);
    if (leadership.isLeader()) for (const worker of workers) worker.resume();
  };
  const leadership = lead({
    databaseUrl,
    lockKey: QUEUE_WORKER_LOCK,
    name: 'queue-worker',
    logger,
    onGained: () => void work(),
    onLost: () => {
      for (const worker of workers) void worker.pause();
    },
  });
  return leadership;
}
