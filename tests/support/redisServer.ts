/**
 * A Redis server of a test's own, which it may freeze, kill and start again on the same port, empty. A small shell
 * stands between: it kills the server as soon as the test process is gone, however that went.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { freePort } from '../../cli/postgres/embeddedPostgres.ts';
import { until } from './waiting.ts';

export interface RedisServer {
  url: string;
  port: number;
  /** Of the server now running. */
  pid: () => number;
  /** SIGSTOP, SIGCONT, SIGKILL … */
  signal: (signal: NodeJS.Signals) => void;
  /** SIGKILL, and wait until it is gone. Its data go with it. */
  kill: () => Promise<void>;
  /** Starts it again on the same port, empty. */
  restart: () => Promise<void>;
  /** Makes it a replica of another, or a primary: at once, while it goes on serving. */
  follow: (primary: RedisServer | undefined) => Promise<void>;
  /** One command, past whatever stands between the service and it. */
  ask: (command: string, ...values: (string | number)[]) => Promise<unknown>;
  stop: () => Promise<void>;
}

const GUARD = '"$@" >/dev/null 2>&1 & echo $!; cat >/dev/null; kill -KILL $! 2>/dev/null; wait';
const LOGICAL_DATABASES = 1024;
/** What a primary tells its replica goes through no file. */
const REPLICATION = { 'repl-diskless-sync-delay': 0, 'repl-diskless-load': 'swapdb' };

export function hasRedis(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}

export async function startRedis(): Promise<RedisServer> {
  const port = await freePort();
  let running = await launch(port);
  const ask: RedisServer['ask'] = async (command, ...values) => {
    const client = new Redis({ host: '127.0.0.1', port });
    try {
      return await client.call(command, ...values);
    } finally {
      client.disconnect();
    }
  };
  return {
    ask,
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: () => running.pid,
    signal: (signal) => void process.kill(running.pid, signal),
    kill: () => running.end(),
    async restart() {
      await running.end();
      running = await launch(port);
    },
    async follow(primary) {
      await ask('replicaof', ...(primary ? ['127.0.0.1', primary.port] : ['no', 'one']));
    },
    stop: () => running.end(),
  };
}

async function launch(port: number): Promise<{ pid: number; end: () => Promise<void> }> {
  const settings = { port, bind: '127.0.0.1', save: '', appendonly: 'no', databases: LOGICAL_DATABASES };
  const flags = Object.entries({ ...settings, ...REPLICATION, 'maxmemory-policy': 'noeviction' });
  const guard = spawn(
    'sh',
    ['-c', GUARD, 'redis', 'redis-server', ...flags.flatMap(([name, value]) => [`--${name}`, String(value)])],
    { stdio: ['pipe', 'pipe', 'ignore'], detached: true },
  );
  const exited = once(guard, 'exit');
  const [pid] = (await once(createInterface(guard.stdout), 'line')) as [string];
  await until(`Redis answers on port ${port}`, () => answers(port));
  return {
    pid: Number(pid),
    async end() {
      guard.stdin.end();
      await exited;
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const client = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.ping();
    return true;
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}
