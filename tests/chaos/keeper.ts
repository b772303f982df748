/**
 * One process of the service under a supervisor, as in production: what dies is started again, also when its first
 * tries fail because what it depends on is not there yet. A process that ends though nobody ended it is noted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { message, spawnProgram } from '../support/processes.ts';
import type { Spawned } from '../support/processes.ts';
import { clockMs } from './history.ts';
import type { Death } from './history.ts';

const START_LIMIT_MS = 60_000;
const START_PAUSE_MS = 300;
const LINES_SHOWN = 3;
const LINE_SHOWN = 1_500;

export interface Keeper {
  name: string;
  /** Starts the process and waits until it is ready. Rejects when it cannot within a minute. `over` goes over its environment. */
  start: (over?: Record<string, string>) => Promise<void>;
  /** SIGKILL; it stays down until `start`. */
  kill: () => Promise<void>;
  freeze: () => void;
  thaw: () => void;
  /** SIGTERM; notes an end that was not clean. */
  stop: () => Promise<void>;
}

interface KeeperOptions {
  role: 'api' | 'worker';
  name: string;
  env: Record<string, string>;
  /** Told the URL of every process that is ready. */
  onReady: (url: string) => void;
  onDeath: (death: Death) => void;
}

export function createKeeper({ role, name, env, onReady, onDeath }: KeeperOptions): Keeper {
  let current: Spawned | undefined;
  let isReady = false;
  /** Counts what it was told to do: whoever waited looks whether it still holds. */
  let order = 0;
  let startedOver: Record<string, string> = {};

  const report = (said: string) => onDeath({ who: name, atMs: clockMs(), said });

  /** Follows one process to its end. */
  const watch = async (started: Spawned, ordered: number) => {
    const { code, signal } = await started.exited;
    if (order !== ordered) return;
    report(`ended by itself with ${code ?? signal}\n${lastWords(started)}`);
    await start(startedOver).catch((error: unknown) => report(String(error)));
  };

  const start = async (over: Record<string, string> = {}) => {
    const ordered = ++order;
    startedOver = over;
    const deadlineMs = clockMs() + START_LIMIT_MS;
    while (order === ordered) {
      isReady = false;
      const started = spawnProgram(`${role}/main.ts`, { env: { ...env, ...over } });
      current = started;
      try {
        const { url } = await message(started, 'ready');
        isReady = true;
        if (typeof url === 'string') onReady(url);
        void watch(started, ordered);
        return;
      } catch (error) {
        if (order === ordered && clockMs() > deadlineMs) throw error;
        await sleep(START_PAUSE_MS);
      }
    }
  };

  return {
    name,
    start,
    async kill() {
      order++;
      current?.kill('SIGKILL');
      await current?.exited;
    },
    freeze: () => current?.kill('SIGSTOP'),
    thaw: () => current?.kill('SIGCONT'),
    async stop() {
      order++;
      if (!current) return;
      const { code, signal } = await current.stop();
      if (isReady && code !== 0) report(`told to stop, it ended with ${code ?? signal}\n${lastWords(current)}`);
    },
  };
}

/** A line of the log may hold a whole object; its beginning says what happened. */
function lastWords(ended: Spawned): string {
  const lines = ended.output().trimEnd().split('\n').slice(-LINES_SHOWN);
  return lines.map((line) => line.slice(0, LINE_SHOWN)).join('\n');
}
