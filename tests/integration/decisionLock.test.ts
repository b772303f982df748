/** Two bodies under one key at the same moment: one is being decided while the other is being promised. */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { v4 as uuidv4, v5 as uuidv5, v7 as uuidv7 } from 'uuid';
import type { Command } from '../../shared/ledger/command.ts';
import { LOCK_DECISIONS, REFUSE_SUPERSEDED, contested } from '../../shared/store/ledger/decisionLock.ts';
import { insertPending } from '../../shared/store/ledger/pendingOperations.ts';
import { createPool } from '../../shared/store/database/pool.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { holdTable, lockWaiters } from '../support/accounts.ts';
import { createTestDatabase } from '../support/stores.ts';
import type { TestDatabase } from '../support/database.ts';
import { until } from '../support/waiting.ts';

let database: TestDatabase;
let pool: Pool;
let worker: pg.Client;

beforeEach(async () => {
  database = await createTestDatabase();
  pool = createPool({ databaseUrl: database.url, role: 'test', maxConnections: 3 });
  worker = new pg.Client({ connectionString: database.url });
  await worker.connect();
});

afterEach(async () => {
  await Promise.all([pool.end(), worker.end()]);
  await database.drop();
});

function command(id: string, body: string): Command {
  const nowMs = Date.now();
  return {
    ...{ id, kind: 'transfer', debitWalletId: 1n, creditWalletId: 2n, amountMinor: 1n, currency: 'RUB' },
    ...{ details: body, externalId: null, initiatorId: 1n, requestId: uuidv7() },
    requestHash: createHash('sha256').update(body).digest('hex'),
    acceptedAtMs: nowMs,
    expiresAtMs: nowMs + 600_000,
  };
}

const keyedId = () => uuidv5(uuidv4(), uuidv5.URL);
const promise = (...commands: Command[]) =>
  insertPending(
    pool,
    commands.map((each) => ({ command: each, dueInMs: 0 })),
    { partitions: 4, room: 10 },
  );
const promised = async () => {
  const { rows } = await pool.query<{ id: string }>('SELECT id FROM pending_operation ORDER BY id');
  return rows.map(({ id }) => id);
};

/** A decision on the id as the worker makes it: what is between its lock and its COMMIT is up to the test. */
async function beginDecision(id: string): Promise<void> {
  await worker.query('BEGIN');
  await worker.query({ ...LOCK_DECISIONS, values: [[id]] });
}

async function storeDecision({ id, requestHash }: Command): Promise<void> {
  await worker.query(
    `INSERT INTO operation (id, kind, status, reason, debit_wallet_id, credit_wallet_id, amount, currency, initiator_id,
       request_id, request_hash, accepted_at)
     VALUES ($1, 'transfer', 'rejected', 'expired', 1, 2, 1, 'RUB', 1, $1, decode($2, 'hex'), now())`,
    [id, requestHash],
  );
}

test('a promise whose id is being decided is refused at once and never seen, and those beside it are made', async () => {
  const deciding = command(keyedId(), 'one body');
  const others = [keyedId(), uuidv7()].map((id) => command(id, 'one body'));
  await beginDecision(deciding.id);
  expect(await promise(deciding, ...others)).toEqual(new Map([[deciding.id, 'deciding']]));
  expect(await promised()).toEqual(others.map(({ id }) => id).sort());
  await worker.query('ROLLBACK');
  expect(await promise(deciding)).toEqual(new Map());
  expect(await promised()).toHaveLength(3);
});

test('a decision that commits after the promise was asked for, and before it had the lock, is seen by it', async () => {
  const [decided, late] = [command(keyedId(), 'one body'), keyedId()];
  await beginDecision(decided.id);
  await storeDecision(decided);
  // The lock is taken only when the gate opens, long after the statement has begun.
  const gate = new pg.Client({ connectionString: database.url });
  await gate.connect();
  await gate.query('SELECT pg_advisory_lock(55)');
  await gate.query(`CREATE OR REPLACE FUNCTION decision_key(id uuid) RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock_shared(55); RETURN uuid_hash_extended(id, 72707372); END $$`);
  const made = promise(command(decided.id, 'another body'), command(late, 'one body'));
  await until('it waits at the gate', async () => (await lockWaiters(pool)).length === 1);
  await worker.query('COMMIT');
  await gate.end();
  expect(await made).toEqual(new Map());
  expect(await promised()).toEqual([late]);
});

test('two promises at once under one id keep nothing from each other: one is made', async () => {
  const id = keyedId();
  await worker.query('BEGIN');
  await worker.query('SELECT pg_advisory_xact_lock_shared(decision_key($1))', [id]);
  expect(await promise(command(id, 'one body'))).toEqual(new Map());
  await worker.query('COMMIT');
  expect(await promised()).toEqual([id]);
});

test('a decision waits for the promise that is being made, and then sees it', async () => {
  const id = keyedId();
  const [one, other] = [command(id, 'one body'), command(id, 'another body')];
  const table = await holdTable(database.url, 'pending_operation');
  const made = promise(one);
  await until('the promise is held up', async () => (await lockWaiters(pool)).length === 1);
  await worker.query('BEGIN');
  const locked = worker.query({ ...LOCK_DECISIONS, values: [[id]] });
  await until('the decision waits for it', async () => (await lockWaiters(pool)).length === 2);
  await table.release();
  await Promise.all([made, locked]);
  const refused = worker.query({ ...REFUSE_SUPERSEDED, values: [[id], [other.requestHash]] });
  await expect(refused).rejects.toMatchObject({ code: '40001' });
});

test('a decision on another body than the promised one is refused, to be looked at again', async () => {
  const [first, other] = [command(keyedId(), 'one body'), command(keyedId(), 'one body')];
  await promise(first);
  const decide = (...commands: Command[]) =>
    worker.query({
      ...REFUSE_SUPERSEDED,
      values: [commands.map(({ id }) => id), commands.map(({ requestHash }) => requestHash)],
    });
  await decide(first, other);
  await expect(decide(other, command(first.id, 'another body'))).rejects.toMatchObject({ code: '40001' });
});

test('only ids that a client has fixed are locked, in the order of ids', () => {
  const [one, two] = [keyedId(), keyedId()].sort();
  const commands = [two!, uuidv7(), one!].map((id) => command(id, 'one body'));
  expect(contested(commands).map(({ id }) => id)).toEqual([one, two]);
});
