/**
 * The process that owns the servers of one test run. It lives by the service's own rules of life (shared/lifecycle.ts):
 * when the run ends, or is killed, the IPC channel closes, and it stops the servers and removes their data.
 */
import { runProcess } from '../../shared/lifecycle.ts';
import { createTemplate } from './database.ts';
import { startPostgresServer } from './postgresServer.ts';
import { hasRedis, startRedis } from './redisServer.ts';

runProcess(async () => {
  const [postgres, redis] = await Promise.all([startPostgresServer(), hasRedis() ? startRedis() : undefined]);
  await createTemplate(postgres.url);
  return {
    ready: { databaseUrl: postgres.url, redisUrl: redis?.url },
    async stop() {
      await Promise.all([postgres.stop(), redis?.stop()]);
    },
  };
});
