/**
 * Baseline "locks": the starting document's second variant, done well. No queue: each request takes a connection out of
 * the pool and makes its transfer in a transaction of its own, the two wallets locked in the order of their ids.
 */
import { listen } from '../../api/http/server/server.ts';
import { runProcess } from '../../shared/lifecycle.ts';
import { createApplyPool } from '../../shared/store/database/pool.ts';
import { applyTransfer } from './applyTransfer.ts';
import { readBaselineEnv } from './environment.ts';
import { createTransferApp } from './serveTransfers.ts';

runProcess(async () => {
  const { databaseUrl, sessionSecret, connections } = readBaselineEnv();
  const pool = createApplyPool({ databaseUrl, role: 'locks', maxConnections: connections });
  const transfer = (command: Parameters<typeof applyTransfer>[1]) => applyTransfer(pool, command);
  const server = await listen(createTransferApp({ pool, sessionSecret, transfer }), '127.0.0.1', 0);
  const stop = async () => {
    await server.stop();
    await pool.end();
  };
  return { ready: { url: server.url }, stop };
});
