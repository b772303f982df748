/**
 * A PostgreSQL whose synchronous replica is gone: COMMIT waits, and somebody cancels the wait. What was committed then can
 * be seen and may be lost with the primary, so nobody is told of it before a replica is there again or not asked for.
 */
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { SubmitOptions } from '../../api/submission/submit.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { applyCommands } from '../../shared/store/ledger/applyCommands.ts';
import { UnclearCommitError, classifyFault } from '../../shared/store/ledger/classifyFault.ts';
import { readOperations } from '../../shared/store/ledger/readOperation.ts';
import { sweepOnce } from '../../worker/sweep/sweep.ts';
import { balanceOf, createBank, createCustomer, deposit } from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { createDatabase, createTemplate } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { expectSoundBooks, query } from '../support/inspect.ts';
import { openLane } from '../support/lane.ts';
import type { Lane } from '../support/lane.ts';
import { startPostgresServer } from '../support/postgresServer.ts';
import type { PostgresServer } from '../support/postgresServer.ts';
import { until } from '../support/waiting.ts';

let server: PostgresServer;
let database: TestDatabase;
let lane: Lane;
let bank: Account;
let anna: Account;
let cancelling: Promise<void> | undefined;
let isReplicaGone: boolean;

beforeAll(async () => {
  server = await startPostgresServer();
  await createTemplate(server.url);
});
afterAll(() => server.stop());

beforeEach(async () => {
  database = await createDatabase(server.url, { partitions: 1 });
  lane = await openLane({ databaseUrl: database.url, redisUrl: undefined }, { timeoutMs: 1_500 });
  bank = await createBank(lane.applyPool);
  anna = await createCustomer(lane.applyPool);
});
afterEach(async () => {
  await returnReplica();
  await expectSoundBooks(database.url);
  await lane.close();
  await database.drop();
});

const waiters = `SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;

/** From now on COMMIT waits for a replica that is not there, until it is cancelled. */
async function loseReplica(): Promise<void> {
  isReplicaGone = true;
  await query(server.url, `ALTER SYSTEM SET synchronous_standby_names = 'nobody'`);
  await query(server.url, 'SELECT pg_reload_conf()');
  // Every process of PostgreSQL reads that in its own time.
  await until('COMMIT waits', async () => {
    const committed = query(database.url, `SELECT pg_logical_emit_message(true, 'test', '')`);
    void committed.catch(() => undefined);
    const isWaiting = await Promise.race([
      committed.then(() => false),
      until('it waits', async () => (await query(server.url, waiters)).length > 0, 1_000).then(
        () => true,
        () => false,
      ),
    ]);
    await query(server.url, `SELECT pg_cancel_backend(pid) FROM (${waiters}) AS w`);
    return isWaiting;
  });
}

/** Whoever waits has its wait cancelled, again and again. */
function cancelWaits(): void {
  cancelling = (async () => {
    while (isReplicaGone) await query(server.url, `SELECT pg_cancel_backend(pid) FROM (${waiters}) AS w`);
  })();
}

/** As an operator does who goes on without one. */
async function returnReplica(): Promise<void> {
  await query(server.url, 'ALTER SYSTEM RESET synchronous_standby_names');
  await query(server.url, 'SELECT pg_reload_conf()');
  isReplicaGone = false;
  await cancelling;
  cancelling = undefined;
  await until('nobody waits', async () => (await query(server.url, waiters)).length === 0);
}

const submit = (command: Command, options: Partial<SubmitOptions> = {}) =>
  lane.submission.submit(command, { isKeyed: false, waitMs: 1_000, respondAsync: false, ...options }).then(
    ({ state }) => state,
    (error: unknown) => (error as { code: string }).code,
  );

async function stored(id: string): Promise<string | undefined> {
  return (await readOperations(lane.pool, [id])).get(id)?.state;
}

test('a payment whose COMMIT was cut short can be seen, and is told to nobody until that is certain', async () => {
  await loseReplica();
  cancelWaits();
  const command = deposit(bank, anna, 7n);
  expect(await submit(command)).toBe('outcome_unknown');
  await until('it can be seen', async () => (await stored(command.id)) === 'applied');
  expect(await submit(command, { isKeyed: true })).toBe('unavailable');
  await returnReplica();
  await until('it is told', async () => (await submit(command, { isKeyed: true })) === 'applied');
  expect(await balanceOf(lane.applyPool, anna)).toBe(7n);
});

test('a promise whose COMMIT was cut short is not made to anybody, and what is stored of it is kept', async () => {
  await loseReplica();
  cancelWaits();
  const command = deposit(bank, anna, 7n);
  expect(await submit(command, { respondAsync: true })).toBe('outcome_unknown');
  expect(await stored(command.id)).toBe('pending');
  await returnReplica();
  await query(database.url, 'UPDATE pending_operation SET next_attempt_at = now()');
  await sweepOnce({ pool: lane.applyPool, queues: [lane.queue], logger: pino({ level: 'silent' }) });
  await until('it is kept', async () => (await submit(command, { isKeyed: true })) === 'applied');
  expect(await balanceOf(lane.applyPool, anna)).toBe(7n);
});

test('to the worker a COMMIT with a warning is one that is not known: done again, it is found stored', async () => {
  await loseReplica();
  cancelWaits();
  const command = deposit(bank, anna, 7n);
  const failure = await applyCommands(lane.applyPool, [command]).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(UnclearCommitError);
  expect(classifyFault(failure)).toBe('retry');
  expect((await applyCommands(lane.applyPool, [command])).outcomes).toEqual([]);
  expect(await balanceOf(lane.applyPool, anna)).toBe(7n);
});

test('while nothing ends the wait, those who are promised something do not fill PostgreSQL with sessions', async () => {
  await loseReplica();
  for (let request = 0; request < 12; request++) {
    const command = deposit(bank, anna, 1n, { id: randomUUID() });
    expect(await submit(command, { respondAsync: true })).toBe('outcome_unknown');
  }
  // The first promise's own, and the one that finds out when the replica is back.
  expect((await query(server.url, waiters)).length).toBeLessThanOrEqual(3);
});
