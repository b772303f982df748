/**
 * The worker process: takes envelopes off every partition's queue and applies them, and sweeps what a 202 has promised.
 * Any number may run. On Redis all of them work; on the PostgreSQL queue one works and the others stand by, because
 * that backend polls hard when a waiting job may not run yet.
 */
import { createDependency } from '../shared/dependency.ts';
import { readEnv, requireValue } from '../shared/env.ts';
import { runProcess } from '../shared/lifecycle.ts';
import { createLogger } from '../shared/logger.ts';
import { createQueueBackend } from '../shared/queue/ledgerQueue.ts';
import type { LedgerWorker, QueueBackend } from '../shared/queue/ledgerQueue.ts';
import { assertPartitions } from '../shared/store/migrate.ts';
import { createApplyPool } from '../shared/store/pool.ts';
import { applyEnvelope } from './applyEnvelope.ts';
import { QUEUE_WORKER_LOCK, SWEEPER_LOCK, lead } from './leadership.ts';
import { keepSerial } from './keepSerial.ts';
import { startSweep } from './sweep.ts';

/** Connections beside one per partition: the sweep's and the probe's. */
const SPARE_CONNECTIONS = 2;

runProcess(async () => {
  const env = readEnv(process.env);
  const databaseUrl = requireValue(env, 'DATABASE_URL');
  const logger = createLogger('worker', env.LOG_LEVEL);
  const partitions = [...Array(env.PARTITIONS).keys()];

  const maxConnections = env.PARTITIONS + SPARE_CONNECTIONS;
  const pool = createApplyPool({ databaseUrl, role: 'worker', maxConnections });
  await assertPartitions(pool, env.PARTITIONS);
  const database = createDependency({ name: 'database', probe: () => pool.query('SELECT 1'), logger });
  pool.on('error', database.reportFailure);

  const backend: QueueBackend = createQueueBackend({
    redisUrl: env.REDIS_URL,
    databaseUrl,
    partitions: env.PARTITIONS,
    role: 'worker',
    onError: () => queue.reportFailure(),
  });
  const queue = createDependency({ name: 'queue', probe: () => backend.ping(), logger });
  const queues = partitions.map((partition) => backend.openQueue(partition));
  const serial = keepSerial({ queues, onFailure: queue.reportFailure });

  const deps = { pool, logger, onAway: database.reportFailure };
  const workers = partitions.map((partition) =>
    backend.openWorker(partition, (jobId, data) => applyEnvelope(deps, jobId, data)),
  );
  const standby = backend.kind === 'postgres' ? standBy(workers, databaseUrl, logger) : undefined;
  if (!standby) for (const worker of workers) worker.resume();

  const sweeper = lead({ databaseUrl, lockKey: SWEEPER_LOCK, name: 'sweep', logger });
  const sweep = startSweep({ pool, queues, logger, isLeader: sweeper.isLeader, onFailure: database.reportFailure });
  logger.info({ partitions: env.PARTITIONS, queue: backend.kind }, 'worker ready');

  const stop = async () => {
    await Promise.all([sweep.stop(), serial.stop(), ...workers.map((worker) => worker.close())]);
    await Promise.all([sweeper.close(), standby?.close(), ...queues.map((each) => each.close())]);
    database.close();
    queue.close();
    await backend.close();
    await pool.end();
  };
  return { ready: {}, stop };
});

/** Works while this process holds the lock, and stands by otherwise. */
function standBy(workers: LedgerWorker[], databaseUrl: string, logger: ReturnType<typeof createLogger>) {
  return lead({
    databaseUrl,
    lockKey: QUEUE_WORKER_LOCK,
    name: 'queue-worker',
    logger,
    onGained: () => {
      for (const worker of workers) worker.resume();
    },
    onLost: () => {
      for (const worker of workers) void worker.pause();
    },
  });
}
