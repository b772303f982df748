/** What a baseline's process is told when it is started: the service's own variables, and the size of its pool. */
import { readEnv, requireValue } from '../../shared/env.ts';

export interface BaselineEnv {
  databaseUrl: string;
  redisUrl: string | undefined;
  sessionSecret: string;
  connections: number;
}

/**
 * Several times the cores, so that they are busy while some transactions wait for the disk, and no more, because those
 * would mostly wait for each other; pgbench is measured with as many clients. `npm run bench -- --pool N` tries others.
 */
const CONNECTIONS = 16;

export function readBaselineEnv(): BaselineEnv {
  const env = readEnv(process.env);
  return {
    databaseUrl: requireValue(env, 'DATABASE_URL'),
    redisUrl: env.REDIS_URL,
    sessionSecret: requireValue(env, 'SESSION_SECRET'),
    connections: Number(process.env['BASELINE_CONNECTIONS'] ?? CONNECTIONS),
  };
}
