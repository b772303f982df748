/**
 * Keeps one child process running: starts it, waits for its ready message, starts it again when it dies, and gives up
 * when it dies too often.
 *
 *     starting ──ready──▶ running ──it died──▶ waiting (0.25 s, doubling to 5 s) ──▶ starting …
 *        │ the first time: its failure is ours         └─ more than 5 deaths in a minute: given up
 *
 * A child is in a process group of its own, so that a Ctrl-C in the terminal reaches the supervisor alone, which ends
 * the children in order. If the supervisor dies, the closed IPC channel ends them (shared/lifecycle.ts).
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { AlreadyTold } from '../shared/lifecycle.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

const READY_LIMIT_MS = 30_000;
/** A little more than the ten seconds that a process allows itself. */
const STOP_LIMIT_MS = 12_000;
const MAX_DEATHS = 5;
const DEATHS_WINDOW_MS = 60_000;
const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 5_000;

export interface SupervisedChild {
  /** What the child told when it was ready. */
  ready: Record<string, unknown>;
  /** Resolves, with a sentence, when the child has died too often. */
  givenUp: Promise<string>;
  stop: () => Promise<void>;
}

interface ChildOptions {
  /** `api/main.js`, from the folder that the service is built in. */
  main: string;
  env: NodeJS.ProcessEnv;
  /** Told before the child is started again. */
  onDeath: (sentence: string) => void;
  /** Cuts the start short. */
  signal: AbortSignal;
}

interface Child {
  process: ChildProcess;
  /** How it ended, once its last words are through. */
  ended: Promise<string>;
  /** Whether it has written anything on stderr. */
  hasSpoken: () => boolean;
}

/** Resolves when it is ready for the first time. Throws `AlreadyTold` when it ends before, or the signal's reason. */
export async function supervise(options: ChildOptions): Promise<SupervisedChild> {
  const stopped = new AbortController();
  const isStopped = (): boolean => stopped.signal.aborted;
  let child = launch(options);
  const stop = async (): Promise<void> => {
    stopped.abort();
    await end(child);
  };
  const abort = (): void => void stop();
  options.signal.addEventListener('abort', abort, { once: true });
  try {
    const ready = await untilReady(child, options.main);
    return { ready, givenUp: keepRunning(), stop };
  } catch (error) {
    await stop();
    options.signal.throwIfAborted();
    if (!child.hasSpoken() && error instanceof Error) process.stderr.write(`${error.message}\n`);
    throw error;
  } finally {
    options.signal.removeEventListener('abort', abort);
  }

  async function keepRunning(): Promise<string> {
    let deathsMs: number[] = [];
    for (;;) {
      const how = await child.ended;
      // Nobody is told of an end that was asked for.
      if (isStopped()) return new Promise(() => undefined);
      const nowMs = Date.now();
      deathsMs = [...deathsMs.filter((atMs) => nowMs - atMs < DEATHS_WINDOW_MS), nowMs];
      if (deathsMs.length > MAX_DEATHS) return `${options.main} ended ${how}, too often to be started again.`;
      options.onDeath(`${options.main} ended ${how}: starting it again.`);
      const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** (deathsMs.length - 1), MAX_BACKOFF_MS);
      await delay(backoffMs, undefined, { signal: stopped.signal }).catch(() => undefined);
      if (isStopped()) return new Promise(() => undefined);
      child = launch(options);
      untilReady(child, options.main).catch(() => child.process.kill('SIGKILL'));
    }
  }
}

function launch({ main, env }: ChildOptions): Child {
  const child = fork(`${ROOT}${main}`, [], {
    env,
    detached: true,
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let spoken = false;
  child.stderr?.on('data', (chunk: Buffer) => {
    spoken = true;
    process.stderr.write(chunk);
  });
  const ended = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(signal === null ? `with code ${code ?? 'none'}` : `by ${signal}`));
  });
  return { process: child, ended, hasSpoken: () => spoken };
}

async function untilReady(child: Child, main: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const fail = (sentence: string) => reject(new AlreadyTold(sentence));
    const timer = setTimeout(() => fail(`${main} was not ready within ${READY_LIMIT_MS / 1000} s.`), READY_LIMIT_MS);
    child.process.on('message', (message: Record<string, unknown>) => {
      if (message['type'] !== 'ready') return;
      clearTimeout(timer);
      resolve(message);
    });
    void child.ended.then((how) => {
      clearTimeout(timer);
      fail(`${main} ended ${how} before it was ready.`);
    });
  });
}

async function end(child: Child): Promise<void> {
  child.process.kill('SIGTERM');
  const hardKill = setTimeout(() => child.process.kill('SIGKILL'), STOP_LIMIT_MS);
  await child.ended;
  clearTimeout(hardKill);
}
