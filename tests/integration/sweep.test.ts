/**
 * How the promises of 202 are kept: what is due comes back into its queue, once at a time, whatever happens to the
 * queue, to the sweeper, or to a second sweeper beside it.
 */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { applyEnvelope } from '../../worker/apply/applyEnvelope.ts';
import { startSweep, sweepOnce } from '../../worker/sweep/sweep.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { MAX_ENVELOPE_COMMANDS, toEnvelope } from '../../shared/queue/contracts.ts';
import { createQueueBackend } from '../../shared/queue/queueBackend.ts';
import type { LedgerQueue, QueueBackend } from '../../shared/queue/ledgerQueue.ts';
import { countPending, insertPending } from '../../shared/store/ledger/pendingOperations.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { applyDeps } from '../support/applyDeps.ts';
import {
  balanceOf,
  createBank,
  createCustomer,
  createOperator,
  deposit,
  freezing,
  isFrozen,
  outcomesOf,
} from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { expectSoundBooks, query } from '../support/inspect.ts';
import { failedReason, withQueue } from '../support/ledgerJobs.ts';
import { openApplyPool } from '../support/pools.ts';
import { wipeQueues } from '../support/queues.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const PARTITIONS = 4;
const logger = pino({ level: 'silent' });

describe.each(backends)('on %s', (backend) => {
  let stores: Stores;
  let pool: Pool;
  let queueBackend: QueueBackend;
  let queues: LedgerQueue[];
  let bank: Account;
  /** One per partition. */
  let people: Account[];
  let cleanUps: (() => Promise<unknown>)[];

  beforeEach(async () => {
    stores = await createStores(backend);
    pool = openApplyPool(stores.databaseUrl);
    const { databaseUrl, redisUrl } = stores;
    queueBackend = createQueueBackend({
      databaseUrl,
      redisUrl,
      partitions: PARTITIONS,
      role: 'test',
      onError: () => undefined,
    });
    queues = Array.from({ length: PARTITIONS }, (_, partition) => queueBackend.openQueue(partition));
    bank = await createBank(pool, { walletId: 1n });
    people = await Promise.all([4n, 5n, 6n, 7n].map((walletId) => createCustomer(pool, { walletId })));
    cleanUps = [];
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
    await expectSoundBooks(stores.databaseUrl);
    await Promise.all(queues.map((queue) => queue.close()));
    await queueBackend.close();
    await pool.end();
    await stores.drop();
  });

  const toPartition = (partition: number) => deposit(bank, people[partition]!, 1n);
  const sweep = (given: readonly LedgerQueue[] = queues) => sweepOnce({ pool, queues: given, logger });
  const waiting = async (partition: number) => (await queues[partition]!.counts()).waiting;
  const failedIds = (partition: number) =>
    withQueue(stores, partition, async (queue) => (await queue.getFailed()).map(({ id }) => id!));
  const makeDue = () =>
    query(stores.databaseUrl, `UPDATE pending_operation SET next_attempt_at = now() - interval '1 second'`);
  const attempts = async () => {
    const rows = await query<{ attempts: number }>(
      stores.databaseUrl,
      'SELECT attempts FROM pending_operation ORDER BY id',
    );
    return rows.map((row) => row.attempts);
  };

  async function promise(commands: readonly Command[], dueInMs = 0): Promise<void> {
    const promised = commands.map((command) => ({ command, dueInMs }));
    await insertPending(pool, promised, { partitions: PARTITIONS, room: 10_000 });
  }

  function startWorker(partition: number): void {
    const worker = queueBackend.openWorker(partition, (jobId, data) =>
      applyEnvelope(applyDeps(pool), { partition, jobId }, data),
    );
    worker.resume();
    cleanUps.push(worker.close);
  }

  test('what is due comes into its own queue and is applied once, and its promise is gone', async () => {
    const commands = [0, 1, 2, 3, 1].map(toPartition);
    const later = toPartition(0);
    await promise(commands);
    await promise([later], 60_000);
    expect(await sweep()).toEqual({ swept: 5, failed: [] });
    expect(await Promise.all([0, 1, 2, 3].map(waiting))).toEqual([1, 1, 1, 1]);
    [0, 1, 2, 3].forEach(startWorker);
    await until('all is decided', async () => (await countPending(pool)) === 1);
    expect(await outcomesOf(pool, [...commands, later])).toEqual([...commands.map(() => 'applied'), 'none']);
    expect(await balanceOf(pool, people[1]!)).toBe(2n);
    expect(await sweep()).toEqual({ swept: 0, failed: [] });
  });

  test('a partition has one sweep envelope at a time, of no more commands than an envelope may have', async () => {
    const commands = Array.from({ length: MAX_ENVELOPE_COMMANDS + 3 }, () => toPartition(2));
    await promise(commands);
    expect((await sweep()).swept).toBe(MAX_ENVELOPE_COMMANDS);
    expect((await sweep()).swept).toBe(0);
    expect(await waiting(2)).toBe(1);
    startWorker(2);
    await until('the first are decided', async () => (await countPending(pool)) === 3);
    await until('the next may follow', async () => (await sweep()).swept === 3);
    await until('the rest is decided', async () => (await countPending(pool)) === 0);
    expect(await balanceOf(pool, people[2]!)).toBe(BigInt(commands.length));
  });

  test('a paused partition gets nothing and loses nothing, and the others have their turn', async () => {
    const [paused, running] = [toPartition(0), toPartition(3)];
    await withQueue(stores, 0, (queue) => queue.pause());
    await promise([paused, running]);
    expect(await sweep()).toEqual({ swept: 1, failed: [] });
    expect([await waiting(0), await waiting(3)]).toEqual([0, 1]);
    expect((await attempts()).sort()).toEqual([0, 1]);
    await withQueue(stores, 0, (queue) => queue.resume());
    expect((await sweep()).swept).toBe(1);
  });

  test('what was swept is left alone for its pause, and swept again when that is over', async () => {
    const command = toPartition(0);
    await promise([command]);
    await sweep();
    await wipeQueues(stores);
    expect((await sweep()).swept).toBe(0);
    await makeDue();
    expect((await sweep()).swept).toBe(1);
    expect(await attempts()).toEqual([2]);
    startWorker(0);
    await until('it is decided', async () => (await countPending(pool)) === 0);
    expect(await balanceOf(pool, people[0]!)).toBe(1n);
  });

  test('a promise that was kept already is removed and not sent', async () => {
    const command = toPartition(0);
    await promise([command]);
    // Its outcome is there beside the promise, as when both were written at the same moment.
    await query(
      stores.databaseUrl,
      `INSERT INTO operation (id, kind, status, reason, debit_wallet_id, credit_wallet_id, amount, currency, initiator_id,
         request_id, request_hash, accepted_at)
       SELECT id, 'deposit', 'rejected', 'expired', 1, 4, 1, 'RUB', ${bank.userId}, id, request_hash, now()
       FROM pending_operation`,
    );
    expect(await sweep()).toEqual({ swept: 0, failed: [] });
    expect([await countPending(pool), await waiting(0)]).toEqual([0, 0]);
  });

  test('a promise that cannot be read is reported in the failed set, and those beside it are kept', async () => {
    const [broken, sound] = [toPartition(1), toPartition(1)];
    await promise([broken, sound]);
    const spoil = `UPDATE pending_operation SET command = command - 'amount' WHERE id = '${broken.id}'`;
    await query(stores.databaseUrl, spoil);
    startWorker(1);
    expect((await sweep()).swept).toBe(2);
    const [jobId] = await until('it is in the failed set', async () => {
      const ids = await failedIds(1);
      return ids.length === 1 && ids;
    });
    expect(await failedReason(stores, 1, jobId!)).toMatch(/command \d: .*amount/s);
    expect(await outcomesOf(pool, [broken, sound])).toEqual(['none', 'applied']);
    // What failed does not stand in the way of what is promised later, and its reason stays where it is.
    const later = toPartition(1);
    await promise([later]);
    expect((await sweep()).swept).toBe(1);
    await until('the later one is decided', async () => (await outcomesOf(pool, [later]))[0] === 'applied');
    expect([await countPending(pool), await failedIds(1)]).toEqual([1, [jobId]]);
  });

  test('a partition keeps its latest ten failed sweep envelopes, and has one on its way at a time all the while', async () => {
    const broken = toPartition(0);
    await promise([broken]);
    await query(stores.databaseUrl, `UPDATE pending_operation SET command = '{}'`);
    startWorker(0);
    const everFailed = new Set<number>();
    let kept: number[] = [];
    for (let round = 1; round <= 12; round++) {
      await makeDue();
      const rounds = await Promise.all([sweep(), sweep()]);
      expect(rounds.reduce((sum, { swept }) => sum + swept, 0)).toBe(1);
      await until('it has failed', async () => {
        const { waiting: open, active, delayed } = await queues[0]!.counts();
        expect(open + active + delayed).toBeLessThanOrEqual(1);
        return open + active + delayed === 0;
      });
      kept = await withQueue(stores, 0, async (queue) => (await queue.getFailed()).map(({ timestamp }) => timestamp));
      expect(kept).toHaveLength(Math.min(round, 10));
      for (const addedAtMs of kept) everFailed.add(addedAtMs);
    }
    expect(everFailed.size).toBe(12);
    expect(kept.sort()).toEqual([...everFailed].sort().slice(-10));
  });

  test('a promised freezing of a wallet is kept like any other promise', async () => {
    const freeze = freezing('freeze', people[2]!, await createOperator(pool));
    await promise([freeze]);
    expect((await sweep()).swept).toBe(1);
    startWorker(2);
    await until('it is decided', async () => (await countPending(pool)) === 0);
    expect([await outcomesOf(pool, [freeze]), await isFrozen(pool, people[2]!)]).toEqual([['applied'], true]);
  });

  test('two sweepers at once send everything once', async () => {
    const commands = Array.from({ length: 40 }, (_, index) => toPartition(index % PARTITIONS));
    await promise(commands);
    const rounds = await Promise.all([sweep(), sweep(), sweep()]);
    expect(rounds.flatMap(({ failed }) => failed)).toEqual([]);
    expect(rounds.reduce((sum, { swept }) => sum + swept, 0)).toBe(40);
    expect(await attempts()).toEqual(commands.map(() => 1));
    [0, 1, 2, 3].forEach(startWorker);
    await makeDue();
    await until('all is decided', async () => {
      await sweep();
      return (await countPending(pool)) === 0;
    });
    expect(await Promise.all(people.map((each) => balanceOf(pool, each)))).toEqual([10n, 10n, 10n, 10n]);
  });

  test('a queue that takes nothing after the claim loses nothing, and keeps no other partition from its turn', async () => {
    const [unlucky, lucky] = [toPartition(0), toPartition(1)];
    await promise([unlucky, lucky]);
    const refusing = { ...queues[0]!, add: () => Promise.reject(new Error('gone')) };
    const { swept, failed } = await sweep([refusing, ...queues.slice(1)]);
    expect([swept, failed]).toEqual([1, [expect.objectContaining({ message: 'gone' })]]);
    expect([await waiting(0), await countPending(pool), await attempts()]).toEqual([0, 2, [1, 1]]);
    await makeDue();
    expect((await sweep()).swept).toBe(1);
    startWorker(0);
    await until('it is decided', async () => (await outcomesOf(pool, [unlucky]))[0] === 'applied');
  });

  test('a sweep and the first delivery of the same command together apply it once', async () => {
    const command = toPartition(3);
    await promise([command]);
    await queues[3]!.add('e-first', toEnvelope([command]));
    expect((await sweep()).swept).toBe(1);
    startWorker(3);
    await until('both are done', async () => (await queues[3]!.counts()).waiting === 0);
    await until('it is decided', async () => (await countPending(pool)) === 0);
    expect(await balanceOf(pool, people[3]!)).toBe(1n);
  });

  test('sweeping goes on by itself while this process leads, and ends with it', async () => {
    let isLeader = false;
    let resigned = 0;
    const leadership = { isLeader: () => isLeader, resign: () => (resigned += 1) };
    const sweeping = startSweep({ pool, queues, logger, leadership });
    cleanUps.push(sweeping.stop);
    await promise([toPartition(0)]);
    isLeader = true;
    await until('it is swept', async () => (await waiting(0)) === 1, 3_000);
    await sweeping.stop();
    await promise([toPartition(1)]);
    expect([await waiting(1), resigned]).toEqual([0, 0]);
  });
});

test('a leader that cannot sweep three times in a row lets another one try', async () => {
  const stores = await createStores('postgres');
  const gone = openApplyPool(stores.databaseUrl);
  await gone.end();
  let resigned = 0;
  const leadership = { isLeader: () => true, resign: () => (resigned += 1) };
  const startedMs = performance.now();
  const sweeping = startSweep({ pool: gone, queues: [], logger, leadership });
  await until('it resigns', () => resigned === 1);
  expect(performance.now() - startedMs).toBeGreaterThan(1_500);
  await sweeping.stop();
  await stores.drop();
});
