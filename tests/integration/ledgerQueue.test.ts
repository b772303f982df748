/**
 * The queues themselves, on both backends: one envelope of a partition at a time in the whole fleet, in order, and a
 * worker that dies, freezes or forgets is soon made up for. With workers in this process where a test must hold them,
 * and with real worker processes where they are killed.
 */
import type { Job } from 'bullmq';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keepSerial } from '../../worker/apply/keepSerial.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { toEnvelope } from '../../shared/queue/contracts.ts';
import { UnreadableEnvelopeError } from '../../shared/queue/ledgerQueue.ts';
import { createQueueBackend } from '../../shared/queue/queueBackend.ts';
import type { LedgerQueue, LedgerWorker, QueueBackend } from '../../shared/queue/ledgerQueue.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { balanceOf, createBank, createCustomer, deposit, holdAccounts, outcomesOf } from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { expectSoundBooks } from '../support/inspect.ts';
import { failedReason, withQueue } from '../support/ledgerJobs.ts';
import { openApplyPool } from '../support/pools.ts';
import { spawnService } from '../support/processes.ts';
import type { Service } from '../support/processes.ts';
import { wipeQueues } from '../support/queues.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

/** How long a partition may stand still after its worker died. */
const TAKE_OVER_MS = 5_000;
const EMPTY = { v: 1, commands: [] };

