/** What a 202 has promised, as rows: which are made, which are taken when, and which leave. */
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Command } from '../../shared/ledger/command.ts';
import { fromWire } from '../../shared/queue/contracts.ts';
import { applyCommands } from '../../shared/store/ledger/applyCommands.ts';
import {
  claimDue,
  clearKept,
  countPending,
  duePartitions,
  hastenPending,
  insertPending,
} from '../../shared/store/ledger/pendingOperations.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { readOutcomes } from '../../shared/store/ledger/readOutcomes.ts';
import { createBank, createCustomer, deposit, withOtherBody } from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { query } from '../support/inspect.ts';
import type { TestDatabase } from '../support/database.ts';
import { openApplyPool } from '../support/pools.ts';
import { rowsRead } from '../support/rowsRead.ts';
import { createTestDatabase } from '../support/stores.ts';

const PARTITIONS = 4;

let database: TestDatabase;
let pool: Pool;
let bank: Account;
/** One per partition. */
let people: Account[];

beforeEach(async () => {
  database = await createTestDatabase();
  pool = openApplyPool(database.url);
  bank = await createBank(pool, { walletId: 1n });
  people = await Promise.all([4n, 5n, 6n, 7n].map((walletId) => createCustomer(pool, { walletId })));
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

const toPartition = (partition: number, amountMinor = 1n) => deposit(bank, people[partition]!, amountMinor);
const many = (count: number) => Array.from({ length: count }, () => toPartition(0));
const promise = (commands: readonly Command[], { dueInMs = 0, room = 10_000 } = {}) =>
  insertPending(
    pool,
    commands.map((command) => ({ command, dueInMs })),
    { partitions: PARTITIONS, room },
  );
const ids = (commands: readonly { id: string }[]) => commands.map(({ id }) => id).sort();
const rows = () =>
  query<{ id: string; partition: number; attempts: number; due_in_s: number; hash: string; command: unknown }>(
    database.url,
    `SELECT id, partition, attempts, extract(epoch FROM next_attempt_at - clock_timestamp())::float8 AS due_in_s,
       encode(request_hash, 'hex') AS hash, command FROM pending_operation ORDER BY id`,
  );
const makeDue = (where = 'true') =>
  query(database.url, `UPDATE pending_operation SET next_attempt_at = now() - interval '1 second' WHERE ${where}`);

describe('a promise', () => {
  test('keeps the whole command, in the partition that it queues in', async () => {
    const commands = [0, 1, 2, 3].map((partition) => toPartition(partition, 7n));
    await promise(commands, { dueInMs: 30_000 });
    const stored = new Map((await rows()).map((row) => [row.id, row]));
    expect(stored.size).toBe(commands.length);
    for (const [partition, command] of commands.entries()) {
      const row = stored.get(command.id)!;
      expect(row).toMatchObject({ partition, attempts: 0, hash: command.requestHash });
      expect(fromWire(row.command)).toEqual({ ok: true, command });
      expect(row.due_in_s).toBeGreaterThan(25);
      expect(row.due_in_s).toBeLessThanOrEqual(30);
    }
  });

  test('that is there already stays as it is, also when another request comes under its id', async () => {
    const command = toPartition(0);
    await promise([command]);
    await promise([withOtherBody(command, 9n), command], { dueInMs: 60_000 });
    const [row, ...others] = await rows();
    expect([row?.hash, others]).toEqual([command.requestHash, []]);
    expect(row!.due_in_s).toBeLessThanOrEqual(0);
  });

  test('of what is decided already is not made', async () => {
    const [decided, open] = many(2) as [Command, Command];
    await applyCommands(pool, [decided]);
    await promise([decided, open]);
    expect(ids(await rows())).toEqual([open.id]);
  });

  test('of a command that has expired is refused, and the one beside it is made', async () => {
    const [late, fresh] = [{ ...toPartition(0), expiresAtMs: Date.now() - 1_000 }, toPartition(0)];
    expect(await promise([late, fresh])).toEqual(new Map([[late.id, 'expired']]));
    expect(ids(await rows())).toEqual([fresh.id]);
  });

  test('that is hastened is due at once, unless the sweep has been at it', async () => {
    const [once, swept, other] = many(3) as [Command, Command, Command];
    await promise([once, swept, other], { dueInMs: 60_000 });
    await query(database.url, `UPDATE pending_operation SET attempts = 1 WHERE id = '${swept.id}'`);
    await hastenPending(pool, [once.id, swept.id, uuidv7()]);
    expect(ids(await claimDue(pool, 0, 10))).toEqual([once.id]);
  });

  test('that is given twice at once is made once', async () => {
    const command = toPartition(0);
    await Promise.all([promise([command, command]), promise([command]), promise([withOtherBody(command, 3n)])]);
    expect(await rows()).toHaveLength(1);
  });

  test('is made only while there is room', async () => {
    const commands = many(5);
    await promise(commands.slice(0, 3), { room: 4 });
    await promise(commands.slice(3), { room: 1 });
    expect(await countPending(pool)).toBe(4);
    await promise(many(1), { room: 0 });
    expect(await countPending(pool)).toBe(4);
    expect(await countPending(pool, 3)).toBe(3);
  });

  test('needs no room when it is there already or is not needed', async () => {
    const [decided, promised, fresh] = many(3) as [Command, Command, Command];
    await applyCommands(pool, [decided]);
    await promise([promised]);
    await promise([decided, promised, fresh], { room: 1 });
    expect(ids(await rows())).toEqual(ids([promised, fresh]));
  });

  test('on its way to its outcome is never seen as absent', async () => {
    const commands = many(60);
    const applying = (async () => {
      for (const command of commands) {
        await promise([command]);
        await applyCommands(pool, [command]);
      }
    })();
    const seen = new Map<string, string>();
    while ([...seen.values()].filter((state) => state === 'applied').length < commands.length) {
      const known = await readOutcomes(pool, ids(commands));
      for (const id of seen.keys()) expect(known.has(id)).toBe(true);
      for (const { id, state } of known.values()) {
        if (seen.get(id) === 'applied') expect(state).toBe('applied');
        seen.set(id, state);
      }
    }
    await applying;
    expect(await countPending(pool)).toBe(0);
  });
});

describe('what is due', () => {
  test('is taken, of one partition, and nothing else', async () => {
    const [due, later, elsewhere] = [toPartition(1), toPartition(1), toPartition(2)];
    await promise([due, elsewhere]);
    await promise([later], { dueInMs: 60_000 });
    expect((await duePartitions(pool, PARTITIONS)).sort()).toEqual([1, 2]);
    const taken = await claimDue(pool, 1, 10);
    expect(taken.map(({ command }) => fromWire(command))).toEqual([{ ok: true, command: due }]);
    expect(await duePartitions(pool, PARTITIONS)).toEqual([2]);
  });

  test('is taken the oldest first and no more than asked for, however much there is', async () => {
    await promise(many(1_300));
    const [oldest] = many(1);
    await promise([oldest!]);
    await query(database.url, `UPDATE pending_operation SET next_attempt_at = 'epoch' WHERE id = '${oldest!.id}'`);
    const first = await claimDue(pool, 0, 500);
    expect(first).toHaveLength(500);
    expect(first.map(({ id }) => id)).toContain(oldest!.id);
    expect([(await claimDue(pool, 0, 500)).length, (await claimDue(pool, 0, 500)).length]).toEqual([500, 301]);
    expect(await claimDue(pool, 0, 500)).toEqual([]);
  });

  test('is taken by one of several who ask at once', async () => {
    const commands = many(300);
    await promise(commands);
    const taken = await Promise.all(Array.from({ length: 4 }, () => claimDue(pool, 0, 100)));
    expect(ids(taken.flat())).toEqual(ids(commands));
  });

  test('comes again after 30 s, then after twice as long each time, at most ten minutes', async () => {
    await promise(many(1));
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 8; attempt++) {
      expect(await claimDue(pool, 0, 1)).toHaveLength(1);
      const [row] = await rows();
      expect(row?.attempts).toBe(attempt);
      pauses.push(Math.ceil(row!.due_in_s));
      await makeDue();
    }
    expect(pauses).toEqual([30, 60, 120, 240, 480, 600, 600, 600]);
  });

  test('is still taken after so many attempts that doubling would overflow', async () => {
    await promise(many(1));
    await query(database.url, 'UPDATE pending_operation SET attempts = 2000000');
    expect(await claimDue(pool, 0, 1)).toHaveLength(1);
    expect(Math.ceil((await rows())[0]!.due_in_s)).toBe(600);
  });
});

describe('what was decided before it was promised', () => {
  test('is removed when it is due, and nothing else is', async () => {
    const [decided, open, later, elsewhere] = [toPartition(0), toPartition(0), toPartition(0), toPartition(1)];
    await promise([decided, open, elsewhere]);
    await promise([later], { dueInMs: 60_000 });
    await storeUnnoticed([decided, later, elsewhere]);
    await clearKept(pool, 0, 10);
    expect(ids(await rows())).toEqual(ids([open, later, elsewhere]));
  });

  test('is removed no more than asked for at a time', async () => {
    const commands = many(5);
    await promise(commands);
    await storeUnnoticed(commands);
    await clearKept(pool, 0, 3);
    expect(await countPending(pool)).toBe(2);
    await clearKept(pool, 0, 3);
    expect(await countPending(pool)).toBe(0);
  });

  /** Outcomes beside the promises, as when both were written at the same moment. */
  async function storeUnnoticed(commands: readonly Command[]): Promise<void> {
    for (const { id, requestHash } of commands) {
      await pool.query(
        `INSERT INTO operation (id, kind, status, reason, debit_wallet_id, credit_wallet_id, amount, currency,
           initiator_id, request_id, request_hash, accepted_at)
         VALUES ($1, 'deposit', 'rejected', 'expired', 1, 4, 1, 'RUB', 1, $2, decode($3, 'hex'), now())`,
        [id, uuidv7(), requestHash],
      );
    }
  }
});

test('among thousands of promises that are not due, those that are are found without a look at the others', async () => {
  await query(
    database.url,
    `INSERT INTO pending_operation (id, partition, command, request_hash, next_attempt_at)
     SELECT gen_random_uuid(), n % 4, '{}', decode(repeat('00', 32), 'hex'), now() + interval '1 hour'
     FROM generate_series(1, 4000) AS n`,
  );
  await promise([toPartition(2)]);
  const read = (work: (on: Pool) => Promise<unknown>) => rowsRead(pool, 'pending_operation', work);
  expect(await duePartitions(pool, PARTITIONS)).toEqual([2]);
  expect(await read((on) => duePartitions(on, PARTITIONS))).toBeLessThan(50);
  expect(await read((on) => claimDue(on, 2, 10))).toBeLessThan(50);
  expect(await read((on) => clearKept(on, 2, 10))).toBeLessThan(50);
  const one = [{ command: toPartition(1), dueInMs: 0 }];
  expect(await read((on) => insertPending(on, one, { partitions: PARTITIONS, room: 10 }))).toBeLessThan(50);
});
