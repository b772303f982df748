/**
 * The bench, kept short: that it measures real services from start to end, and that a figure does not count when the
 * books are off, when what was answered is not in them, or when waiting was left out of it.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { runBench } from '../../bench/bench.ts';
import type { BenchPlan, BenchResult } from '../../bench/bench.ts';
import type { HarmFigures } from '../../bench/harm/measure.ts';
import { runOpenLoop } from '../../bench/load/openLoop.ts';
import { writePeople } from '../../bench/load/peopleFile.ts';
import { AUTOCANNON, chooseLoadRunner } from '../../bench/load/runLoad.ts';
import type { LoadRunner } from '../../bench/load/runLoad.ts';
import { failures, runsOf } from '../../bench/report/report.ts';
import { readResult } from '../../bench/report/results.ts';
import { selectRows } from '../../bench/rows.ts';
import { startServers } from '../../bench/servers/servers.ts';
import type { Servers } from '../../bench/servers/servers.ts';
import { startLocks } from '../../bench/targets/baselines.ts';
import { NotAvailable } from '../../bench/targets/target.ts';
import type { StartTarget } from '../../bench/targets/target.ts';
import { run } from '../support/database.ts';

const LIMIT_MS = 120_000;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'saldo-bench-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** `npm run bench -- …` as a person runs it. */
function bench(...args: string[]): Promise<{ status: number; said: string }> {
  return runProgram('bench/main.ts', args);
}

function runProgram(file: string, args: readonly string[]): Promise<{ status: number; said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', file, ...args], (error, stdout, stderr) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, said: stdout + stderr });
    });
  });
}

test(
  'a run over both the service and a baseline ends well, tells its figures and writes them down',
  async () => {
    const out = path.join(folder, 'latest.json');
    const rows = ['embedded-32', 'locks-32'];
    const { status, said } = await bench('--quick', '--seconds', '1', '--only', rows.join(','), '--out', out);
    expect(said).toMatch(/^saldo, embedded queue +32 +[\d,.]+ /m);
    expect(said).toMatch(/^locks: .*the books are sound/m);
    expect(status).toBe(0);
    const result = (await readResult(out)) as BenchResult;
    expect(result.rows.map(({ id }) => id)).toEqual(rows);
    for (const { measured } of result.rows) {
      expect(measured).toHaveLength(1);
      expect(measured[0]!.done).toBeGreaterThan(0);
      expect(measured[0]!.statuses).toEqual({ 200: measured[0]!.done });
      expect(measured[0]!.usage['api']!.memoryMb.peak).toBeGreaterThan(20);
    }
  },
  LIMIT_MS,
);

test(
  'payments beside a customer who is refused all the time are measured alone and under it, and the books checked',
  async () => {
    const out = path.join(folder, 'harm.json');
    const args = ['--rounds', '1', '--seconds', '1', '--rate', '20', '--only', 'overdraw-16', '--out', out];
    const { status, said } = await runProgram('bench/harm/main.ts', args);
    expect(said).toMatch(/^one customer without money: payments +16 +payments /m);
    expect(said).toMatch(/^saldo: .*the books are sound/m);
    expect(status).toBe(0);
    const { rows } = (await readResult(out)) as { rows: HarmFigures[] };
    const { alone, harmed, harm } = rows[0]!;
    expect(rows).toHaveLength(1);
    for (const { done } of [...alone, ...harmed]) expect(done).toBeGreaterThan(0);
    expect(harm[0]!.statuses['422']).toBeGreaterThan(0);
  },
  LIMIT_MS,
);

test('a row that does not exist is refused with the usage', async () => {
  const { status, said } = await bench('--only', 'nonsense');
  expect(said).toContain('there is nothing called nonsense\nUsage: npm run bench');
  expect(status).toBe(2);
});

describe('a target that is not what it seems', () => {
  let servers: Servers;

  beforeAll(async () => {
    servers = await startServers();
  }, LIMIT_MS);
  afterAll(() => servers.stop());

  /** Measures one row on `start` instead of on the target that it names. */
  async function benchOn(start: StartTarget, loadRunner: LoadRunner): Promise<BenchResult> {
    const none: StartTarget = () => Promise.reject(new NotAvailable('not asked'));
    const starters = { saldo: none, embedded: none, locks: start, 'one-worker': none, pgbench: none };
    const times = { rounds: 1, seconds: 1, warmUpSeconds: 1, steadySeconds: 0 };
    const plan: BenchPlan = { rows: selectRows(['locks-32']), starters, ...times };
    const { signal } = new AbortController();
    return runBench(plan, { servers, loadRunner, signal, onProgress: () => undefined });
  }

  test(
    'books that are off by a kopeck fail the bench and are named',
    async () => {
      const crooked: StartTarget = async (given) => {
        const target = await startLocks()(given);
        const { walletId } = given.people[0]!;
        const stop = async () => {
          await target.stop();
          await run(target.databaseUrl, `UPDATE wallet SET balance = balance + 1 WHERE id = ${walletId}`);
        };
        return { ...target, stop };
      };
      const result = await benchOn(crooked, chooseLoadRunner());
      expect(failures(result.books, runsOf(result))).toEqual(['The books of locks are not sound.']);
      const broken = result.books[0]!.findings.map((finding) => finding.split(':', 1)[0]);
      expect(broken).toEqual(['currency-sum', 'wallet-balance']);
    },
    LIMIT_MS,
  );

  test(
    'a server that answers 200 and does nothing fails the bench, whichever generator asks it',
    async () => {
      const url = await serve((req, res) => {
        req.resume().on('end', () => res.end('{"status":"OK"}'));
      });
      let databases = 0;
      const idle: StartTarget = async (given) => {
        const databaseUrl = await given.createDatabase(`idle_${databases++}`);
        return { databaseUrl, url, bankCookie: '', processes: {}, stop: () => Promise.resolve() };
      };
      for (const loadRunner of [chooseLoadRunner(), AUTOCANNON]) {
        const result = await benchOn(idle, loadRunner);
        expect(result.rows[0]!.measured[0]!.done).toBeGreaterThan(0);
        expect(result.books[0]!.findings).toEqual([expect.stringMatching(/^\d+ were answered as done, 0 are in the/)]);
        expect(failures(result.books, runsOf(result))).toEqual(['The books of locks are not sound.']);
      }
    },
    LIMIT_MS,
  );
});

test(
  'at a fixed rate of arrivals a stall shows in the latency of everything that was due meanwhile',
  async () => {
    const [stallAtMs, stallMs] = [3_500, 800];
    let firstMs: number | undefined;
    const url = await serve((_req, res) => {
      firstMs ??= performance.now();
      const sinceMs = performance.now() - firstMs;
      const isStalled = sinceMs > stallAtMs && sinceMs < stallAtMs + stallMs;
      setTimeout(() => res.end('{}'), isStalled ? stallAtMs + stallMs - sinceMs : 0);
    });
    const peopleFile = path.join(folder, 'nobody');
    await writePeople(peopleFile, []);
    const ask = { kind: 'get', path: '/' } as const;
    // A single connection: what waits for it waits before it can even be sent.
    const load = { url, ask, peopleFile, connections: 1, seconds: 2, perSecond: 100 };
    const { done, latencyMs } = await runOpenLoop(load, () => undefined);
    expect(done).toBe(500);
    expect(latencyMs.max).toBeGreaterThan(stallMs / 2);
    // Of two seconds that count, 0.8 were stalled: a quarter of all has waited for at least a quarter of that.
    expect(latencyMs.p90).toBeGreaterThan(stallMs / 4);
  },
  LIMIT_MS,
);

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
