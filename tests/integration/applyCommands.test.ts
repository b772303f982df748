/**
 * The one write path of the ledger against a real PostgreSQL: what it locks and in which order, what it sees when it
 * had to wait, and that it never takes a transaction for committed that was not.
 */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decide } from '../../shared/ledger/decide.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { applyCommands, rejectCommand } from '../../shared/store/ledger/applyCommands.ts';
import { NotCommittedError } from '../../shared/store/ledger/classifyFault.ts';
import { claimDue, clearKept, insertPending } from '../../shared/store/ledger/pendingOperations.ts';
import { IDLE_IN_TRANSACTION_MS } from '../../shared/store/database/pool.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { readOutcomes } from '../../shared/store/ledger/readOutcomes.ts';
import {
  balanceOf,
  createBank,
  createCustomer,
  deposit,
  holdAccounts,
  lockWaiters,
  outcomesOf,
  transfer,
  withOtherBody,
} from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { expectSoundBooks } from '../support/inspect.ts';
import type { TestDatabase } from '../support/database.ts';
import { NOTHING } from '../support/ledger.ts';
import { openApplyPool, openRequestPool } from '../support/pools.ts';
import { createTestDatabase } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

let database: TestDatabase;
let pool: Pool;
let otherPool: Pool;
let cleanUps: (() => Promise<unknown>)[];

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool(4);
  otherPool = openPool(4);
});
afterAll(async () => {
  await expectSoundBooks(database.url);
  await Promise.all([pool.end(), otherPool.end()]);
  await database.drop();
});
beforeEach(() => {
  cleanUps = [];
});
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

function openPool(maxConnections: number): Pool {
  return openApplyPool(database.url, maxConnections);
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

async function promise(command: Command): Promise<void> {
  await insertPending(pool, [{ command, dueInMs: 0 }], { partitions: 4, room: 1_000 });
}

async function isPromised(command: Command): Promise<boolean> {
  const { rows } = await pool.query('SELECT FROM pending_operation WHERE id = $1', [command.id]);
  return rows.length > 0;
}

describe('what is applied', () => {
  test('money that arrives in an envelope can leave again in the same envelope', async () => {
    const bank = await createBank(pool);
    const [anna, boris] = [await createCustomer(pool), await createCustomer(pool)];
    const commands = [
      transfer(anna, boris, 1n),
      deposit(bank, anna, 100n),
      transfer(anna, boris, 70n),
      transfer(boris, anna, 69n),
      transfer(boris, anna, 2n),
    ];
    const { outcomes } = await applyCommands(pool, commands);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'applied', 'applied', 'applied', 'rejected']);
    expect(await outcomesOf(pool, commands)).toEqual([
      'insufficient_funds',
      'applied',
      'applied',
      'applied',
      'insufficient_funds',
    ]);
    expect([await balanceOf(pool, bank), await balanceOf(pool, anna), await balanceOf(pool, boris)]).toEqual([
      -100n,
      99n,
      1n,
    ]);
  });

  test('an operation keeps every field of its command', async () => {
    const bank = await createBank(pool);
    const command = deposit(bank, await createCustomer(pool), 12n, { details: 'Зарплата 💶', externalId: 'A-17' });
    await applyCommands(pool, [command]);
    const { rows } = await pool.query(
      `SELECT id, kind, status, reason, debit_wallet_id AS "debitWalletId", credit_wallet_id AS "creditWalletId",
         amount AS "amountMinor", currency, details, external_id AS "externalId", initiator_id AS "initiatorId",
         request_id AS "requestId", encode(request_hash, 'hex') AS "requestHash",
         (extract(epoch FROM accepted_at) * 1000)::float8 AS "acceptedAtMs", debit_seq, credit_seq
       FROM operation WHERE id = $1`,
      [command.id],
    );
    const { expiresAtMs, ...kept } = command;
    expect(expiresAtMs).toBeGreaterThan(kept.acceptedAtMs);
    expect(rows).toEqual([{ ...kept, status: 'applied', reason: null, debit_seq: 1n, credit_seq: 1n }]);
  });

  test('a command that expired is rejected, and applied all the same when it was promised', async () => {
    const bank = await createBank(pool);
    const anna = await createCustomer(pool);
    const late = { acceptedAtMs: Date.now() - 700_000, expiresAtMs: Date.now() - 100_000 };
    const [unpromised, promised] = [deposit(bank, anna, 5n, late), deposit(bank, anna, 7n, late)];
    await promise({ ...promised, expiresAtMs: Date.now() + 60_000 }); // in time
    await applyCommands(pool, [unpromised, promised]);
    expect(await outcomesOf(pool, [unpromised, promised])).toEqual(['expired', 'applied']);
    expect(await balanceOf(pool, anna)).toBe(7n);
  });

  test('the promised command wins over another body under its id, whichever comes first', async () => {
    const bank = await createBank(pool);
    const anna = await createCustomer(pool);
    const promised = deposit(bank, anna, 5n);
    const other = withOtherBody(promised, 900n);
    await promise(promised);
    expect((await applyCommands(pool, [other])).outcomes).toEqual([]);
    expect(await outcomesOf(pool, [promised])).toEqual(['none']);
    expect((await applyCommands(pool, [other, promised, other])).outcomes).toHaveLength(1);
    expect(await balanceOf(pool, anna)).toBe(5n);
  });

  test('a promise leaves with the outcome that keeps it, and stays when that does not commit', async () => {
    const bank = await createBank(pool);
    const anna = await createCustomer(pool);
    const [kept, alsoPromised] = [deposit(bank, anna, 5n), deposit(bank, anna, 6n)];
    await promise(kept);
    await promise(alsoPromised);
    const broken = { ...kept, details: 'a\0b' };
    await expect(applyCommands(pool, [broken])).rejects.toMatchObject({ code: '22021' });
    expect(await isPromised(kept)).toBe(true);
    await applyCommands(pool, [kept]);
    expect([await isPromised(kept), await isPromised(alsoPromised)]).toEqual([false, true]);
  });

  test('a command that cannot be applied is stored as rejected without its texts, once', async () => {
    const bank = await createBank(pool);
    const command = deposit(bank, await createCustomer(pool), 5n, { details: 'a\0b', externalId: 'c\0d' });
    expect((await rejectCommand(pool, command)).outcomes).toHaveLength(1);
    expect((await rejectCommand(pool, command)).outcomes).toHaveLength(0);
    expect(await outcomesOf(pool, [command])).toEqual(['internal_error']);
  });
});

