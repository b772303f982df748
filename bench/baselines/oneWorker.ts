/**
 * Baseline "one worker": the starting document's first variant. One queue, one worker, one job per transfer; the request
 * waits until its job is finished. This is the process that serves HTTP; `oneWorkerApply.ts` is the worker.
 */
import { Queue, QueueEvents } from 'bullmq';
import { listen } from '../../api/http/server/server.ts';
import { runProcess } from '../../shared/lifecycle.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { toWire } from '../../shared/queue/contracts.ts';
import { createApplyPool } from '../../shared/store/database/pool.ts';
import type { Applied } from './applyTransfer.ts';
import { readBaselineEnv } from './environment.ts';
import { createTransferApp } from './serveTransfers.ts';
import { KEEP_COMPLETED, TRANSFER_QUEUE, connectRedis } from './transferQueue.ts';
import type { TransferJob, TransferJobResult } from './transferQueue.ts';

const WAIT_MS = 10_000;

runProcess(async () => {
  const { databaseUrl, redisUrl, sessionSecret, connections } = readBaselineEnv();
  const pool = createApplyPool({ databaseUrl, role: 'one-worker', maxConnections: connections });
  const [commands, subscriber] = [connectRedis(redisUrl), connectRedis(redisUrl)];
  const queue = new Queue<TransferJob, TransferJobResult>(TRANSFER_QUEUE, { connection: commands });
  const events = new QueueEvents(TRANSFER_QUEUE, { connection: subscriber });
  // Every request that waits is a listener.
  events.setMaxListeners(0);
  await events.waitUntilReady();

  const transfer = async (command: Command): Promise<Applied> => {
    const options = { jobId: command.id, removeOnComplete: { count: KEEP_COMPLETED } };
    const job = await queue.add('transfer', toWire(command), options);
    const result = await job.waitUntilFinished(events, WAIT_MS);
    return result.state === 'applied' ? { state: 'applied', balanceMinor: BigInt(result.balance) } : result;
  };
  const server = await listen(createTransferApp({ pool, sessionSecret, transfer }), '127.0.0.1', 0);
  const stop = async () => {
    await server.stop();
    await Promise.all([queue.close(), events.close()]);
    for (const connection of [commands, subscriber]) connection.disconnect();
    await pool.end();
  };
  return { ready: { url: server.url }, stop };
});
