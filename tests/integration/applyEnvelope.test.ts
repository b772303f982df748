/**
 * What a worker does with one envelope, on a real database and through a real queue: whatever is wrong with some of its
 * commands, the others get their outcome, and the partition goes on.
 */
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import type { Job } from 'bullmq';
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { applyEnvelope } from '../../worker/apply/applyEnvelope.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { toEnvelope, toWire } from '../../shared/queue/contracts.ts';
import { UndecidedCommandsError, UnreadableEnvelopeError } from '../../shared/queue/ledgerQueue.ts';
import { createQueueBackend } from '../../shared/queue/queueBackend.ts';
import { insertPending } from '../../shared/store/ledger/pendingOperations.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { readOutcomes } from '../../shared/store/ledger/readOutcomes.ts';
import type { WatchTransaction } from '../../shared/telemetry/tracing.ts';
import { freePort } from '../../cli/postgres/embeddedPostgres.ts';
import {
  atomic,
  balanceOf,
  createBank,
  createCustomer,
  deposit,
  holdAccounts,
  holdTable,
  lockWaiters,
  outcomesOf,
  transfer,
  withOtherBody,
} from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { expectSoundBooks, query } from '../support/inspect.ts';
import { applyDeps } from '../support/applyDeps.ts';
import { failedReason, withQueue } from '../support/ledgerJobs.ts';
import { openApplyPool } from '../support/pools.ts';
import { backends, createStores, createTestDatabase } from '../support/stores.ts';
import type { Backend } from '../support/stores.ts';
import type { TestDatabase } from '../support/database.ts';
import { until } from '../support/waiting.ts';

let database: TestDatabase;
let pool: Pool;
let bank: Account;
let cleanUps: (() => Promise<unknown>)[];

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openApplyPool(database.url);
  bank = await createBank(pool);
});
afterAll(async () => {
  await expectSoundBooks(database.url);
  await pool.end();
  await database.drop();
});
beforeEach(() => {
  cleanUps = [];
});
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

let faults = 0;
const deps = () => ({ ...applyDeps(pool), onFault: () => (faults += 1) });
const apply = (data: unknown) => applyEnvelope(deps(), { partition: 0, jobId: 'e-test' }, data);
const applyAll = (...commands: Command[]) => apply(toEnvelope(commands));

const keyedId = () => uuidv5(uuidv7(), uuidv7());

function promise(...commands: Command[]) {
  const promised = commands.map((command) => ({ command, dueInMs: 60_000 }));
  return insertPending(pool, promised, { partitions: 4, room: 1_000 });
}

async function hold(accounts: readonly Account[]) {
  const held = await holdAccounts(database.url, accounts);
  cleanUps.push(() => held.client.end());
  return held;
}

async function waiters(count: number): Promise<number[]> {
  return until(`${count} sessions wait for a lock`, async () => {
    const pids = await lockWaiters(pool);
    return pids.length === count && pids;
  });
}

