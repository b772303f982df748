/** What the processes of the fleet have told of themselves: see shared/telemetry/sample.ts. */
import { samplesFrom } from '../../telemetry/difference.ts';
import type { Sample, StoredTotals } from '../../telemetry/sample.ts';
import type { Pool } from '../database/pool.ts';

/** How far before the first sample the row may lie that it is compared with. */
const LOOK_BACK_MS = 60_000;
/** A process that has not been heard for this long is gone, or cannot reach the database. */
const SILENCE_MS = 15_000;

const COLUMNS = `process, role, totals, (extract(epoch FROM at) * 1000)::float8 AS "atMs"`;

// The newest row of each process and step, and before the first of them one row to compare it with.
const READ = `
  SELECT * FROM (
    SELECT DISTINCT ON (process, step) ${COLUMNS}
    FROM (SELECT *, floor(extract(epoch FROM at) * 1000 / $2::float8) AS step FROM sample
          WHERE at > to_timestamp($1::float8 / 1000)) AS recent
    ORDER BY process, step, at DESC) AS stepped
  UNION ALL
  SELECT * FROM (
    SELECT DISTINCT ON (process) ${COLUMNS}
    FROM sample
    WHERE at <= to_timestamp($1::float8 / 1000) AND at > to_timestamp(($1::float8 - $3::float8) / 1000)
    ORDER BY process, at DESC) AS before
  ORDER BY "atMs", process`;

/**
 * The samples stored after `sinceMs`, oldest first. By the database's clock: give the `atMs` of the last sample you have
 * to get what is new. With `stepMs` at most one per process and step, which counts for the whole step. An hour is a few
 * thousand rows, so a chart reads its hour once, with a step of 15 s or more, and from then on only what is new.
 */
export async function readSamples(pool: Pool, sinceMs: number, stepMs = 1): Promise<Sample[]> {
  const { rows } = await pool.query<StoredTotals>(READ, [sinceMs, stepMs, LOOK_BACK_MS]);
  return samplesFrom(rows).filter(({ atMs }) => atMs > sinceMs);
}

/** The newest row of every process that lives, with what it has counted since it started. */
export async function readTotals(pool: Pool): Promise<StoredTotals[]> {
  const { rows } = await pool.query<StoredTotals>(
    `SELECT DISTINCT ON (process) ${COLUMNS} FROM sample
     WHERE at > statement_timestamp() - $1::float8 * interval '1 millisecond'
     ORDER BY process, at DESC`,
    [SILENCE_MS],
  );
  return rows;
}
