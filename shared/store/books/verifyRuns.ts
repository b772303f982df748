/**
 * `verify_run`: the runs of the auditor that operators have started. At most one at a time in the whole fleet, which a
 * session advisory lock sees to: a row says `running` and whoever runs it holds the lock.
 *
 *     running ──┬─ through ──▶ sound | not_sound, with the report
 *               ├─ could not be finished ──▶ failed, with why
 *               └─ its process stopped, died or froze, and with it went the lock ──▶ interrupted
 *
 * A process that stops says so itself. What a dead one left behind, the next one that looks finds: a row that is
 * running while nobody holds the lock.
 */
import type pg from 'pg';
import { ADVISORY_LOCKS } from '../database/advisoryLocks.ts';
import type { Pool, PrismaClient } from '../database/pool.ts';
import type { BooksReport } from './verifyBooks.ts';

/** PostgreSQL ends the session, and frees the lock, of a process that has not been heard for this long. */
const SILENCE_MS = 30_000;

/** What became of a run. */
export type RunEnd =
  | { state: 'sound' | 'not_sound'; report: BooksReport }
  | { state: 'failed'; failure: string }
  | { state: 'interrupted' };

export interface VerifyRunView {
  id: bigint;
  state: 'running' | RunEnd['state'];
  startedBy: { id: bigint; email: string };
  startedAt: Date;
  endedAt: Date | null;
  rowsDone: number;
  /** Null until they are counted. */
  rowsTotal: number | null;
  failure: string | null;
}

/** The report as it is stored: times are ISO 8601 text. */
export type StoredReport = Omit<BooksReport, 'takenAt'> & { takenAt: string };

/**
 * Takes the lock for the session of `client`, which must then be heard every few seconds, and opens a run. Undefined
 * when another process is at it.
 */
export async function beginRun(client: pg.Client, operatorId: bigint): Promise<bigint | undefined> {
  await client.query(`SET idle_session_timeout = ${SILENCE_MS}`);
  const locked = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [
    ADVISORY_LOCKS.verification,
  ]);
  if (!locked.rows[0]?.held) return undefined;
  await client.query(INTERRUPT_RUNNING);
  const { rows } = await client.query<{ id: string }>('INSERT INTO verify_run (started_by) VALUES ($1) RETURNING id', [
    operatorId,
  ]);
  return rows[0] && BigInt(rows[0].id);
}

export async function reportProgress(
  client: pg.Client,
  runId: bigint,
  { done, total }: { done: number; total: number | null },
): Promise<void> {
  await client.query('UPDATE verify_run SET rows_done = $2, rows_total = $3 WHERE id = $1', [runId, done, total]);
}

export async function endRun(client: pg.Client, runId: bigint, end: RunEnd): Promise<void> {
  await client.query(
    `UPDATE verify_run SET state = $2, report = $3, failure = $4, ended_at = clock_timestamp() WHERE id = $1`,
    [runId, end.state, 'report' in end ? JSON.stringify(end.report) : null, 'failure' in end ? end.failure : null],
  );
}

const INTERRUPT_RUNNING = `UPDATE verify_run SET state = 'interrupted', ended_at = clock_timestamp() WHERE state = 'running'`;

/** Marks the runs that nobody is at any more. The lock of this one statement keeps a new run from beginning meanwhile. */
export async function interruptAbandoned(pool: Pool): Promise<void> {
  await pool.query(
    `WITH free AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($1) AS held)
     ${INTERRUPT_RUNNING} AND (SELECT held FROM free)`,
    [ADVISORY_LOCKS.verification],
  );
}

/** The newest first. */
export async function readRuns(prisma: PrismaClient, limit: number): Promise<VerifyRunView[]> {
  const rows = await prisma.verifyRun.findMany({
    omit: { report: true },
    include: { operator: { select: { id: true, email: true } } },
    orderBy: { id: 'desc' },
    take: limit,
  });
  return rows.map(({ id, state, operator, startedAt, endedAt, rowsDone, rowsTotal, failure }) => ({
    ...{ id, startedBy: operator, startedAt, endedAt, failure },
    state: state as VerifyRunView['state'],
    rowsDone: Number(rowsDone),
    rowsTotal: rowsTotal === null ? null : Number(rowsTotal),
  }));
}

export interface Verdict {
  runId: bigint;
  isSound: boolean;
  endedAt: Date;
}

/** What the last run that came through has found. */
export async function readVerdict(prisma: PrismaClient): Promise<Verdict | undefined> {
  const found = await prisma.verifyRun.findFirst({
    where: { state: { in: ['sound', 'not_sound'] } },
    select: { id: true, state: true, endedAt: true },
    orderBy: { id: 'desc' },
  });
  if (!found?.endedAt) return undefined;
  return { runId: found.id, isSound: found.state === 'sound', endedAt: found.endedAt };
}

export async function readReport(prisma: PrismaClient, runId: bigint): Promise<StoredReport | undefined> {
  const found = await prisma.verifyRun.findUnique({ where: { id: runId }, select: { report: true } });
  return (found?.report ?? undefined) as StoredReport | undefined;
}