describe('a command that fails on its data', () => {
  test('is rejected alone, and the commands before and after it are applied in their order', async () => {
    const [anna, boris] = [await createCustomer(pool), await createCustomer(pool)];
    const commands = [
      deposit(bank, anna, 10n),
      transfer(anna, boris, 4n, { details: 'one \0 too many' }),
      transfer(anna, boris, 10n),
      deposit(bank, boris, 1n, { externalId: 'a\0b' }),
      transfer(boris, anna, 11n),
      transfer(boris, anna, 10n),
    ];
    await applyAll(...commands);
    expect(await outcomesOf(pool, commands)).toEqual([
      'applied',
      'internal_error',
      'applied',
      'internal_error',
      'insufficient_funds',
      'applied',
    ]);
    expect([await balanceOf(pool, anna), await balanceOf(pool, boris)]).toEqual([10n, 0n]);
  });

  test('is stored without the texts that PostgreSQL refused, and a second delivery of its envelope changes nothing', async () => {
    const anna = await createCustomer(pool);
    const bad = deposit(bank, anna, 10n, { details: '\0', externalId: 'X-1' });
    await applyAll(bad, deposit(bank, anna, 1n));
    await applyAll(bad, bad);
    const stored = await query(
      database.url,
      'SELECT reason, details, external_id, request_id::text FROM outcome WHERE id = $1',
      [bad.id],
    );
    expect(stored).toEqual([{ reason: 'internal_error', details: null, external_id: null, request_id: bad.requestId }]);
    expect(await balanceOf(pool, anna)).toBe(1n);
  });

  test('is tried once with the others and once alone, never again', async () => {
    const anna = await createCustomer(pool);
    await pool.query(`
      CREATE SEQUENCE tries;
      CREATE FUNCTION refuse_on_purpose() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM nextval('tries'); RAISE EXCEPTION 'on purpose' USING ERRCODE = 'check_violation'; END $$;
      CREATE TRIGGER refuse_on_purpose BEFORE INSERT ON entry
        FOR EACH ROW WHEN (NEW.amount = 444) EXECUTE FUNCTION refuse_on_purpose()`);
    cleanUps.push(() => pool.query('DROP FUNCTION refuse_on_purpose CASCADE; DROP SEQUENCE tries'));
    const commands = [deposit(bank, anna, 1n), deposit(bank, anna, 444n)];
    await applyAll(...commands);
    expect(await outcomesOf(pool, commands)).toEqual(['applied', 'internal_error']);
    expect(await query(database.url, 'SELECT last_value::int FROM tries')).toEqual([{ last_value: 2 }]);
  });
});

describe('a command that fails by itself for a reason that is not its data', () => {
  /** Whatever changes this wallet meets a broken index, until it is mended. */
  async function breakRow(on: Pool, { walletId }: Account): Promise<{ mend: () => Promise<unknown> }> {
    await on.query(`
      CREATE FUNCTION break_row() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'index is corrupted' USING ERRCODE = 'index_corrupted'; END $$;
      CREATE TRIGGER break_row BEFORE UPDATE ON wallet
        FOR EACH ROW WHEN (NEW.id = ${walletId}) EXECUTE FUNCTION break_row()`);
    return { mend: () => on.query('DROP FUNCTION IF EXISTS break_row CASCADE') };
  }

  test('is left undecided, never rejected, the others are decided, and it is applied when the cause is mended', async () => {
    const [anna, boris] = [await createCustomer(pool), await createCustomer(pool)];
    const commands = [
      deposit(bank, boris, 5n),
      deposit(bank, anna, 7n),
      transfer(boris, anna, 1n),
      transfer(boris, boris, 1n),
    ];
    const row = await breakRow(pool, anna);
    cleanUps.push(row.mend);
    const applying = applyAll(...commands);
    await expect(applying).rejects.toThrow(UndecidedCommandsError);
    await expect(applying).rejects.toThrow(
      `2 of its operations cannot be decided; mend the cause, then retry this job; ` +
        `operation ${commands[1]!.id}: XX002 index is corrupted; operation ${commands[2]!.id}: XX002 index is corrupted`,
    );
    expect(await outcomesOf(pool, commands)).toEqual(['applied', 'none', 'none', 'same_wallet']);
    await row.mend();
    await applyAll(...commands);
    expect(await outcomesOf(pool, commands)).toEqual(['applied', 'applied', 'applied', 'same_wallet']);
    expect([await balanceOf(pool, anna), await balanceOf(pool, boris)]).toEqual([8n, 4n]);
  });

  test('in an atomic list leaves the whole list undecided, and what is beside it is decided', async () => {
    const [anna, boris] = [await createCustomer(pool), await createCustomer(pool)];
    const row = await breakRow(pool, anna);
    cleanUps.push(row.mend);
    const list = atomic([deposit(bank, boris, 1n), deposit(bank, anna, 2n)]);
    const beside = deposit(bank, boris, 4n);
    const named = `the list of 2 operations that begins with ${list[0]!.id}: XX002`;
    await expect(applyAll(...list, beside)).rejects.toThrow(named);
    expect(await outcomesOf(pool, [...list, beside])).toEqual(['none', 'none', 'applied']);
    await row.mend();
    await applyAll(...list, beside);
    expect(await outcomesOf(pool, list)).toEqual(['applied', 'applied']);
  });

  test('beside one that cannot be read is tried again all the same, and both are told', async () => {
    const anna = await createCustomer(pool);
    const row = await breakRow(pool, anna);
    cleanUps.push(row.mend);
    const applying = apply({ v: 1, commands: [toWire(deposit(bank, anna, 1n)), 'nonsense'] });
    await expect(applying).rejects.toThrow(UndecidedCommandsError);
    await expect(applying).rejects.toThrow(/1 of its operations.*XX002.*command 1: /s);
  });

  test('through the queue goes to the failed set after ten attempts, and the partition goes on', async () => {
    const lane = await openQueue(backends.at(-1)!);
    const [anna, boris] = [await createCustomer(lane.pool), await createCustomer(lane.pool)];
    const commands = [deposit(lane.bank, anna, 1n), deposit(lane.bank, boris, 1n)];
    const row = await breakRow(lane.pool, anna);
    await lane.queue.add('e-broken', toEnvelope(commands));
    await lane.queue.add('e-next', toEnvelope([deposit(lane.bank, boris, 2n)]));
    lane.worker.resume();
    await until('the next one is done', async () => (await lane.queue.stateOf('e-next')) === 'completed');
    expect(await outcomesOf(lane.pool, commands)).toEqual(['none', 'applied']);
    await until('it is given up', async () => (await lane.queue.stateOf('e-broken')) === 'failed', 30_000);
    expect(await failedReason(lane.stores, 0, 'e-broken')).toMatch(/^1 of its operations .* XX002 index is corrupted$/);
    const job = () => withQueue(lane.stores, 0, async (queue) => (await queue.getJob('e-broken')) as Job);
    expect((await job()).attemptsMade).toBe(10);
    await row.mend();
    await withQueue(lane.stores, 0, async (queue) => ((await queue.getJob('e-broken')) as Job).retry());
    await until('it is done', async () => (await lane.queue.stateOf('e-broken')) === 'completed');
    expect(await outcomesOf(lane.pool, commands)).toEqual(['applied', 'applied']);
  });
});

