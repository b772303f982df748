/** One measurement: one target under one load, and what every process involved took meanwhile. */
import { runOpenLoop } from './load/openLoop.ts';
import type { Ask, LatencyMs, LoadResult } from './load/load.ts';
import type { LoadRunner } from './load/runLoad.ts';
import { startMonitor } from './monitor.ts';
import type { Usage } from './monitor.ts';
import { untilQuiet } from './quiet.ts';
import type { Row } from './rows.ts';
import type { Servers } from './servers/servers.ts';
import { runPgbench } from './targets/pgbench.ts';
import type { Target } from './targets/target.ts';

export interface Measured {
  /** Done, by the answers. */
  perSecond: number;
  done: number;
  /** Those of them that must be in the books: a look at something moves no money. */
  moved: number;
  statuses: Record<string, number>;
  failed: number;
  /** pgbench tells only the mean, which stands in for the median here. */
  latencyMs: Partial<LatencyMs>;
  usage: Record<string, Usage>;
}

export interface MeasureDeps {
  servers: Servers;
  loadRunner: LoadRunner;
}

export async function measureRow(
  deps: MeasureDeps,
  row: Pick<Row, 'connections' | 'ask'>,
  target: Target,
  seconds: number,
): Promise<Measured> {
  const { servers, loadRunner } = deps;
  const { connections } = row;
  const ask = row.ask?.(target, servers.people);
  return watched(servers, target, async (onPid) => {
    if (!ask) {
      const run = { databaseUrl: target.databaseUrl, people: servers.people, clients: connections, seconds };
      const { perSecond, transactions, failed, meanLatencyMs } = await runPgbench(run, onPid);
      const latencyMs = { p50: meanLatencyMs };
      return { perSecond, done: transactions, moved: transactions, statuses: {}, failed, latencyMs };
    }
    const { peopleFile } = servers;
    return toFigures(ask, await loadRunner.run({ url: target.url, ask, connections, seconds, peopleFile }, onPid));
  });
}

/** Enough that none of them waits for a free one at half load; what waits all the same is counted as waiting. */
const STEADY_CONNECTIONS = 512;

/** Transfers that arrive at a fixed rate, whatever becomes of the ones before. */
export async function measureSteady(
  { servers }: MeasureDeps,
  target: Target,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<Measured> {
  const ask: Ask = { kind: 'transfer', isKeyed: false };
  const { peopleFile } = servers;
  const load = { url: target.url, ask, connections: STEADY_CONNECTIONS, perSecond, seconds, peopleFile };
  return watched(servers, target, async (onPid) => toFigures(ask, await runOpenLoop(load, onPid)));
}

type Figures = Omit<Measured, 'usage'>;

function toFigures(ask: Ask, { done, tookMs, statuses, failed, latencyMs }: LoadResult): Figures {
  const moved = ask.kind === 'get' ? 0 : done;
  return { perSecond: (done * 1000) / tookMs, done, moved, statuses, failed, latencyMs };
}

async function watched(
  { postgres, redis }: Servers,
  target: Target,
  run: (onPid: (pid: number) => void) => Promise<Figures>,
): Promise<Measured> {
  await postgres.checkpoint();
  const pids = { ...target.processes, postgres: postgres.pid, ...(redis && { redis: redis.pid }) };
  const monitor = startMonitor(pids, ['postgres']);
  try {
    const figures = await run((pid) => monitor.add('load', pid));
    return { ...figures, usage: await monitor.stop() };
  } finally {
    await monitor.stop();
    await untilQuiet(target.databaseUrl);
  }
}