describe('second deliveries', () => {
  test('the first of several commands under one id in an envelope is the only one', async () => {
    const bank = await createBank(pool);
    const anna = await createCustomer(pool);
    const command = deposit(bank, anna, 5n);
    const { outcomes } = await applyCommands(pool, [command, { ...command }, withOtherBody(command, 9n), command]);
    expect(outcomes).toEqual([{ command, status: 'applied', amountMinor: 5n, debitSeq: 1n, creditSeq: 1n }]);
    expect(await balanceOf(pool, anna)).toBe(5n);
  });

  test('an envelope of which all is known changes nothing and gives its connection back', async () => {
    const own = openPool(1);
    cleanUps.push(() => own.end());
    const bank = await createBank(own);
    const anna = await createCustomer(own);
    const command = deposit(bank, anna, 5n);
    await applyCommands(own, [command]);
    for (let round = 0; round < 3; round++) {
      expect(await applyCommands(own, [command])).toEqual(NOTHING);
    }
    expect([own.totalCount, own.idleCount]).toEqual([1, 1]);
    const held = await hold([bank, anna]);
    await held.release();
  });

  test('two deliveries that wait for the same wallet are applied once: the later sees what the earlier committed', async () => {
    const bank = await createBank(pool);
    const anna = await createCustomer(pool);
    const command = deposit(bank, anna, 5n);
    const held = await hold([anna]);
    const deliveries = [applyCommands(pool, [command]), applyCommands(otherPool, [command])];
    await waiters(2);
    await held.release();
    const stored = (await Promise.all(deliveries)).map(({ outcomes }) => outcomes.length);
    expect(stored.sort()).toEqual([0, 1]);
    expect(await balanceOf(pool, anna)).toBe(5n);
  });

  test('envelopes that overlap are applied once each from two pools at once, round after round', async () => {
    const bank = await createBank(pool);
    const [anna, boris] = [await createCustomer(pool), await createCustomer(pool)];
    for (let round = 0; round < 20; round++) {
      const commands = Array.from({ length: 10 }, (_, index) => deposit(bank, index % 2 ? anna : boris, 1n));
      const decisions = await Promise.all([
        applyCommands(pool, commands),
        applyCommands(otherPool, commands.toReversed()),
        applyCommands(pool, commands.slice(5)),
        applyCommands(otherPool, commands.slice(0, 5)),
      ]);
      expect(decisions.flatMap(({ outcomes }) => outcomes)).toHaveLength(10);
    }
    expect([await balanceOf(pool, anna), await balanceOf(pool, boris)]).toEqual([100n, 100n]);
  });
});

