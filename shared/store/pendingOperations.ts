/**
 * `pending_operation`: what a 202 has promised. A row is committed before the client hears of the promise, is swept
 * into the queue until its operation has an outcome, and then leaves.
 */
import { partitionOf } from '../ledger/command.ts';
import type { Command } from '../ledger/command.ts';
import { toWire } from '../queue/contracts.ts';
import { AWAIT_DECISIONS, contested } from './decisionLock.ts';
import type { Pool } from './pool.ts';

/** When the sweep first looks after a command that has left for the queue: by then the queue has usually done it. */
export const FIRST_SWEEP_MS = 30_000;
/** The longest pause between two attempts of the sweep: they double up to this. */
const MAX_SWEEP_PAUSE_MS = 600_000;

interface Promised {
  command: Command;
  /** From now; 0 for a command that never left this process, so that only the sweep can bring it in. */
  dueInMs: number;
}

const INSERT_PENDING = {
  name: 'insert-pending',
  text: `INSERT INTO pending_operation (id, partition, command, request_hash, next_attempt_at)
         SELECT id, partition, command, decode(hash, 'hex'), clock_timestamp() + due_ms * interval '1 millisecond'
         FROM unnest($1::uuid[], $2::int[], $3::jsonb[], $4::text[], $5::int[]) AS t(id, partition, command, hash, due_ms)
         WHERE NOT EXISTS (SELECT FROM operation o WHERE o.id = t.id)
           AND NOT EXISTS (SELECT FROM pending_operation p WHERE p.id = t.id)
         ORDER BY id
         LIMIT greatest(0, $6::int - (SELECT count(*) FROM pending_operation))
         ON CONFLICT (id) DO NOTHING`,
};

// The sweep may be at the same rows: whoever is first removes them, and nobody waits.
const CLEAR_DECIDED = {
  name: 'clear-decided',
  text: `DELETE FROM pending_operation WHERE id IN (
           SELECT p.id FROM pending_operation p JOIN operation o ON o.id = p.id WHERE p.id = ANY($1::uuid[])
           FOR UPDATE OF p SKIP LOCKED)`,
};

/**
 * Commits the promises together, as many of them as the bound of `maxPending` rows leaves room for. A row that is
 * already there stays as it is. Whether a promise stands is read afterwards, by `readOutcomes`; one that waited for the
 * decision on another body (`decisionLock.ts`) does not, and leaves at once, for nobody was told of it. Several API
 * processes that insert at the same instant may pass the bound by one batch each.
 */
export async function insertPending(
  pool: Pool,
  promised: readonly Promised[],
  options: { partitions: number; maxPending: number },
): Promise<void> {
  await pool.query({
    ...INSERT_PENDING,
    values: [
      promised.map(({ command }) => command.id),
      promised.map(({ command }) => partitionOf(command, options.partitions)),
      promised.map(({ command }) => JSON.stringify(toWire(command))),
      promised.map(({ command }) => command.requestHash),
      promised.map(({ dueInMs }) => dueInMs),
      options.maxPending,
    ],
  });
  const keyedIds = contested(promised.map(({ command }) => command)).map(({ id }) => id);
  if (keyedIds.length === 0) return;
  await pool.query({ ...AWAIT_DECISIONS, values: [keyedIds] });
  await pool.query({ ...CLEAR_DECIDED, values: [keyedIds] });
}

export async function countPending(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: bigint }>('SELECT count(*) FROM pending_operation');
  return Number(rows[0]?.count ?? 0n);
}

const CLEAR_KEPT = {
  name: 'clear-kept',
  text: `DELETE FROM pending_operation p USING operation o
         WHERE o.id = p.id AND p.id IN (
           SELECT id FROM pending_operation WHERE partition = $1 AND next_attempt_at <= clock_timestamp()
           ORDER BY next_attempt_at LIMIT $2)`,
};

/**
 * Removes those of a partition's due promises that were kept before they were made: the worker removes the others as it
 * keeps them.
 */
export async function clearKept(pool: Pool, partition: number, limit: number): Promise<void> {
  await pool.query({ ...CLEAR_KEPT, values: [partition, limit] });
}

const CLAIM_DUE = {
  name: 'claim-due',
  text: `UPDATE pending_operation p
         SET attempts = p.attempts + 1,
             next_attempt_at = clock_timestamp() + least($3::float8 * 2 ^ least(p.attempts, 20), $4::float8) * interval '1 millisecond'
         WHERE p.id IN (
           SELECT id FROM pending_operation WHERE partition = $1 AND next_attempt_at <= clock_timestamp()
           ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING p.id, p.command`,
};

/** Takes up to `limit` promises of a partition that are due, and puts their next attempt off: 30 s, then doubling. */
export async function claimDue(
  pool: Pool,
  partition: number,
  limit: number,
): Promise<{ id: string; command: unknown }[]> {
  const { rows } = await pool.query<{ id: string; command: unknown }>({
    ...CLAIM_DUE,
    values: [partition, limit, FIRST_SWEEP_MS, MAX_SWEEP_PAUSE_MS],
  });
  return rows;
}

/** The partitions that have a promise due now. */
export async function duePartitions(pool: Pool): Promise<number[]> {
  const { rows } = await pool.query<{ partition: number }>(
    'SELECT DISTINCT partition FROM pending_operation WHERE next_attempt_at <= clock_timestamp()',
  );
  return rows.map((row) => row.partition);
}
