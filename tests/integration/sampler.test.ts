/** Every process writes its samples, one of them counts for the fleet, and nothing that fails on the way is of account. */
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSamplePool } from '../../shared/store/database/pool.ts';
import { readSamples } from '../../shared/store/fleet/readSamples.ts';
import { createCounter } from '../../shared/telemetry/catalogue.ts';
import { watchProcess } from '../../shared/telemetry/processMetrics.ts';
import { startSampler } from '../../shared/telemetry/sampler.ts';
import type { Sampler } from '../../shared/telemetry/sampler.ts';
import { query } from '../support/inspect.ts';
import { openRequestPool } from '../support/pools.ts';
import type { TestDatabase } from '../support/database.ts';
import { createTestDatabase } from '../support/stores.ts';
import { startTcpProxy } from '../support/tcpProxy.ts';
import type { TcpProxy } from '../support/tcpProxy.ts';
import { until } from '../support/waiting.ts';

const PERIOD_MS = 100;
/** The fleet's figures of these tests say who counted them. */
const COUNTED_BY = 'saldo_pending_operations';

let database: TestDatabase;
let stops: (() => Promise<unknown>)[];

beforeEach(async () => {
  database = await createTestDatabase();
  stops = [];
});
afterEach(async () => {
  await Promise.all(stops.map((stop) => stop()));
  await database.drop();
});

interface Process extends Sampler {
  proxy: TcpProxy;
  /** Counts one operation. */
  work: () => void;
  /** How often it was asked to count for the fleet. */
  counted: () => number;
}

/** A process with a number, whose way to the database can be cut. */
async function startProcess(number: number): Promise<Process> {
  const url = new URL(database.url);
  const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  url.host = `127.0.0.1:${proxy.port}`;
  const registry = new Registry();
  const operations = createCounter(registry, 'saldo_operations_total');
  let counted = 0;
  const pool = createSamplePool({ databaseUrl: url.href, role: 'test' });
  const sampler = startSampler({
    ...{ pool, role: 'worker', registry, periodMs: PERIOD_MS },
    processMetrics: watchProcess(registry, {
      pools: { sample: pool, none: undefined },
      dependencies: { database: { isAway: () => false }, queue: { isAway: () => true } },
    }),
    countFleet: () => {
      counted += 1;
      return Promise.resolve({ [COUNTED_BY]: number });
    },
  });
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    await sampler.stop();
    await proxy.close();
  };
  stops.push(stop);
  return { stop, proxy, work: () => operations.inc({ outcome: 'applied' }), counted: () => counted };
}

/** Who has counted for the fleet in the newest row that says so. */
async function counter(): Promise<number | undefined> {
  const [row] = await query<{ by: number }>(
    database.url,
    `SELECT (totals->'figures'->>'${COUNTED_BY}')::int AS by FROM sample
     WHERE totals->'figures' ? '${COUNTED_BY}' ORDER BY at DESC LIMIT 1`,
  );
  return row?.by;
}
const rows = async () =>
  Number((await query<{ n: number }>(database.url, 'SELECT count(*)::int AS n FROM sample'))[0]?.n);

describe('a process', () => {
  test('tells of itself again and again, what it counted in between and how it is', async () => {
    const { work } = await startProcess(1);
    await until('the first row is there', async () => (await rows()) > 0);
    work();
    work();
    const pool = openRequestPool(database.url);
    stops.push(() => pool.end());
    const samples = await until('the work is told of', async () => {
      const read = await readSamples(pool, 0);
      return read.some(({ figures }) => figures['saldo_operations_total{outcome="applied"}'] === 2) && read;
    });
    const { process: name, role, figures } = samples.at(-1)!;
    expect(name).toContain(`-${process.pid}-`);
    expect(role).toBe('worker');
    expect(figures).toMatchObject({
      'saldo_dependency_up{dependency="database"}': 1,
      'saldo_dependency_up{dependency="queue"}': 0,
      'saldo_pool_connections{pool="sample",state="busy"}': 0,
      'saldo_pool_connections{pool="sample",state="idle"}': 1,
      'saldo_pool_waiting{pool="sample"}': 0,
    });
    expect(figures['saldo_resident_memory_bytes']).toBeGreaterThan(1e7);
    expect(figures['saldo_event_loop_lag_seconds{quantile="1"}']).toBeLessThan(5);
    expect(figures['saldo_event_loop_utilization_ratio']).toBeLessThanOrEqual(1);
    const cpuSeconds = samples.reduce((sum, each) => sum + (each.figures['saldo_cpu_seconds_total'] ?? 0), 0);
    expect(cpuSeconds).toBeGreaterThan(0);
    expect(cpuSeconds).toBeLessThan(60);
  });

  test('that cannot reach the database goes on, and its next row has what was counted meanwhile', async () => {
    const { work, proxy } = await startProcess(1);
    await until('two rows are there', async () => (await rows()) >= 2);
    await proxy.cut();
    const before = await rows();
    work();
    await proxy.restore();
    await until('it writes again', async () => (await rows()) > before);
    const pool = openRequestPool(database.url);
    stops.push(() => pool.end());
    const samples = await readSamples(pool, 0);
    const applied = samples.map(({ figures }) => figures['saldo_operations_total{outcome="applied"}'] ?? 0);
    expect(applied.reduce((sum, each) => sum + each, 0)).toBe(1);
  });

  test('whose database hangs is stopped all the same, in time', async () => {
    const { proxy, stop } = await startProcess(1);
    await until('a row is there', async () => (await rows()) > 0);
    proxy.freeze();
    const startedMs = performance.now();
    await stop();
    expect(performance.now() - startedMs).toBeLessThan(4_000);
  });
});

describe('for the fleet', () => {
  test('one of several counts, and another when it has stopped', async () => {
    const processes = [await startProcess(0), await startProcess(1), await startProcess(2)];
    const first = await until('somebody counts', counter);
    await until('all have written for a while', async () => (await rows()) > 15);
    expect(processes.map((each, number) => each.counted() > 0 && number !== first)).toEqual([false, false, false]);
    await processes[first]!.stop();
    await until('another counts', async () => (await counter()) !== first);
  });

  test('another counts when the session of the one that did was ended', async () => {
    const processes = [await startProcess(0), await startProcess(1)];
    const first = await until('somebody counts', counter);
    const other = processes[1 - first]!;
    await processes[first]!.proxy.cut();
    await until('the other counts', () => other.counted() > 0);
  });
});