describe('locks', () => {
  async function deadlocks(): Promise<bigint> {
    await pool.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await pool.query<{ deadlocks: bigint }>(
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    return rows[0]!.deadlocks;
  }

  test('transactions over crossing wallets and one settlement wallet never deadlock', async () => {
    const bank = await createBank(pool);
    const people = await Promise.all(
      Array.from({ length: 6 }, () => createCustomer(pool, { bank, balanceMinor: 1_000n })),
    );
    const before = await deadlocks();
    let random = 1;
    const pick = () => people[(random = (random * 48_271) % 2_147_483_647) % people.length]!;
    const envelope = () => [
      ...Array.from({ length: 6 }, () => transfer(pick(), pick(), 1n)),
      deposit(bank, pick(), 1n),
    ];
    const crossing = Array.from({ length: 40 }, () => [envelope(), envelope(), envelope(), envelope()]);
    for (const envelopes of crossing) {
      await Promise.all(
        envelopes.map((commands, index) => applyCommands(index % 2 ? pool : otherPool, commands.toReversed())),
      );
    }
    expect(await deadlocks()).toBe(before);
    const ids = crossing.flat(2);
    expect(await outcomesOf(pool, ids)).not.toContain('none');
  });

  test('wallets are locked by id whatever the order of the commands, so that crossing waiters stand in one line', async () => {
    const [low, high] = [await createCustomer(pool), await createCustomer(pool)];
    const held = await hold([low]);
    const applying = applyCommands(pool, [transfer(high, low, 1n), transfer(low, high, 1n)]);
    await waiters(1);
    // Were it the other way round, the waiter would hold this one by now.
    await held.client.query('SELECT FROM wallet WHERE id = $1 FOR UPDATE NOWAIT', [high.walletId]);
    await held.release();
    await applying;
  });

  test('a settlement wallet is locked after every customer wallet, although its id is lower', async () => {
    const bank = await createBank(pool);
    const anna = await createCustomer(pool);
    expect(bank.walletId).toBeLessThan(anna.walletId);
    const held = await hold([anna]);
    const applying = applyCommands(pool, [deposit(bank, anna, 1n)]);
    await waiters(1);
    await held.client.query('SELECT FROM wallet WHERE id = $1 FOR UPDATE NOWAIT', [bank.walletId]);
    await held.release();
    await applying;
  });

  test('applying does not wait for those who only refer to a wallet', async () => {
    const bank = await createBank(pool);
    const anna = await createCustomer(pool);
    const reader = new pg.Client({ connectionString: database.url });
    await reader.connect();
    cleanUps.push(() => reader.end());
    await reader.query('BEGIN');
    await reader.query('SELECT FROM wallet WHERE id = $1 FOR KEY SHARE', [anna.walletId]);
    await applyCommands(pool, [deposit(bank, anna, 1n)]);
    expect(await balanceOf(pool, anna)).toBe(1n);
  });

  test('a command about unknown wallets is rejected and locks nothing', async () => {
    const bank = await createBank(pool);
    const nobody = { userId: bank.userId, walletId: 900_000_000n, currency: 'RUB' };
    const command = deposit(bank, nobody, 1n);
    await applyCommands(pool, [command]);
    expect(await outcomesOf(pool, [command])).toEqual(['wallet_not_found']);
  });
});

describe('a transaction that fails', () => {
  /** Rows of `table` that this sum marks make the trigger's function fail; all others pass. */
  async function failOn(table: 'entry' | 'operation', when: string, timing: string): Promise<void> {
    await pool.query(`
      CREATE FUNCTION fail_on_purpose() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = 'check_violation'; END $$;
      CREATE CONSTRAINT TRIGGER fail_on_purpose AFTER INSERT ON ${table} ${timing}
        FOR EACH ROW WHEN (${when}) EXECUTE FUNCTION fail_on_purpose()`);
    cleanUps.push(() => pool.query('DROP FUNCTION fail_on_purpose CASCADE'));
  }

  async function expectNothingStored(commands: Command[], account: Account): Promise<void> {
    expect(await outcomesOf(pool, commands)).toEqual(commands.map(() => 'none'));
    expect(await balanceOf(pool, account)).toBe(0n);
    const { rows } = await pool.query('SELECT FROM entry WHERE wallet_id = $1', [account.walletId]);
    expect(rows).toHaveLength(0);
  }

  test('at its COMMIT stores nothing and rejects with what COMMIT said', async () => {
    const bank = await createBank(pool);
    const anna = await createCustomer(pool);
    await failOn('entry', 'NEW.amount = 333', 'DEFERRABLE INITIALLY DEFERRED');
    const commands = [deposit(bank, anna, 1n), deposit(bank, anna, 333n)];
    await expect(applyCommands(pool, commands)).rejects.toMatchObject({ code: '23514', message: 'on purpose' });
    await expectNothingStored(commands, anna);
  });

  test('in one statement of the pipeline stores nothing and rejects with that first failure', async () => {
    const bank = await createBank(pool);
    const anna = await createCustomer(pool);
    await failOn('operation', 'NEW.amount = 333', '');
    const commands = [deposit(bank, anna, 1n), deposit(bank, anna, 333n)];
    await expect(applyCommands(pool, commands)).rejects.toMatchObject({ code: '23514', message: 'on purpose' });
    await expectNothingStored(commands, anna);
  });

  test('is not taken for committed when only the tag of its COMMIT tells', async () => {
    const bank = await createBank(pool);
    const anna = await createCustomer(pool);
    await failOn('entry', 'NEW.amount = 333', '');
    const commands = [deposit(bank, anna, 333n)];
    await expect(applyCommands(deaf(pool), commands)).rejects.toThrow(NotCommittedError);
    await expectNothingStored(commands, anna);
  });

  test('leaves no connection and no lock behind', async () => {
    const own = openPool(1);
    cleanUps.push(() => own.end());
    const bank = await createBank(own);
    const anna = await createCustomer(own);
    await expect(applyCommands(own, [deposit(bank, anna, 1n, { details: '\0' })])).rejects.toThrow();
    expect(own.idleCount).toBe(0);
    const held = await hold([bank, anna]);
    await held.release();
    await applyCommands(own, [deposit(bank, anna, 1n)]);
  });

  test('because a decision overdraws a wallet is stopped by the database', async () => {
    const [anna, boris] = [await createCustomer(pool), await createCustomer(pool)];
    const command = transfer(anna, boris, 50n);
    const careless = applyCommands(pool, [command], {
      decider: (commands, state, nowMs) => {
        const rich = [...state.wallets].map(([id, wallet]) => [id, { ...wallet, balanceMinor: 50n }] as const);
        const decision = decide(commands, { ...state, wallets: new Map(rich) }, nowMs);
        const wallets = decision.wallets.map((each) => ({ ...each, balanceMinor: each.balanceMinor - 50n }));
        return { ...decision, wallets };
      },
    });
    await expect(careless).rejects.toMatchObject({ code: '23514', constraint: 'wallet_no_overdraft' });
    await expectNothingStored([command], anna);
  });

  /** The same pool, but nobody hears that a statement failed which writes. */
  function deaf(real: Pool): Pool {
    const connect = async () => {
      const client = await real.connect();
      const query = (asked: string | { name?: string }) => {
        const answer = client.query(asked as string);
        const isWrite = typeof asked === 'object' && /insert|update|delete/.test(asked.name ?? '');
        return isWrite ? answer.catch(() => ({ rows: [], command: 'INSERT' })) : answer;
      };
      const [on, off, release] = [client.on.bind(client), client.off.bind(client), client.release.bind(client)];
      return { query, on, off, release };
    };
    return { connect } as unknown as Pool;
  }
});

describe('sessions that stop', () => {
  test('every connection for applying has its time limits', async () => {
    const { rows } = await pool.query<Record<string, string>>(
      `SELECT current_setting('idle_in_transaction_session_timeout') AS idle, current_setting('lock_timeout') AS lock,
         current_setting('statement_timeout') AS statement`,
    );
    expect(rows).toEqual([{ idle: `${IDLE_IN_TRANSACTION_MS / 1_000}s`, lock: '2s', statement: '5s' }]);
  });

  test('a worker frozen inside its transaction loses the rows, and who waited for them gets them', async () => {
    const bank = await createBank(pool);
    const anna = await createCustomer(pool);
    const frozen = await otherPool.connect();
    const lost = new Promise((resolve) => frozen.on('error', resolve));
    await frozen.query('BEGIN');
    await frozen.query('SELECT FROM wallet WHERE id = $1 FOR NO KEY UPDATE', [anna.walletId]);
    const startedMs = performance.now();
    await applyCommands(pool, [deposit(bank, anna, 1n)]);
    expect(performance.now() - startedMs).toBeGreaterThan(IDLE_IN_TRANSACTION_MS / 2);
    expect(await balanceOf(pool, anna)).toBe(1n);
    await expect(lost).resolves.toMatchObject({ code: '25P03' });
    frozen.release(true);
  });

  test('a session that the server ends while its statements wait rejects the call and harms nothing else', async () => {
    const bank = await createBank(pool);
    const anna = await createCustomer(pool);
    const held = await hold([anna]);
    const command = deposit(bank, anna, 1n);
    const applying = applyCommands(pool, [command]);
    const failed = expect(applying).rejects.toMatchObject({ code: '57P01' });
    const [pid] = await waiters(1);
    await held.client.query('SELECT pg_terminate_backend($1)', [pid]);
    await failed;
    await held.release();
    await applyCommands(pool, [command]);
    expect(await balanceOf(pool, anna)).toBe(1n);
  });

  test('rows held for longer than the lock limit are given up with an error', async () => {
    const bank = await createBank(pool);
    const anna = await createCustomer(pool);
    await hold([anna]);
    await expect(applyCommands(pool, [deposit(bank, anna, 1n)])).rejects.toMatchObject({ code: '55P03' });
  });
});

describe('what the database refuses by itself', () => {
  test.each(['operation', 'entry'])('the rows of %s can be neither changed nor removed', async (table) => {
    const bank = await createBank(pool);
    await applyCommands(pool, [deposit(bank, await createCustomer(pool), 1n)]);
    for (const change of [`UPDATE ${table} SET amount = amount`, `DELETE FROM ${table}`, `TRUNCATE ${table}`]) {
      await expect(pool.query(change)).rejects.toMatchObject({ code: '23001' });
    }
  });

  test.each([
    ['a customer wallet below zero', 'balance = -1', 'wallet_no_overdraft'],
    ['more held than there is', 'held = balance + 1', 'wallet_no_overdraft'],
    ['a negative hold', 'held = -1', 'wallet_held_check'],
    ['a balance of sixteen digits', 'balance = 1000000000000000', 'wallet_balance_limit'],
  ])('%s breaks a constraint', async (_, change, constraint) => {
    const anna = await createCustomer(pool);
    await expect(pool.query(`UPDATE wallet SET ${change} WHERE id = $1`, [anna.walletId])).rejects.toMatchObject({
      code: '23514',
      constraint,
    });
  });

  test.each([
    ['a freezing that moves money', `'freeze', 'rejected', 'expired', 1, NULL, NULL`, 'operation_moves'],
    ['a transfer that moves nothing', `'transfer', 'rejected', 'expired', 0, NULL, NULL`, 'operation_moves'],
    ['an applied freezing with one number', `'freeze', 'applied', NULL, 0, 1, NULL`, 'operation_outcome'],
    ['an applied transfer without entries', `'transfer', 'applied', NULL, 1, NULL, NULL`, 'operation_outcome'],
    ['an applied transfer with one entry', `'transfer', 'applied', NULL, 1, 1, NULL`, 'operation_outcome'],
    ['a kind that there is not', `'gift', 'rejected', 'expired', 0, NULL, NULL`, 'operation_kind_check'],
  ])('%s breaks a constraint', async (_, values, constraint) => {
    const insert = pool.query(
      `INSERT INTO operation (kind, status, reason, amount, debit_seq, credit_seq, id, debit_wallet_id, credit_wallet_id,
         currency, initiator_id, request_id, request_hash, accepted_at)
       VALUES (${values}, gen_random_uuid(), 1, 1, 'RUB', 1, gen_random_uuid(), sha256('x'), now())`,
    );
    await expect(insert).rejects.toMatchObject({ code: '23514', constraint });
  });
});

describe('plans', () => {
  test('made while the tables were empty use indexes when they have grown', async () => {
    const small = await createTestDatabase();
    cleanUps.push(() => small.drop());
    const [applying, reading] = [openApplyPool(small.url, 1), openRequestPool(small.url, 1)];
    cleanUps.push(() => Promise.all([applying.end(), reading.end()]));
    const bank = await createBank(applying);
    const [anna, boris] = [await createCustomer(applying), await createCustomer(applying)];
    const useEveryStatement = async () => {
      const commands = [deposit(bank, anna, 2n), transfer(anna, boris, 1n)];
      await insertPending(reading, [{ command: commands[0]!, dueInMs: 0 }], { partitions: 4, room: 1_000_000 });
      await claimDue(applying, 0, 500);
      await applyCommands(applying, commands);
      await readOutcomes(
        reading,
        commands.map(({ id }) => id),
      );
      await clearKept(applying, 0, 500);
    };
    // From the sixth execution on PostgreSQL keeps one plan for all parameters.
    for (let round = 0; round < 8; round++) await useEveryStatement();
    await grow(applying);
    const before = await sequentialScans(applying, reading);
    for (let round = 0; round < 3; round++) await useEveryStatement();
    const after = await sequentialScans(applying, reading);
    const tables = ['entry', 'operation', 'pending_operation', 'refused_operation', 'wallet'];
    expect(before.map(({ table }) => table)).toEqual(tables);
    expect(after).toEqual(before);
  });

  async function grow(into: Pool): Promise<void> {
    await into.query(`
      INSERT INTO wallet (owner_id, kind, currency)
        SELECT (SELECT min(id) FROM app_user), 'customer', chr(65 + n / 676) || chr(65 + n / 26 % 26) || chr(65 + n % 26)
        FROM generate_series(0, 9999) n;
      INSERT INTO operation (id, kind, status, reason, debit_wallet_id, credit_wallet_id, amount, currency, initiator_id,
          request_id, request_hash, accepted_at)
        SELECT gen_random_uuid(), 'deposit', 'rejected', 'expired', 1, 2, 1, 'RUB', 1, gen_random_uuid(),
          decode(repeat('00', 32), 'hex'), now() FROM generate_series(1, 20000);
      INSERT INTO refused_operation (id, kind, reason, debit_wallet_id, credit_wallet_id, amount, currency,
          initiator_id, request_id, request_hash, accepted_at)
        SELECT gen_random_uuid(), 'deposit', 'expired', 1, 2, 1, 'RUB', 1, gen_random_uuid(),
          decode(repeat('00', 32), 'hex'), now() FROM generate_series(1, 20000);
      INSERT INTO entry (wallet_id, seq, operation_id, amount, balance_after)
        SELECT 1000000, n, gen_random_uuid(), 1, 1 FROM generate_series(1, 20000) n;
      INSERT INTO pending_operation (id, partition, command, request_hash, next_attempt_at)
        SELECT gen_random_uuid(), 0, '{}', decode(repeat('00', 32), 'hex'), now() + interval '1 hour'
        FROM generate_series(1, 20000)`);
  }

  async function sequentialScans(...sessions: Pool[]): Promise<{ table: string }[]> {
    for (const session of sessions) await session.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await sessions[0]!.query<{ table: string }>(
      `SELECT relname AS table, seq_scan, seq_tup_read FROM pg_stat_user_tables
       WHERE relname IN ('wallet', 'operation', 'refused_operation', 'entry', 'pending_operation') ORDER BY relname`,
    );
    return rows;
  }
});
