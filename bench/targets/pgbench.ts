/** pgbench: what PostgreSQL itself does with one interactive transaction per transfer, without HTTP and without Node. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Person } from '../../tests/support/people.ts';
import { NotAvailable } from './target.ts';
import type { StartTarget } from './target.ts';

const SCRIPT = fileURLToPath(new URL('transfer.sql', import.meta.url));
/** Where Debian keeps the programs that it does not put on the PATH. */
const DEBIAN_FOLDER = '/usr/lib/postgresql';

export const startPgbench: StartTarget = async (servers) => {
  if (findPgbench() === undefined) throw new NotAvailable('no pgbench found');
  const databaseUrl = await servers.createDatabase('pgbench');
  return { databaseUrl, url: '', bankCookie: '', processes: {}, stop: () => Promise.resolve() };
};

/** Its file and version. */
export function findPgbench(): { file: string; version: string } | undefined {
  const files = ['pgbench', ...debianVersions().map((version) => `${DEBIAN_FOLDER}/${version}/bin/pgbench`)];
  for (const file of files) {
    const { status, stdout } = spawnSync(file, ['--version'], { encoding: 'utf8' });
    if (status === 0) return { file, version: stdout.trim() };
  }
  return undefined;
}

/** The newest first. */
function debianVersions(): string[] {
  try {
    return readdirSync(DEBIAN_FOLDER).sort((a, b) => Number(b) - Number(a));
  } catch {
    return [];
  }
}

export interface PgbenchResult {
  perSecond: number;
  transactions: number;
  failed: number;
  meanLatencyMs: number;
}

interface PgbenchRun {
  databaseUrl: string;
  people: readonly Person[];
  clients: number;
  seconds: number;
}

export async function runPgbench(run: PgbenchRun, onPid: (pid: number) => void): Promise<PgbenchResult> {
  const { databaseUrl, people, clients, seconds } = run;
  const [first, last] = [people[0]?.walletId ?? 0, people.at(-1)?.walletId ?? 0];
  const flags = ['-n', '-M', 'prepared', '-c', clients, '-j', 1, '-T', seconds, '-f', SCRIPT];
  const child = spawn(
    findPgbench()?.file ?? 'pgbench',
    [...flags, '-D', `first=${first}`, '-D', `people=${last - first + 1}`].map(String),
    { env: { ...process.env, ...connectionEnv(databaseUrl) }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  onPid(child.pid ?? 0);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  const read = (pattern: RegExp) => Number(pattern.exec(said)?.[1] ?? NaN);
  const result = {
    // It names no rate when it has not finished a single one.
    perSecond: read(/^tps = ([\d.]+)/m) || 0,
    transactions: read(/^number of transactions actually processed: (\d+)/m),
    failed: read(/^number of failed transactions: (\d+)/m),
    meanLatencyMs: read(/^latency average = ([\d.]+) ms/m) || 0,
  };
  if (code !== 0 || Number.isNaN(result.transactions)) throw new Error(`pgbench ended with ${code ?? '?'}:\n${said}`);
  return result;
}

/** In the environment, where no process list shows the password. */
function connectionEnv(databaseUrl: string): Record<string, string> {
  const { hostname, port, username, password, pathname } = new URL(databaseUrl);
  return {
    PGHOST: hostname,
    PGPORT: port,
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: pathname.slice(1),
  };
}
