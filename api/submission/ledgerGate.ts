/**
 * The API's side of the queues: one coalescer per partition, told by the workers what has been handled, and whether the
 * queue can be reached at all.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createDependency } from '../../shared/dependency.ts';
import type { Dependency } from '../../shared/dependency.ts';
import type { Env } from '../../shared/env.ts';
import type { Logger } from '../../shared/logger.ts';
import { createQueueBackend, probeQueues } from '../../shared/queue/queueBackend.ts';
import type { LedgerQueue, QueueBackend } from '../../shared/queue/ledgerQueue.ts';
import { hearHandled } from '../../shared/store/ledger/handledEnvelopes.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { traceQueue } from '../../shared/telemetry/tracing.ts';
import type { Tracing } from '../../shared/telemetry/tracing.ts';
import { createCoalescer } from './coalescer.ts';
import type { Coalescer } from './coalescer.ts';
import type { DeliveryDeps } from './delivery.ts';
import type { Outcomes } from './outcomes.ts';
import type { Workers } from './workers.ts';

/** How often an outcome is looked for when no worker has told of it. */
const POLL_MS = 100;
/** How long a busy partition rests between two envelopes. On PostgreSQL each of them costs several times as much. */
const REST_MS = { redis: 5, postgres: 12 };
/** How long a start waits for the queue; after that the service starts without it and says so in /readyz. */
const CONNECT_WAIT_MS = 3_000;
const CONNECT_LOOK_MS = 20;

export interface LedgerGate {
  /** By partition. */
  coalescers: Coalescer[];
  /** By partition. */
  queues: LedgerQueue[];
  queue: Dependency;
  /** The queues' own connections, where they are in PostgreSQL. */
  queuePool: Pool | undefined;
  close: () => Promise<void>;
}

export interface GateDeps {
  env: Env;
  databaseUrl: string;
  outcomes: Outcomes;
  workers: Pick<Workers, 'goneUntilMs'>;
  logger: Logger;
  onEnvelope: (commands: number) => void;
  onOutcome?: DeliveryDeps['onOutcome'];
  tracing?: Tracing | undefined;
}

export async function openLedgerGate({
  env,
  databaseUrl,
  outcomes,
  workers,
  logger,
  onEnvelope,
  onOutcome = () => undefined,
  tracing,
}: GateDeps): Promise<LedgerGate> {
  const backend = createQueueBackend({
    redisUrl: env.REDIS_URL,
    databaseUrl,
    partitions: env.PARTITIONS,
    role: 'api',
    onError: (error) => queue.reportFailure(error),
  });
  // One group alone may fill a fair share of the buffer twice over, but never all of it where there are others.
  const maxWaiting = Math.min(env.MAX_WAITING_COMMANDS, Math.ceil((2 * env.MAX_WAITING_COMMANDS) / env.PARTITIONS));

  const lanes = [...Array(env.PARTITIONS).keys()].map((partition) => {
    const ledgerQueue = backend.openQueue(partition);
    const coalescer = createCoalescer({
      queue: traceQueue(ledgerQueue, tracing),
      isQueueAway: () => queue.isAway() || !backend.isConnected(),
      neverSent: backend.neverSent,
      reportQueueFailure: (error) => queue.reportFailure(error),
      readOutcomes: outcomes.read,
      workersGoneUntilMs: workers.goneUntilMs,
      timeoutMs: env.OPERATION_TIMEOUT_MS,
      pollMs: POLL_MS,
      restMs: REST_MS[backend.kind],
      maxWaiting,
      onEnvelope,
      onOutcome,
    });
    return { ledgerQueue, coalescer };
  });
  const queues = lanes.map(({ ledgerQueue }) => ledgerQueue);
  const queue = createDependency({ name: 'queue', probe: () => probeQueues(backend, queues), logger });
  const coalescers = lanes.map(({ coalescer }) => coalescer);
  const handled = hearHandled({
    databaseUrl,
    logger,
    onHandled: (jobId) => {
      for (const coalescer of coalescers) coalescer.onHandled(jobId);
    },
  });
  await connected(backend);
  return {
    coalescers,
    queues,
    queue,
    queuePool: backend.pool,
    close: async () => {
      queue.close();
      await Promise.all([handled.close(), ...lanes.map(({ ledgerQueue }) => ledgerQueue.close())]);
      await backend.close();
    },
  };
}

async function connected(backend: QueueBackend): Promise<void> {
  const untilMs = performance.now() + CONNECT_WAIT_MS;
  while (!backend.isConnected() && performance.now() < untilMs) await sleep(CONNECT_LOOK_MS);
}
