/** The baselines' processes: what the service is compared with over HTTP. */
import { SESSION_SECRET } from '../../tests/support/people.ts';
import { message, spawnProgram } from '../../tests/support/processes.ts';
import type { Spawned } from '../../tests/support/processes.ts';
import { requireRedis } from './target.ts';
import type { StartTarget, Target } from './target.ts';

/** `connections`: of the pool that each of them has. */
export function startLocks(connections?: number): StartTarget {
  return async (servers) => {
    const databaseUrl = await servers.createDatabase('locks');
    const env = environment(databaseUrl, connections);
    return startBaseline({ databaseUrl, env, files: { api: 'bench/baselines/locks.ts' } });
  };
}

export function startOneWorker(connections?: number): StartTarget {
  return async (servers) => {
    const redis = requireRedis(servers);
    const databaseUrl = await servers.createDatabase('one_worker');
    const env = { ...environment(databaseUrl, connections), REDIS_URL: redis.nextUrl() };
    const files = { api: 'bench/baselines/oneWorker.ts', worker: 'bench/baselines/oneWorkerApply.ts' };
    return startBaseline({ databaseUrl, env, files });
  };
}

function environment(databaseUrl: string, connections?: number): Record<string, string> {
  return {
    NODE_ENV: 'production',
    DATABASE_URL: databaseUrl,
    SESSION_SECRET,
    ...(connections !== undefined && { BASELINE_CONNECTIONS: String(connections) }),
  };
}

interface BaselineOptions {
  databaseUrl: string;
  env: Record<string, string>;
  /** By the process's name; `api` is the one that listens. */
  files: Record<string, string>;
}

async function startBaseline({ databaseUrl, env, files }: BaselineOptions): Promise<Target> {
  const spawned = new Map<string, Spawned>();
  const stop = async () => {
    for (const [name, process] of spawned) {
      const { code, signal } = await process.stop();
      if (code !== 0) throw new Error(`${files[name] ?? name} ended with ${code ?? signal}:\n${process.output()}`);
    }
  };
  try {
    const ready: Record<string, Record<string, unknown>> = {};
    for (const [name, file] of Object.entries(files)) {
      const process = spawnProgram(file, { env });
      spawned.set(name, process);
      ready[name] = await message(process, 'ready');
    }
    return {
      databaseUrl,
      url: String(ready['api']?.['url']),
      bankCookie: '',
      processes: Object.fromEntries([...spawned].map(([name, { pid }]) => [name, pid])),
      stop,
    };
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}
