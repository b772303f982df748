/**
 * The service's own processes, started for real as in production: built, from their main files. A test ends what it started;
 * should the test process die first, the lost IPC channel ends them, in good order (shared/lifecycle.ts).
 */
import { execFileSync, fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** As a URL, so that a process may be started in any folder. */
const LOADER = ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
/** What the service consists of, and what it is compared with, runs built: see `buildService`. */
const BUILT = /^(api|worker|cli|bench\/baselines)\//;
const READY_LIMIT_MS = 30_000;
const EXIT_LIMIT_MS = 20_000;

interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Spawned {
  pid: number;
  child: ChildProcess;
  /** Everything it has written so far, stdout and stderr interleaved. */
  output: () => string;
  stderr: () => string;
  exited: Promise<Exit>;
  kill: (signal: NodeJS.Signals) => void;
  /** SIGTERM, wait, SIGKILL if it stays. Harmless when it has ended. */
  stop: () => Promise<Exit>;
}

export interface Service extends Spawned {
  /** What it told with its ready message: `url` from the API. */
  ready: Record<string, unknown>;
  url: string;
}

/** To be called by whoever starts any of the service's programs, before the first. Takes no time when nothing has changed. */
export function buildService(): void {
  execFileSync(process.execPath, [`${ROOT}build.mjs`], { stdio: 'inherit' });
}

/** Starts `api/main.ts` or `worker/main.ts` and waits until it is ready. Rejects with its output when it ends first. */
export async function spawnService(role: 'api' | 'worker', env: Record<string, string>): Promise<Service> {
  const spawned = spawnProgram(`${role}/main.ts`, { env: { HOST: '127.0.0.1', PORT: '0', ...env } });
  const ready = await message(spawned, 'ready');
  return { ...spawned, ready, url: typeof ready['url'] === 'string' ? ready['url'] : '' };
}

interface ProgramOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** In a process group of its own, which then can be signalled as a terminal does. */
  detached?: boolean;
}

/** Starts one of the project's programs with no environment but PATH, HOME and `env`. */
export function spawnProgram(file: string, options: ProgramOptions = {}): Spawned {
  const { PATH = '', HOME = '' } = process.env;
  const built = BUILT.test(file) ? `dist/${file.replace(/\.ts$/, '.js')}` : file;
  const child = fork(`${ROOT}${built}`, [], {
    cwd: options.cwd ?? ROOT,
    execArgv: built.endsWith('.ts') ? LOADER : [],
    env: { PATH, HOME, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: options.detached ?? false,
  });
  const [output, stderr] = [collect(child, ['stdout', 'stderr']), collect(child, ['stderr'])];
  const exited = new Promise<Exit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  const kill = (signal: NodeJS.Signals): void => void child.kill(signal);
  // A frozen process hears nothing, not even that its test is gone.
  const wake = (): void => kill('SIGCONT');
  process.once('exit', wake);
  void exited.then(() => process.off('exit', wake));
  return {
    pid: child.pid ?? 0,
    child,
    output,
    stderr,
    exited,
    kill,
    async stop() {
      kill('SIGTERM');
      const hardKill = setTimeout(kill, EXIT_LIMIT_MS, 'SIGKILL');
      return exited.finally(() => clearTimeout(hardKill));
    },
  };
}

/** The next IPC message of a type. */
export async function message(spawned: Spawned, type: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${why}:\n${spawned.output()}`));
    const timer = setTimeout(() => {
      spawned.kill('SIGKILL');
      fail(`no "${type}" message within ${READY_LIMIT_MS} ms`);
    }, READY_LIMIT_MS);
    spawned.child.on('message', (received: Record<string, unknown>) => {
      if (received['type'] !== type) return;
      clearTimeout(timer);
      resolve(received);
    });
    void spawned.exited.then(({ code, signal }) => {
      clearTimeout(timer);
      fail(`ended with ${code ?? signal} before it was ready`);
    });
  });
}

function collect(child: ChildProcess, streams: readonly ('stdout' | 'stderr')[]): () => string {
  let text = '';
  for (const name of streams) child[name]?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return () => text;
}
