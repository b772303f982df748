/**
 * One partition from a request's command to its outcome, in this process: the API's side as `api/main.ts` wires it and
 * a worker's side with connections of its own, which a test may hold with an envelope in its hand.
 */
import { pino } from 'pino';
import { createCertainty } from '../../api/submission/certainty.ts';
import { createDatabaseGuard } from '../../api/database/databaseGuard.ts';
import type { DatabaseGuard } from '../../api/database/databaseGuard.ts';
import { openLedgerGate } from '../../api/submission/ledgerGate.ts';
import { createOutcomes } from '../../api/submission/outcomes.ts';
import type { Coalescer, Ticket } from '../../api/submission/coalescer.ts';
import { Problem } from '../../api/http/problem.ts';
import { createQuotas } from '../../api/quotas/quotas.ts';
import { createSubmission } from '../../api/submission/submit.ts';
import type { Submission } from '../../api/submission/submit.ts';
import { createWorkers } from '../../api/submission/workers.ts';
import type { Workers } from '../../api/submission/workers.ts';
import { createDependency } from '../../shared/dependency.ts';
import { readEnv } from '../../shared/env.ts';
import { createQueueBackend } from '../../shared/queue/queueBackend.ts';
import type { LedgerQueue } from '../../shared/queue/ledgerQueue.ts';
import type { Command } from '../../shared/ledger/command.ts';
import type { KnownOutcome } from '../../shared/store/ledger/readOutcomes.ts';
import { createPool, createProbePool } from '../../shared/store/database/pool.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { readDatabaseTime } from '../../shared/store/database/readDatabaseTime.ts';
import { createDatabaseClock } from '../../shared/time.ts';
import { applyEnvelope } from '../../worker/apply/applyEnvelope.ts';
import { applyDeps } from './applyDeps.ts';
import { openApplyPool } from './pools.ts';
import { AMPLE_QUOTAS } from './quotas.ts';
import type { Stores } from './stores.ts';

export interface Lane {
  /** The API's, for requests. */
  pool: Pool;
  /** The worker's, for applying. */
  applyPool: Pool;
  guard: DatabaseGuard;
  coalescer: Coalescer;
  submission: Submission;
  stopping: AbortController;
  /** What the API's side has been told of workers: nothing yet. */
  workers: Workers;
  /** The worker's view of the queue. */
  queue: LedgerQueue;
  /** Commands in each envelope that left the API's side. */
  sizes: number[];
  /** Job ids in the order in which the worker took them. */
  taken: string[];
  /** From now on the worker keeps each envelope in its hand, unapplied, until `release`. */
  hold: () => void;
  release: () => void;
  startWorker: () => void;
  close: () => Promise<void>;
}

/** A command on its way. `outcome` rejects with the `Problem` it is refused with. */
export interface Submitted extends Ticket {
  outcome: Promise<KnownOutcome>;
}

export function submitTo(coalescer: Coalescer, command: Command): Submitted {
  let ticket!: Ticket;
  const outcome = new Promise<KnownOutcome>((resolve, reject) => {
    ticket = coalescer.submit(command, (end) => {
      if (end instanceof Problem) reject(end);
      else resolve(end);
    });
  });
  outcome.catch(() => undefined); // many tests do not wait for what they know is refused
  return { ...ticket, outcome };
}

interface LaneOptions {
  timeoutMs?: number;
  maxWaiting?: number;
  maxPending?: number;
  /** The way of the API's side to the database, where it is not the worker's. */
  apiDatabaseUrl?: string;
  /** False to start it later. */
  worker?: boolean;
}

export async function openLane(
  { databaseUrl, redisUrl }: Pick<Stores, 'databaseUrl' | 'redisUrl'>,
  options: LaneOptions = {},
): Promise<Lane> {
  const logger = pino({ level: 'silent' });
  const apiDatabaseUrl = options.apiDatabaseUrl ?? databaseUrl;
  const env = readEnv({
    PARTITIONS: '1',
    OPERATION_TIMEOUT_MS: String(options.timeoutMs ?? 5_000),
    MAX_WAITING_COMMANDS: String(options.maxWaiting ?? 10_000),
    REDIS_URL: redisUrl,
    ...AMPLE_QUOTAS,
  });
  const pool = createPool({ databaseUrl: apiDatabaseUrl, role: 'api', maxConnections: 5 });
  const probePool = createProbePool({ databaseUrl: apiDatabaseUrl, role: 'api' });
  const database = createDependency({ name: 'database', probe: () => readDatabaseTime(probePool), logger });
  for (const each of [pool, probePool]) each.on('error', database.reportFailure);
  const guard = createDatabaseGuard(database);
  const stopping = new AbortController();
  const clock = createDatabaseClock(() => readDatabaseTime(pool));
  const certainty = createCertainty({ databaseUrl: apiDatabaseUrl, probePool, logger });
  const outcomes = createOutcomes({ pool, readPool: pool, guard, clock, certainty, stopping: stopping.signal });
  const workers = createWorkers({ logger });
  const sizes: number[] = [];
  const gate = await openLedgerGate({
    ...{ env, databaseUrl: apiDatabaseUrl, outcomes, workers, logger },
    onEnvelope: (commands) => sizes.push(commands),
  });
  const submission = createSubmission({
    ...{ coalescers: gate.coalescers, outcomes, workers, pool, database, guard, certainty },
    ...{ quotas: createQuotas(env), stopping: stopping.signal },
    maxWaiting: env.MAX_WAITING_COMMANDS,
    maxPending: options.maxPending ?? env.MAX_PENDING,
  });
  const side = openWorkerSide(databaseUrl, redisUrl);
  await side.queue.assertSerial();
  if (options.worker !== false) side.startWorker();

  return {
    ...side,
    ...{ pool, guard, submission, stopping, workers, sizes },
    coalescer: gate.coalescers[0]!,
    async close() {
      side.release();
      await side.close();
      await gate.close();
      await certainty.close();
      database.close();
      await Promise.all([pool.end(), probePool.end()]);
    },
  };
}

function openWorkerSide(databaseUrl: string, redisUrl: string | undefined) {
  const applyPool = openApplyPool(databaseUrl);
  const backend = createQueueBackend({
    databaseUrl,
    redisUrl,
    partitions: 1,
    role: 'worker',
    onError: () => undefined,
  });
  const queue = backend.openQueue(0);
  const taken: string[] = [];
  let letGo: (() => void)[] | undefined;
  const worker = backend.openWorker(0, async (jobId, data) => {
    taken.push(jobId);
    await new Promise<void>((resolve) => (letGo ? letGo.push(resolve) : resolve()));
    await applyEnvelope(applyDeps(applyPool), { partition: 0, jobId }, data);
  });
  return {
    ...{ applyPool, queue, taken },
    hold: () => {
      letGo ??= [];
    },
    release: () => {
      for (const go of letGo ?? []) go();
      letGo = undefined;
    },
    startWorker: worker.resume,
    async close() {
      await worker.close();
      await queue.close();
      await backend.close();
      await applyPool.end();
    },
  };
}
