/** wrk (https://github.com/wg/wrk): the generator that costs least. `requests.lua` makes its requests. */
import { spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { REQUEST_LIMIT_MS } from './load.ts';
import type { Load, LoadResult } from './load.ts';
import { pathOf } from './requests.ts';

const SCRIPT = fileURLToPath(new URL('requests.lua', import.meta.url));
/** One sends several times what a service on the same two cores can answer; more would only take turns with it. */
const THREADS = 1;
/** Above this no seed is exact in Lua once a thread's number is added. */
const SEEDS = 1_000_000_000;

/** Its version, where it is installed. wrk prints it together with its usage. */
export function findWrk(): string | undefined {
  const { error, stdout } = spawnSync('wrk', ['-v'], { encoding: 'utf8' });
  return error ? undefined : (/^wrk \S+/m.exec(stdout)?.[0] ?? 'wrk');
}

export async function runWrk(load: Load, onPid: (pid: number) => void): Promise<LoadResult> {
  const { url, ask, connections, seconds, peopleFile } = load;
  const options = {
    ...{ path: pathOf(ask), cookie: '', to: '', items: '', isKeyed: false },
    ...ask,
  };
  const { kind, path, cookie, to, items, isKeyed } = options;
  const timeout = `${REQUEST_LIMIT_MS / 1000}s`;
  const flags = ['-t', THREADS, '-c', connections, '-d', `${seconds}s`, '--timeout', timeout, '-s', SCRIPT, url];
  const given = [kind, path, cookie, to, items, isKeyed, peopleFile, randomInt(SEEDS)];
  const child = spawn('wrk', [...flags, '--', ...given].map(String), { stdio: ['ignore', 'pipe', 'pipe'] });
  onPid(child.pid ?? 0);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  }
  await once(child, 'close');
  const line = /^RESULT (.*)$/m.exec(said)?.[1];
  if (line === undefined) throw new Error(`wrk ended without a result:\n${said}`);
  return JSON.parse(line) as LoadResult;
}
