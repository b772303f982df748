/** What processes tell of themselves, in PostgreSQL: written, thinned out, compared, and removed in time. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSamplePool } from '../../shared/store/database/pool.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { readSamples, readTotals } from '../../shared/store/fleet/readSamples.ts';
import { writeSample } from '../../shared/store/fleet/writeSample.ts';
import type { Totals } from '../../shared/telemetry/sample.ts';
import type { TestDatabase } from '../support/database.ts';
import { rowsRead } from '../support/rowsRead.ts';
import { createTestDatabase } from '../support/stores.ts';

let database: TestDatabase;
let pool: Pool;
/** A round minute, so that steps begin where a test expects them; samples are placed relative to it. */
let baseMs: number;

beforeEach(async () => {
  database = await createTestDatabase();
  pool = createSamplePool({ databaseUrl: database.url, role: 'test' });
  baseMs = Math.floor(Date.now() / 60_000) * 60_000 - 600_000;
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

const totals = (a_total: number): Totals => ({
  figures: { a_total, gauge: a_total },
  histograms: { h: { bounds: [1], counts: [a_total, 0], sum: a_total, count: a_total } },
});
/** A row as it was written `seconds` after `baseMs`. */
const place = (process: string, seconds: number, counted: number, role = 'api') =>
  pool.query('INSERT INTO sample (at, process, role, totals) VALUES (to_timestamp($1::float8 / 1000), $2, $3, $4)', [
    ...[baseMs + seconds * 1_000, process, role, totals(counted)],
  ]);
const read = async (sinceSeconds: number, stepMs?: number) => {
  const samples = await readSamples(pool, baseMs + sinceSeconds * 1_000, stepMs);
  return samples.map(({ process, atMs, forMs, figures }) => [
    ...[process, (atMs - baseMs) / 1_000, forMs / 1_000, figures['a_total']],
  ]);
};
const count = async () =>
  Number((await pool.query<{ n: string }>('SELECT count(*)::text AS n FROM sample')).rows[0]?.n);

describe('samples', () => {
  test('are what happened between two rows of a process, oldest first', async () => {
    await place('p', 0, 10);
    await place('q', 2, 100);
    await place('p', 5, 13);
    await place('q', 7, 101);
    await place('p', 10, 13);
    expect(await read(-1)).toEqual([
      ['p', 5, 5, 3],
      ['q', 7, 5, 1],
      ['p', 10, 5, 0],
    ]);
    const [first] = await readSamples(pool, baseMs - 1);
    expect(first).toEqual({
      ...{ process: 'p', role: 'api', atMs: baseMs + 5_000, forMs: 5_000 },
      figures: { a_total: 3, gauge: 13 },
      histograms: { h: { bounds: [1], counts: [3, 0], sum: 3, count: 3 } },
    });
  });

  test('after a moment are compared with the last row before it, and that row is not among them', async () => {
    for (const [seconds, counted] of [
      [0, 1],
      [5, 2],
      [10, 4],
      [15, 8],
    ] as const) {
      await place('p', seconds, counted);
    }
    expect(await read(10)).toEqual([['p', 15, 5, 4]]);
    expect(await read(9.999)).toEqual([
      ['p', 10, 5, 2],
      ['p', 15, 5, 4],
    ]);
    expect(await read(15)).toEqual([]);
  });

  test('with a step are one per process and step, and together count everything', async () => {
    for (let seconds = 0; seconds <= 60; seconds += 5) await place('p', seconds, seconds);
    for (let seconds = 1; seconds <= 61; seconds += 5) await place('q', seconds, 2 * seconds);
    const samples = await read(0, 30_000);
    expect(samples).toEqual([
      ['p', 25, 25, 25],
      ['p', 55, 30, 30],
      ['q', 56, 30, 60],
      ['p', 60, 5, 5],
      ['q', 61, 5, 10],
    ]);
  });

  test('of a process that fell silent for long begin anew', async () => {
    await place('p', 0, 1);
    await place('p', 300, 1_000);
    await place('p', 305, 1_001);
    expect(await read(200)).toEqual([['p', 305, 5, 1]]);
  });
});

describe('the newest totals', () => {
  test('are those of every process that was heard lately', async () => {
    await place('silent', 0, 1);
    await pool.query(
      `INSERT INTO sample (at, process, role, totals)
       VALUES (clock_timestamp() - interval '5 s', 'p', 'worker', $1)`,
      [totals(1)],
    );
    await writeSample(pool, { process: 'p', role: 'worker', totals: totals(2) });
    await writeSample(pool, { process: 'q', role: 'api', totals: totals(3) });
    const stored = await readTotals(pool);
    expect(stored.map(({ process, role, totals: { figures } }) => [process, role, figures['a_total']])).toEqual([
      ['p', 'worker', 2],
      ['q', 'api', 3],
    ]);
    expect(Math.abs(stored[0]!.atMs - Date.now())).toBeLessThan(10_000);
  });
});

describe('what is too old', () => {
  beforeEach(async () => {
    await pool.query(
      `INSERT INTO sample (at, process, role, totals)
       SELECT clock_timestamp() - interval '76 minutes' - n * interval '1 second', 'old', 'api', '{}'
       FROM generate_series(1, 50) AS n`,
    );
    await pool.query(
      `INSERT INTO sample (at, process, role, totals)
       VALUES (clock_timestamp() - interval '74 minutes', 'young', 'api', '{}')`,
    );
  });
  let written = 0;
  const write = () => writeSample(pool, { process: `p${(written += 1)}`, role: 'api', totals: totals(1) });

  test('is removed by those who write, a few rows at a time and the oldest first', async () => {
    await write();
    expect(await count()).toBe(51 - 20 + 1);
    const { rows } = await pool.query<{ age: number }>(
      `SELECT (extract(epoch FROM clock_timestamp() - min(at)) / 60)::int AS age FROM sample`,
    );
    expect(rows).toEqual([{ age: 77 }]);
    await write();
    await write();
    await write();
    expect(await count()).toBe(1 + 4);
  });

  test('is left to the one who is at it: nobody waits', async () => {
    const other = createSamplePool({ databaseUrl: database.url, role: 'test' });
    const client = await other.connect();
    await client.query('BEGIN');
    await client.query('SELECT FROM sample FOR UPDATE');
    await write();
    expect(await count()).toBe(52);
    await client.query('ROLLBACK');
    client.release();
    await other.end();
  });
});

test('of the samples of a large fleet a write and the newest totals go through none that they do not touch', async () => {
  await pool.query(
    `INSERT INTO sample (at, process, role, totals)
     SELECT statement_timestamp() - interval '1 minute' - n * interval '1 second', 'p' || m, 'api', '{}'
     FROM generate_series(1, 400) AS n, generate_series(1, 10) AS m`,
  );
  const write = (on: Pool) => writeSample(on, { process: 'p', role: 'api', totals: totals(1) });
  expect(await rowsRead(pool, 'sample', write)).toBeLessThan(50);
  expect(await rowsRead(pool, 'sample', readTotals)).toBeLessThan(50);
});
