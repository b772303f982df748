/** The worker of the baseline "one worker": one job at a time, each in a transaction of its own. */
import { Worker } from 'bullmq';
import { runProcess } from '../../shared/lifecycle.ts';
import { fromWire } from '../../shared/queue/contracts.ts';
import { createApplyPool } from '../../shared/store/database/pool.ts';
import { applyTransfer } from './applyTransfer.ts';
import { readBaselineEnv } from './environment.ts';
import { TRANSFER_QUEUE, connectRedis } from './transferQueue.ts';
import type { TransferJob, TransferJobResult } from './transferQueue.ts';

runProcess(async () => {
  const { databaseUrl, redisUrl } = readBaselineEnv();
  const pool = createApplyPool({ databaseUrl, role: 'one-worker-apply', maxConnections: 1 });
  const connection = connectRedis(redisUrl);
  const worker = new Worker<TransferJob, TransferJobResult>(
    TRANSFER_QUEUE,
    async ({ data }) => {
      const read = fromWire(data);
      if (!read.ok) throw new Error(read.problem);
      const applied = await applyTransfer(pool, read.command);
      return applied.state === 'applied' ? { state: 'applied', balance: Number(applied.balanceMinor) } : applied;
    },
    { connection, concurrency: 1 },
  );
  worker.on('error', (error) => console.error(error));
  await worker.waitUntilReady();
  const stop = async () => {
    await worker.close();
    connection.disconnect();
    await pool.end();
  };
  return { ready: {}, stop };
});
