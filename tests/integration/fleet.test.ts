/** Figures of the whole fleet, as the process tells them whose turn it is: what is in the queues, what is promised. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { createQueueBackend } from '../../shared/queue/queueBackend.ts';
import type { LedgerQueue, QueueBackend } from '../../shared/queue/ledgerQueue.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { createFleetCount } from '../../shared/telemetry/fleet.ts';
import { openRequestPool } from '../support/pools.ts';
import { openQueues } from '../support/queues.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { startTcpProxy } from '../support/tcpProxy.ts';
import { until } from '../support/waiting.ts';

const EMPTY = { v: 1, commands: [] };

describe.each(backends)('with the queues on %s', (kind) => {
  let stores: Stores;
  let pool: Pool;
  let backend: QueueBackend;
  let queues: LedgerQueue[];
  let closings: (() => Promise<unknown>)[];

  beforeEach(async () => {
    stores = await createStores(kind, { partitions: 2 });
    closings = [];
    pool = openRequestPool(stores.databaseUrl);
    openBackend(stores);
    await until('the queues are reached', () => backend.isConnected());
  });
  afterEach(async () => {
    await Promise.all(closings.map((close) => close()));
    await Promise.all(queues.map((queue) => queue.close()));
    await backend.close();
    await pool.end();
    await stores.drop();
  });

  function openBackend({ databaseUrl, redisUrl }: Pick<Stores, 'databaseUrl' | 'redisUrl'>): void {
    backend = createQueueBackend({
      ...{ databaseUrl, redisUrl, partitions: 2 },
      role: 'test',
      onError: () => undefined,
    });
    queues = [0, 1].map(backend.openQueue);
  }

  const count = () => createFleetCount({ pool, queues })();
  const idMadeAt = (msecs: number) => `e-${uuidv7({ msecs })}`;

  test('an idle fleet has nothing anywhere, and says so', async () => {
    const figures = await count();
    expect(figures).toEqual({
      saldo_pending_operations: 0,
      saldo_pending_oldest_age_seconds: 0,
      ...Object.fromEntries(
        [0, 1].flatMap((partition) => [
          ...['waiting', 'active', 'delayed', 'failed'].map((state) => [
            `saldo_queue_jobs{partition="${partition}",state="${state}"}`,
            0,
          ]),
          [`saldo_queue_oldest_age_seconds{partition="${partition}"}`, 0],
          [`saldo_queue_paused{partition="${partition}"}`, 0],
        ]),
      ),
    });
  });

  test('envelopes are counted by partition, and as old as the oldest of them', async () => {
    await queues[1]!.add(idMadeAt(Date.now() - 60_000), EMPTY);
    await queues[1]!.add(idMadeAt(Date.now() - 30_000), EMPTY);
    const figures = await count();
    expect(figures['saldo_queue_jobs{partition="1",state="waiting"}']).toBe(2);
    expect(figures['saldo_queue_jobs{partition="0",state="waiting"}']).toBe(0);
    expect(figures['saldo_queue_oldest_age_seconds{partition="1"}']).toBeCloseTo(60, -1);
    expect(figures['saldo_queue_oldest_age_seconds{partition="0"}']).toBe(0);
  });

  test('an envelope that waits in a paused queue is waiting, and no younger for it', async () => {
    const handled = openQueues(stores);
    closings.push(handled.close);
    await handled.pause();
    await queues[0]!.add(idMadeAt(Date.now() - 60_000), EMPTY);
    const figures = await count();
    expect(figures['saldo_queue_paused{partition="0"}']).toBe(1);
    expect(figures['saldo_queue_jobs{partition="0",state="waiting"}']).toBe(1);
    expect(figures['saldo_queue_oldest_age_seconds{partition="0"}']).toBeCloseTo(60, -1);
  });

  test('one that is being applied, and one that waits to be tried again, count for the age; one given up does not', async () => {
    let finish: (() => void) | undefined;
    const worker = backend.openWorker(0, async () => {
      await new Promise<void>((resolve) => (finish = resolve));
      throw new Error('on purpose');
    });
    closings.push(() => worker.close());
    worker.resume();
    await queues[0]!.add(idMadeAt(Date.now() - 60_000), EMPTY);
    await until('it is in the hand', () => finish !== undefined);
    const active = await count();
    expect(active['saldo_queue_jobs{partition="0",state="active"}']).toBe(1);
    expect(active['saldo_queue_oldest_age_seconds{partition="0"}']).toBeCloseTo(60, -1);
    finish?.();
    const delayed = await until('it waits for another try', async () => {
      const figures = await count();
      return figures['saldo_queue_jobs{partition="0",state="delayed"}'] === 1 && figures;
    });
    expect(delayed['saldo_queue_oldest_age_seconds{partition="0"}']).toBeCloseTo(60, -1);
    finish = undefined;
    await until('it is tried again', () => finish !== undefined);
    (finish as unknown as () => void)();
  });

  test('the sweep’s envelope, whose id tells no time, is as old as the queue says', async () => {
    await queues[0]!.add('sweep-0', EMPTY);
    expect(await queues[0]!.oldestAtMs()).toBeGreaterThan(Date.now() - 10_000);
    expect(await queues[0]!.oldestAtMs()).toBeLessThan(Date.now() + 10_000);
  });

  test('promises are counted, and as old as the oldest of them', async () => {
    await pool.query(
      `INSERT INTO pending_operation (id, partition, command, request_hash, next_attempt_at, created_at)
       SELECT id, 0, '{}', decode(repeat('00', 32), 'hex'), clock_timestamp(), clock_timestamp() - age * interval '1 s'
       FROM unnest($1::uuid[], $2::int[]) AS t(id, age)`,
      [
        [randomUUID(), randomUUID(), randomUUID()],
        [10, 90, 50],
      ],
    );
    const figures = await count();
    expect(figures['saldo_pending_operations']).toBe(3);
    expect(figures['saldo_pending_oldest_age_seconds']).toBeCloseTo(90, -1);
  });

  test('a queue that does not answer costs its own figures and not much time', async () => {
    const url = new URL(stores.redisUrl ?? stores.databaseUrl);
    const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
    closings.push(() => proxy.close());
    url.host = `127.0.0.1:${proxy.port}`;
    await Promise.all(queues.map((queue) => queue.close()));
    await backend.close();
    openBackend(kind === 'redis' ? { ...stores, redisUrl: url.href } : { ...stores, databaseUrl: url.href });
    await until('the queues are reached', () => backend.isConnected());
    await count();
    proxy.freeze();
    const startedMs = performance.now();
    const figures = await count();
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(Object.keys(figures)).toEqual(['saldo_pending_operations', 'saldo_pending_oldest_age_seconds']);
    await proxy.restore();
  });
});