describe.each(backends)('on %s', (backend) => {
  let stores: Stores;
  let cleanUps: (() => unknown)[];

  beforeEach(async () => {
    cleanUps = [];
    stores = await createStores(backend, { partitions: 2 });
    cleanUps.push(stores.drop);
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  });

  function openBackend(): QueueBackend {
    const { databaseUrl, redisUrl } = stores;
    const opened = createQueueBackend({ databaseUrl, redisUrl, partitions: 2, role: 'test', onError: () => undefined });
    cleanUps.push(opened.close);
    return opened;
  }

  function openQueue(partition = 0): LedgerQueue {
    const queue = openBackend().openQueue(partition);
    cleanUps.push(queue.close);
    return queue;
  }

  /** As in a process of its own. */
  function openWorker(handler: (jobId: string, data: unknown) => Promise<void>, partition = 0): LedgerWorker {
    const worker = openBackend().openWorker(partition, handler);
    worker.resume();
    cleanUps.push(worker.close);
    return worker;
  }

  /** A fleet of workers of one partition that notes what it does. Envelopes wait in a worker's hand until let go. */
  function openFleet(size: number, partition = 0) {
    const begun: string[] = [];
    const active = new Map<string, () => void>();
    let mostAtOnce = 0;
    for (let index = 0; index < size; index++) {
      openWorker(async (jobId) => {
        begun.push(jobId);
        await new Promise<void>((resolve) => {
          active.set(jobId, resolve);
          mostAtOnce = Math.max(mostAtOnce, active.size);
        });
        active.delete(jobId);
      }, partition);
    }
    const letGo = () => [...active.values()].forEach((resolve) => resolve());
    cleanUps.push(letGo);
    return { begun, active, letGo, mostAtOnce: () => mostAtOnce };
  }

  describe('a partition', () => {
    test('has one active envelope at a time among three workers, in the order of arrival', async () => {
      const queue = openQueue();
      await queue.assertSerial();
      const ids = Array.from({ length: 30 }, (_, index) => `e-${index}`);
      for (const id of ids) await queue.add(id, EMPTY);
      const fleet = openFleet(3);
      await until('all are done', () => {
        fleet.letGo();
        return fleet.begun.length === ids.length && fleet.active.size === 0;
      });
      expect(fleet.begun).toEqual(ids);
      expect(fleet.mostAtOnce()).toBe(1);
    });

    test('does not wait for another partition', async () => {
      const queues = [openQueue(0), openQueue(1)];
      for (const queue of queues) {
        await queue.assertSerial();
        await queue.add('e-1', EMPTY);
      }
      const [one, other] = [openFleet(1, 0), openFleet(1, 1)];
      await until('both are active', () => one.active.size === 1 && other.active.size === 1);
    });

    test('that was wiped runs one envelope at a time again as soon as that is said again', async () => {
      const queue = openQueue();
      await queue.assertSerial();
      await wipeQueues(stores);
      expect(await concurrency()).not.toBe(1);
      const serial = keepSerial({ queues: [queue], onFailure: () => undefined });
      cleanUps.push(serial.stop);
      await until('it is said again', async () => (await concurrency()) === 1);
      await wipeQueues(stores);
      await until('it is said again, with nobody asking', async () => (await concurrency()) === 1, 4_000);
      for (const id of ['e-1', 'e-2', 'e-3']) await queue.add(id, EMPTY);
      const fleet = openFleet(3);
      await until('all are done', () => {
        fleet.letGo();
        return fleet.begun.length === 3 && fleet.active.size === 0;
      });
      expect(fleet.mostAtOnce()).toBe(1);
    });

    async function concurrency(): Promise<number | null> {
      return withQueue(stores, 0, (queue) => queue.getGlobalConcurrency());
    }
  });

  describe('an envelope', () => {
    test('whose id the queue has is not added again, and can be when it is removed', async () => {
      const queue = openQueue();
      expect(await queue.stateOf('e-1')).toBeUndefined();
      await queue.add('e-1', EMPTY);
      await queue.add('e-1', { v: 1, commands: [] });
      expect([await queue.stateOf('e-1'), (await queue.counts()).waiting]).toEqual(['waiting', 1]);
      await queue.remove('e-1');
      expect(await queue.stateOf('e-1')).toBeUndefined();
      await queue.add('e-1', EMPTY);
      expect(await queue.stateOf('e-1')).toBe('waiting');
    });

    test('that is done is remembered for a while, unless it is to leave no trace', async () => {
      const queue = openQueue();
      await queue.add('e-1', EMPTY);
      await queue.add('sweep-0', EMPTY, { keepCompleted: false });
      openWorker(() => Promise.resolve());
      await until('the last one is gone', async () => (await queue.stateOf('sweep-0')) === undefined);
      expect(await queue.stateOf('e-1')).toBe('completed');
      await queue.add('sweep-0', EMPTY, { keepCompleted: false });
      await until('it was done again', async () => (await queue.stateOf('sweep-0')) === undefined);
    });

    test('that is done keeps who, what and how much, and not what people wrote', async () => {
      const pool = openApplyPool(stores.databaseUrl);
      cleanUps.push(() => pool.end());
      const [bank, anna] = [await createBank(pool), await createCustomer(pool)];
      const texts = { details: 'The rent', externalId: 'A-17' };
      const envelope = toEnvelope([deposit(bank, anna, 5n, texts), deposit(bank, anna, 6n)]);
      const taken: unknown[] = [];
      openWorker((_jobId, data) => Promise.resolve(void taken.push(data)));
      await openQueue().add('e-1', envelope);
      const bare = { details: undefined, externalId: undefined };
      const left = { v: envelope.v, commands: envelope.commands.map((command) => ({ ...command, ...bare })) };
      await withQueue(stores, 0, (queue) =>
        until('it is done and nothing is read in it', async () => {
          const job = (await queue.getJob('e-1')) as Job | undefined;
          return (await job?.isCompleted()) === true && !JSON.stringify(job).includes('The rent') && job;
        }).then((job) => expect(job.data).toEqual(left)),
      );
      expect(taken).toEqual([envelope]);
    });

    test('that is done stays until ten others are', async () => {
      const queue = openQueue();
      openWorker(() => Promise.resolve());
      const jobIds = Array.from({ length: 14 }, (_, place) => `e-${place}`);
      for (const jobId of jobIds) await queue.add(jobId, EMPTY);
      await until('the last is done', async () => (await queue.stateOf('e-13')) === 'completed');
      const states = await Promise.all(jobIds.map(queue.stateOf));
      expect(states.filter((state) => state === 'completed')).toHaveLength(10);
    });

    test('that fails is tried again a second later, and lets the next one pass meanwhile', async () => {
      const queue = openQueue();
      await queue.assertSerial();
      await queue.add('e-1', EMPTY);
      await queue.add('e-2', EMPTY);
      const begun: [string, number][] = [];
      openWorker((jobId) => {
        begun.push([jobId, performance.now()]);
        return begun.length === 1 ? Promise.reject(new Error('not now')) : Promise.resolve();
      });
      await until('both are done', () => begun.length === 3);
      expect(begun.map(([jobId]) => jobId)).toEqual(['e-1', 'e-2', 'e-1']);
      expect(begun[2]![1] - begun[0]![1]).toBeGreaterThan(900);
    });

    test('that is put off may be begun at once, and one that is not put off stays as it is', async () => {
      const queue = openQueue();
      await withQueue(stores, 0, (each) => each.add('envelope', EMPTY, { jobId: 'e-1', delay: 3_600_000 }));
      await queue.add('e-2', EMPTY);
      expect(await queue.delayedIds()).toEqual(['e-1']);
      for (const id of ['e-1', 'e-1', 'e-2', 'e-3']) await queue.promote(id);
      expect(await queue.delayedIds()).toEqual([]);
      const fleet = openFleet(1);
      await until('both are begun', () => {
        fleet.letGo();
        return fleet.begun.length === 2;
      });
      expect(fleet.begun).toEqual(['e-2', 'e-1']);
    });

    test('that no retry can mend is given up at once, with its reason', async () => {
      const queue = openQueue();
      await queue.add('e-1', EMPTY);
      let tries = 0;
      openWorker(() => {
        tries++;
        return Promise.reject(new UnreadableEnvelopeError('command 0: no amount'));
      });
      await until('it is given up', async () => (await queue.stateOf('e-1')) === 'failed');
      expect([tries, await failedReason(stores, 0, 'e-1')]).toEqual([1, 'command 0: no amount']);
    });

    test('that a paused partition holds stays where it is until the partition is resumed', async () => {
      const queue = openQueue();
      await withQueue(stores, 0, (each) => each.pause());
      expect(await queue.isPaused()).toBe(true);
      await queue.add('e-1', EMPTY);
      const fleet = openFleet(1);
      await queue.add('e-2', EMPTY);
      expect([fleet.begun, (await queue.counts()).waiting]).toEqual([[], 2]);
      await withQueue(stores, 0, (each) => each.resume());
      await until('it is taken', () => fleet.begun.length === 1);
      expect([fleet.begun, await queue.isPaused()]).toEqual([['e-1'], false]);
    });

    test('in a worker’s hand is finished before the worker closes, and no other is begun', async () => {
      const queue = openQueue();
      await queue.add('e-1', EMPTY);
      await queue.add('e-2', EMPTY);
      const begun: string[] = [];
      let finish!: () => void;
      const worker = openWorker((jobId) => {
        begun.push(jobId);
        return new Promise((resolve) => (finish = resolve));
      });
      await until('it is taken', () => begun.length === 1);
      const closing = worker.close();
      finish();
      await closing;
      expect([begun, await queue.stateOf('e-1'), await queue.stateOf('e-2')]).toEqual([
        ['e-1'],
        'completed',
        'waiting',
      ]);
    });
  });

  describe('a worker process', () => {
    let pool: Pool;
    let queue: LedgerQueue;
    let bank: Account;
    let anna: Account;

    beforeEach(async () => {
      pool = openApplyPool(stores.databaseUrl);
      cleanUps.push(() => pool.end());
      bank = await createBank(pool, { walletId: 1n });
      anna = await createCustomer(pool, { walletId: 2n });
      queue = openQueue();
    });

    /** Its sessions are known by its name. */
    async function spawnWorker(name: string): Promise<Service> {
      const url = new URL(stores.databaseUrl);
      url.searchParams.set('application_name', name);
      const worker = await spawnService('worker', { ...stores.env, DATABASE_URL: url.href, LOG_LEVEL: 'info' });
      cleanUps.push(() => worker.stop());
      return worker;
    }

    async function add(jobId: string): Promise<Command> {
      const command = deposit(bank, anna, 1n);
      await queue.add(jobId, toEnvelope([command]));
      return command;
    }

    const isApplied = (command: Command) => async () => (await outcomesOf(pool, [command]))[0] === 'applied';
    /** The name of the worker whose session waits for a row. */
    const atWork = () =>
      until('a worker waits for the row', async () => {
        const waiting = await sessions(`wait_event_type = 'Lock'`);
        return waiting[0];
      });
    const sessions = async (where: string) => {
      const { rows } = await pool.query<{ name: string }>(
        `SELECT application_name AS name FROM pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE 'worker-%' AND ${where}`,
      );
      return rows.map(({ name }) => name);
    };

    test.each([
      ['killed', 'SIGKILL'],
      ['frozen', 'SIGSTOP'],
    ] as const)(
      'that is %s with an envelope in its hand is made up for by another within five seconds',
      async (_, signal) => {
        const [first, second] = [await spawnWorker('worker-1'), await spawnWorker('worker-2')];
        await until('they work', isApplied(await add('e-0')));
        const held = await holdAccounts(stores.databaseUrl, [anna]);
        cleanUps.push(() => held.client.end());
        const inHand = await add('e-1');
        const holder = (await atWork()) === 'worker-1' ? first : second;
        const next = await add('e-2');
        holder.kill(signal);
        cleanUps.push(() => holder.kill('SIGCONT'));
        const goneMs = performance.now();
        await held.release();
        await until('both are applied', async () => (await isApplied(inHand)()) && (await isApplied(next)()));
        expect(performance.now() - goneMs).toBeLessThan(TAKE_OVER_MS);

        // Back from the frost it finds that others have done its work, and does no harm.
        holder.kill('SIGCONT');
        const last = [await add('e-3'), await add('e-4')];
        await until('the rest is applied', async () =>
          (await outcomesOf(pool, last)).every((each) => each === 'applied'),
        );
        expect(await balanceOf(pool, anna)).toBe(5n);
        const ends = await Promise.all([first.stop(), second.stop()]);
        expect(ends.filter(({ code }) => code === 0)).toHaveLength(signal === 'SIGKILL' ? 1 : 2);
        await expectSoundBooks(stores.databaseUrl);
      },
    );

    test('that is told to end finishes the envelope in its hand and exits', async () => {
      const worker = await spawnWorker('worker-1');
      const held = await holdAccounts(stores.databaseUrl, [anna]);
      cleanUps.push(() => held.client.end());
      const command = await add('e-1');
      await atWork();
      const stopping = worker.stop();
      await held.release();
      expect(await stopping).toEqual({ code: 0, signal: null });
      expect(await isApplied(command)()).toBe(true);
      expect(await sessions('true')).toEqual([]);
    });

    if (backend === 'postgres')
      test('stands by while another one works', async () => {
        const first = await spawnWorker('worker-1');
        await until('the first leads', () => first.output().includes('leading: queue-worker'));
        const second = await spawnWorker('worker-2');
        for (let index = 0; index < 5; index++) await until('it is applied', isApplied(await add(`e-${index}`)));
        expect(second.output()).not.toContain('leading: queue-worker');
        await first.stop();
        await until('the second leads', () => second.output().includes('leading: queue-worker'), TAKE_OVER_MS);
        await until('it is applied', isApplied(await add('e-last')), TAKE_OVER_MS);
      });
  });
});