describe('an envelope that cannot be read', () => {
  test.each([
    ['is no envelope', { v: 1 }, /^not an envelope: .*commands/s],
    ['is null', null, /^not an envelope/],
    ['is of a newer version', { v: 5, commands: [] }, /version 5 is newer than this worker's 4.*upgrade the workers/],
  ])('because it %s is refused with a reason', async (_, data, reason) => {
    await expect(apply(data)).rejects.toThrow(UnreadableEnvelopeError);
    await expect(apply(data)).rejects.toThrow(reason);
  });

  test('in part is refused with the place and the rule of each bad command, after the readable ones got outcomes', async () => {
    const anna = await createCustomer(pool);
    const [first, last] = [deposit(bank, anna, 1n), deposit(bank, anna, 2n)];
    const wire = toWire(deposit(bank, anna, 4n));
    const commands = [{ ...wire, amount: -4 }, toWire(first), { ...wire, currency: 'R\0B' }, 'nonsense', toWire(last)];
    const applying = apply({ v: 1, commands });
    await expect(applying).rejects.toThrow(UnreadableEnvelopeError);
    await expect(applying).rejects.toThrow(/command 0: .*amount.*; command 2: .*currency.*; command 3: /s);
    expect(await outcomesOf(pool, [first, last])).toEqual(['applied', 'applied']);
    expect(await balanceOf(pool, anna)).toBe(3n);
  });

  test('only because of its id in capitals is read, and is the operation that is known by that id', async () => {
    const anna = await createCustomer(pool);
    const command = deposit(bank, anna, 1n);
    const wire = toWire(command);
    const loud = { ...wire, id: wire.id.toUpperCase() };
    await apply({ v: 1, commands: [loud, wire] });
    await apply({ v: 1, commands: [loud] });
    expect(await outcomesOf(pool, [command])).toEqual(['applied']);
    expect(await balanceOf(pool, anna)).toBe(1n);
  });

  test('for a field that this version does not know is read all the same', async () => {
    const anna = await createCustomer(pool);
    const command = deposit(bank, anna, 1n);
    await apply({ v: 1, sentBy: 'a newer one', commands: [{ ...toWire(command), colour: 'red' }] });
    expect(await outcomesOf(pool, [command])).toEqual(['applied']);
  });
});

describe('a fault that may pass', () => {
  test('such as a session that the server ends is survived: the envelope is applied once', async () => {
    const anna = await createCustomer(pool);
    const commands = [deposit(bank, anna, 1n), deposit(bank, anna, 2n)];
    const held = await hold([anna]);
    faults = 0;
    const applying = applyAll(...commands);
    const [pid] = await waiters(1);
    await held.client.query('SELECT pg_terminate_backend($1)', [pid]);
    await until('another session waits', async () => (await lockWaiters(pool)).some((waiter) => waiter !== pid));
    await held.release();
    await applying;
    expect(faults).toBe(1);
    expect(await balanceOf(pool, anna)).toBe(3n);
  });

  test('such as a lock that is not free in time is tried again', async () => {
    const anna = await createCustomer(pool);
    const command = deposit(bank, anna, 1n);
    const held = await hold([anna]);
    const applying = applyAll(command);
    const [pid] = await waiters(1);
    await until('another session waits', async () => {
      const pids = await lockWaiters(pool);
      return pids.length > 0 && !pids.includes(pid!);
    });
    await held.release();
    await applying;
    expect(await outcomesOf(pool, [command])).toEqual(['applied']);
  });

  test('such as one of `pg` that no SQLSTATE explains is waited out, and nothing is rejected for it', async () => {
    const anna = await createCustomer(pool);
    const through = new URL(database.url);
    const [host, port] = [through.hostname, Number(through.port)];
    // At first whoever answers wants a kind of authentication that nobody knows.
    const wantsUnknown = Buffer.from('R\0\0\0\x0d\0\0\0\x0aFOO\0\0', 'latin1');
    let strangers = 2;
    const server = net.createServer((client) => {
      if (strangers-- > 0) client.on('error', () => undefined).once('data', () => client.write(wantsUnknown));
      else pipeline(client, net.connect(port, host), client, () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    through.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const own = openApplyPool(through.href);
    cleanUps.push(() => own.end().then(() => server.close()));
    await expect(own.connect()).rejects.toThrow(/^SASL: Only mechanism/);
    strangers = 2;
    const commands = [deposit(bank, anna, 1n), deposit(bank, anna, 2n)];
    await applyEnvelope(applyDeps(own), { partition: 0, jobId: 'e-test' }, toEnvelope(commands));
    expect(await outcomesOf(pool, commands)).toEqual(['applied', 'applied']);
    expect(strangers).toBeLessThan(0);
  });

  test.each(['40001', '40P01'])('such as %s is tried again, and the third try is applied', async (code) => {
    const anna = await createCustomer(pool);
    await failTwice(code);
    const command = deposit(bank, anna, 777n);
    await applyAll(command);
    expect(await outcomesOf(pool, [command])).toEqual(['applied']);
  });

  test('that does not pass is given back to the queue after five tries, or one when the process is to stop, with nothing rejected', async () => {
    const anna = await createCustomer(pool);
    const port = await freePort();
    const nowhere = openApplyPool(`postgres://nobody@127.0.0.1:${port}/none`);
    let told = 0;
    const commands = [deposit(bank, anna, 1n)];
    const given = { ...applyDeps(nowhere), onFault: () => (told += 1) };
    const applying = applyEnvelope(given, { partition: 0, jobId: 'e-test' }, toEnvelope(commands));
    await expect(applying).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(told).toBe(5);
    const stopping = applyEnvelope(
      { ...given, isStopping: () => true },
      { partition: 0, jobId: 'e-test' },
      toEnvelope(commands),
    );
    await expect(stopping).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(told).toBe(6);
    expect(await outcomesOf(pool, commands)).toEqual(['none']);
    await nowhere.end();
  });

  test('that comes while commands are tried one by one gives the envelope back to the queue, with nothing given up', async () => {
    const anna = await createCustomer(pool);
    const commands = [deposit(bank, anna, 1n, { details: '\0' }), deposit(bank, anna, 2n)];
    let tries = 0;
    const gone = () => Promise.reject(new Error('Connection terminated unexpectedly'));
    const watch: WatchTransaction = (transact) => (++tries === 1 ? transact() : gone());
    const applying = applyEnvelope(
      { ...applyDeps(pool), watch },
      { partition: 0, jobId: 'e-test' },
      toEnvelope(commands),
    );
    const gaveUp = await applying.catch((error: unknown) => error);
    expect(gaveUp).not.toBeInstanceOf(UndecidedCommandsError);
    expect(gaveUp).toMatchObject({ message: 'Connection terminated unexpectedly' });
    expect(await outcomesOf(pool, commands)).toEqual(['none', 'none']);
  });

  test('such as one operation id in two groups at the same moment ends with exactly one operation', async () => {
    const otherBank = await createBank(pool);
    const [anna, boris] = [await createCustomer(pool), await createCustomer(pool)];
    const one = deposit(bank, anna, 55n);
    const other = deposit(otherBank, boris, 55n, { id: one.id });
    const gate = await slowEntries(55n);
    const first = applyAll(one);
    await waiters(1);
    // Its wallets are free and its id is not stored yet: it breaks on the key when the first one commits.
    const second = applyAll(other);
    await waiters(2);
    await gate.open();
    await Promise.all([first, second]);
    expect(await outcomesOf(pool, [one])).toEqual(['applied']);
    expect([await balanceOf(pool, anna), await balanceOf(pool, boris)]).toEqual([55n, 0n]);
  });

  test('such as one operation id in two lists at the same moment ends with one list applied and the other refused', async () => {
    const otherBank = await createBank(pool);
    const [anna, boris] = [await createCustomer(pool), await createCustomer(pool)];
    const one = atomic([deposit(bank, anna, 56n), deposit(bank, anna, 1n)]);
    const other = atomic([deposit(otherBank, boris, 1n), deposit(otherBank, boris, 1n, { id: one[0]!.id })]);
    const gate = await slowEntries(56n);
    const first = applyAll(...one);
    await waiters(1);
    const second = applyAll(...other);
    await waiters(2);
    await gate.open();
    await Promise.all([first, second]);
    expect(await outcomesOf(pool, [...one, other[0]!])).toEqual(['applied', 'applied', 'list_rejected']);
    expect([await balanceOf(pool, anna), await balanceOf(pool, boris)]).toEqual([57n, 0n]);
  });

  test('such as another body that is promised while this one is being decided ends with the promise, not with this one', async () => {
    const anna = await createCustomer(pool);
    const command = deposit(bank, anna, 1n, { id: keyedId() });
    const other = withOtherBody(command, 9n);
    const table = await holdTable(database.url, 'pending_operation');
    cleanUps.push(table.release);
    const promising = promise(other);
    await waiters(1);
    // It has read that nothing is promised, and now waits for its turn to decide.
    const applying = applyAll(command);
    await waiters(2);
    await table.release();
    await Promise.all([applying, promising]);
    expect(await outcomesOf(pool, [command])).toEqual(['none']);
    await applyAll(other);
    expect(await balanceOf(pool, anna)).toBe(9n);
  });

  test('is not what a promise to another body brings that comes while a decision is written: it is not made', async () => {
    const anna = await createCustomer(pool);
    const command = deposit(bank, anna, 55n, { id: keyedId() });
    const gate = await slowEntries(55n);
    const applying = applyAll(command);
    await waiters(1);
    const [other, beside] = [withOtherBody(command, 9n), deposit(bank, anna, 1n, { id: keyedId() })];
    expect(await promise(other, beside)).toEqual(new Map([[command.id, 'deciding']]));
    expect([...(await readOutcomes(pool, [command.id, beside.id])).keys()]).toEqual([beside.id]);
    await gate.open();
    await applying;
    expect(await promise(other)).toEqual(new Map());
    const known = await readOutcomes(pool, [command.id]);
    expect(known.get(command.id)).toMatchObject({ state: 'applied', requestHash: command.requestHash });
    expect(await balanceOf(pool, anna)).toBe(55n);
  });

  /** Entries of 777 fail twice with `code`. A sequence counts, for it is not rolled back. */
  async function failTwice(code: string): Promise<void> {
    await pool.query(`
      CREATE SEQUENCE tries;
      CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF nextval('tries') < 3 THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '${code}'; END IF;
          RETURN NEW;
        END $$;
      CREATE TRIGGER fail_twice BEFORE INSERT ON entry
        FOR EACH ROW WHEN (NEW.amount = 777) EXECUTE FUNCTION fail_twice()`);
    cleanUps.push(() => pool.query('DROP FUNCTION fail_twice CASCADE; DROP SEQUENCE tries'));
  }

  /** A transaction that credits `amount` waits, with its operation inserted, until the gate opens. */
  async function slowEntries(amount: bigint): Promise<{ open: () => Promise<void> }> {
    const held = await hold([]);
    await held.client.query('SELECT pg_advisory_xact_lock(55)');
    await pool.query(`
      CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock_shared(55); RETURN NEW; END $$;
      CREATE TRIGGER wait_at_gate BEFORE INSERT ON entry
        FOR EACH ROW WHEN (NEW.amount = ${amount}) EXECUTE FUNCTION wait_at_gate()`);
    cleanUps.push(() => pool.query('DROP FUNCTION wait_at_gate CASCADE'));
    return { open: held.release };
  }
});

/** A partition of its own with a worker, not yet at work. */
async function openQueue(backend: Backend) {
  const stores = await createStores(backend, { partitions: 1 });
  cleanUps.push(() => stores.drop());
  const own = openApplyPool(stores.databaseUrl);
  const queues = createQueueBackend({ ...stores, partitions: 1, role: 'test', onError: () => undefined });
  const queue = queues.openQueue(0);
  const worker = queues.openWorker(0, (jobId, data) => applyEnvelope(applyDeps(own), { partition: 0, jobId }, data));
  cleanUps.push(async () => {
    await worker.close();
    await queue.close();
    await queues.close();
    await own.end();
  });
  return { stores, pool: own, queue, worker, bank: await createBank(own) };
}

describe.each(backends)('through the queue on %s', (backend) => {
  test('an unreadable envelope ends in the failed set with its reason, and the partition goes on', async () => {
    const { stores, pool: own, queue, worker, bank: ownBank } = await openQueue(backend);
    const anna = await createCustomer(own);
    const [readable, next] = [deposit(ownBank, anna, 1n), deposit(ownBank, anna, 2n)];
    await queue.add('e-newer', { v: 5, commands: [] });
    await queue.add('e-half', {
      v: 1,
      commands: [{ ...toWire(readable), kind: 'gift' as 'deposit' }, toWire(readable)],
    });
    await queue.add('e-next', toEnvelope([next]));
    worker.resume();
    await until('the next envelope is done', async () => (await queue.stateOf('e-next')) === 'completed');
    expect([await queue.stateOf('e-newer'), await queue.stateOf('e-half')]).toEqual(['failed', 'failed']);
    expect(await failedReason(stores, 0, 'e-newer')).toMatch(/version 5 is newer than this worker's 4/);
    expect(await failedReason(stores, 0, 'e-half')).toMatch(/command 0: .*kind/s);
    expect(await outcomesOf(own, [readable, next])).toEqual(['applied', 'applied']);
  });
});
