/**
 * `pending_operation`: what a 202 has promised. A row is committed before the client hears of the promise, is swept
 * into the queue until its operation has an outcome, and then leaves. What is due is asked by `statement_timestamp()`:
 * `clock_timestamp()` is another one for each row, so an index cannot be searched for it.
 */
import type { Command } from '../../ledger/command.ts';
import { partitionOf } from '../../ledger/kinds.ts';
import { toWire } from '../../queue/contracts.ts';
import { contested } from './decisionLock.ts';
import type { Pool } from '../database/pool.ts';

/** When the sweep first looks after a command that has left for the queue: by then the queue has usually done it. */
export const FIRST_SWEEP_MS = 30_000;
/** The longest pause between two attempts of the sweep: they double up to this. */
const MAX_SWEEP_PAUSE_MS = 600_000;

export interface Promised {
  command: Command;
  /** From now; 0 for a command that never left this process, so that only the sweep can bring it in. */
  dueInMs: number;
}

export interface PromiseRoom {
  partitions: number;
  /** How many there may be now. */
  room: number;
}

const INSERT_PROMISES = {
  name: 'insert-promises',
  text: `SELECT refused_id, reason
         FROM insert_promises($1::uuid[], $2::uuid[], $3::int[], $4::jsonb[], $5::text[], $6::int[], $7::bigint[], $8)`,
};

/**
 * Why a promise was not made: its id is being decided at this moment (`decisionLock.ts`), so that there may be an outcome
 * at once, or its command is so old that it would be found expired.
 */
export type PromiseRefusal = 'deciding' | 'expired';

/**
 * Commits the promises together, as many of them as there is room for, and answers which it refused, by id. A row that is already there stays as it is. Whether a promise stands is read afterwards, by
 * `readOutcomes`.
 */
export async function insertPending(
  pool: Pool,
  promised: readonly Promised[],
  options: PromiseRoom,
): Promise<Map<string, PromiseRefusal>> {
  const { rows } = await pool.query<{ refused_id: string; reason: PromiseRefusal }>({
    ...INSERT_PROMISES,
    values: [...toColumns(promised, options.partitions), options.room],
  });
  return new Map(rows.map(({ refused_id: id, reason }) => [id, reason]));
}

/** What `insert_promises` is given, in its order. */
export function toColumns(promised: readonly Promised[], partitions: number): unknown[][] {
  const commands = promised.map(({ command }) => command);
  return [
    contested(commands).map(({ id }) => id),
    commands.map(({ id }) => id),
    commands.map((command) => partitionOf(command, partitions)),
    commands.map((command) => JSON.stringify(toWire(command))),
    commands.map(({ requestHash }) => requestHash),
    promised.map(({ dueInMs }) => dueInMs),
    commands.map(({ expiresAtMs }) => expiresAtMs),
  ];
}

/** Counts no further than `limit`. */
export async function countPending(pool: Pool, limit = Number.MAX_SAFE_INTEGER): Promise<number> {
  const { rows } = await pool.query<{ count: bigint }>(
    'SELECT count(*) FROM (SELECT FROM pending_operation LIMIT $1) AS counted',
    [limit],
  );
  return Number(rows[0]?.count ?? 0n);
}

/** How old the oldest promise is: 0 when there is none. */
export async function oldestPendingMs(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ age_ms: number | null }>(
    'SELECT (extract(epoch FROM clock_timestamp() - min(created_at)) * 1000)::float8 AS age_ms FROM pending_operation',
  );
  return rows[0]?.age_ms ?? 0;
}

// A row that somebody else is at is due, or on its way out.
const HASTEN_PENDING = {
  name: 'hasten-pending',
  text: `UPDATE pending_operation SET next_attempt_at = clock_timestamp() WHERE id IN (
           SELECT id FROM pending_operation WHERE id = ANY($1::uuid[]) AND attempts = 0 FOR UPDATE SKIP LOCKED)`,
};

/** Makes promises due at once that the sweep has not been at yet. */
export async function hastenPending(pool: Pool, ids: readonly string[]): Promise<void> {
  await pool.query({ ...HASTEN_PENDING, values: [ids] });
}

// A refusal that was on its way to be stored as nobody's while its promise was made is somebody's: it moves to where the
// others are.
const CLEAR_KEPT = {
  name: 'clear-kept',
  text: `WITH due AS (
           SELECT id FROM pending_operation WHERE partition = $1 AND next_attempt_at <= statement_timestamp()
           ORDER BY next_attempt_at LIMIT $2
         ), moved AS (
           DELETE FROM refused_operation WHERE id IN (SELECT id FROM due) RETURNING *
         ), stored AS (
           INSERT INTO operation (id, kind, status, reason, debit_wallet_id, credit_wallet_id, amount, currency, details,
             initiator_id, request_id, request_hash, accepted_at, applied_at)
           SELECT id, kind, 'rejected', reason, debit_wallet_id, credit_wallet_id, amount, currency, details,
             initiator_id, request_id, request_hash, accepted_at, applied_at
           FROM moved ON CONFLICT (id) DO NOTHING RETURNING id
         )
         DELETE FROM pending_operation p USING due
         WHERE p.id = due.id
           AND (p.id IN (SELECT id FROM stored) OR EXISTS (SELECT FROM operation o WHERE o.id = p.id))`,
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
             next_attempt_at = statement_timestamp() + least($3::float8 * 2 ^ least(p.attempts, 20), $4::float8) * interval '1 millisecond'
         WHERE p.id IN (
           SELECT id FROM pending_operation WHERE partition = $1 AND next_attempt_at <= statement_timestamp()
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

// One look into the index per partition: PostgreSQL would read all of it for the distinct ones.
const DUE_PARTITIONS = {
  name: 'due-partitions',
  text: `SELECT t.partition FROM generate_series(0, $1::int - 1) AS t(partition) WHERE EXISTS (
           SELECT FROM pending_operation p WHERE p.partition = t.partition AND next_attempt_at <= statement_timestamp())`,
};

/** Those of the `partitions` that have a promise due now. */
export async function duePartitions(pool: Pool, partitions: number): Promise<number[]> {
  const { rows } = await pool.query<{ partition: number }>({ ...DUE_PARTITIONS, values: [partitions] });
  return rows.map((row) => row.partition);
}
