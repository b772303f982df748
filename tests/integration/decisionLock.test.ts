/** Two bodies under one key at the same moment: one is being decided while the other is being promised. */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { v4 as uuidv4, v5 as uuidv5, v7 as uuidv7 } from 'uuid';
import type { Command } from '../../shared/ledger/command.ts';
import { LOCK_DECISIONS, REFUSE_SUPERSEDED, contested } from '../../shared/store/decisionLock.ts';
import { insertPending } from '../../shared/store/pendingOperations.ts';
import { createPool } from '../../shared/store/pool.ts';
import type { Pool } from '../../shared/store/pool.ts';
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
    { partitions: 4, maxPending: 10 },
  );
const waiters = async () => {
  const { rows } = await pool.query<{ count: bigint }>(
    `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`,
  );
  return Number(rows[0]?.count) > 0;
};

test('a promise waits for the decision that is under way on its id, and for no other', async () => {
  const [id, other] = [keyedId(), keyedId()];
  await worker.query('BEGIN');
  await worker.query({ ...LOCK_DECISIONS, values: [[id]] });
  await promise(command(other, 'one body'));
  let isMade = false;
  const made = promise(command(id, 'one body')).then(() => (isMade = true));
  await until('the promise waits', waiters);
  expect(isMade).toBe(false);
  await worker.query('COMMIT');
  await made;
});

test('a decision on another body than the promised one is refused, to be looked at again', async () => {
  const [promised, other] = [command(keyedId(), 'one body'), command(keyedId(), 'one body')];
  await promise(promised);
  const decide = (...commands: Command[]) =>
    worker.query({
      ...REFUSE_SUPERSEDED,
      values: [commands.map(({ id }) => id), commands.map(({ requestHash }) => requestHash)],
    });
  await decide(promised, other);
  await expect(decide(other, command(promised.id, 'another body'))).rejects.toMatchObject({ code: '40001' });
});

test('only ids that a client has fixed are locked, in the order of ids', () => {
  const [one, two] = [keyedId(), keyedId()].sort();
  const commands = [two!, uuidv7(), one!].map((id) => command(id, 'one body'));
  expect(contested(commands).map(({ id }) => id)).toEqual([one, two]);
});
