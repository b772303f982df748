/**
 * Stores what a process tells of itself, and removes what is too old to be looked at: a few rows at a time, so that every
 * write is short and the table stays as long as it is meant to be, whoever writes.
 */
import { SAMPLE_KEPT_MS } from '../../telemetry/sample.ts';
import type { SampleRole, Totals } from '../../telemetry/sample.ts';
import type { Pool } from '../database/pool.ts';

/** A writer adds one row and may remove this many: what a stopped process left behind goes too. */
const MAX_REMOVED = 20;

// Rows that another writer is removing are left to it.
const WRITE = `
  WITH removed AS (
    DELETE FROM sample WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM sample WHERE at < statement_timestamp() - $4::float8 * interval '1 millisecond'
      ORDER BY at LIMIT $5 FOR UPDATE SKIP LOCKED)))
  INSERT INTO sample (at, process, role, totals) VALUES (clock_timestamp(), $1, $2, $3::jsonb)`;

export async function writeSample(
  pool: Pool,
  sample: { process: string; role: SampleRole; totals: Totals },
): Promise<void> {
  const { process, role, totals } = sample;
  await pool.query(WRITE, [process, role, JSON.stringify(totals), SAMPLE_KEPT_MS, MAX_REMOVED]);
}
