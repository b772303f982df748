/**
 * Connections to Redis that lead nowhere any more are found out and dropped, whoever holds them, and those that merely have
 * to wait are kept. Why Redis cannot be used is said in words.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createQueueBackend } from '../../shared/queue/queueBackend.ts';
import type { QueueBackend } from '../../shared/queue/ledgerQueue.ts';
import { createRedisConnections } from '../../shared/queue/redisConnections.ts';
import { startProxy } from '../chaos/proxy.ts';
import type { Proxy } from '../chaos/proxy.ts';
import { startRedis } from '../support/redisServer.ts';
import type { RedisServer } from '../support/redisServer.ts';
import { backends } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

/** A process finds a swallowed connection out within this, and payments go on within fifteen seconds. */
const FOUND_OUT_MS = 10_000;
/** Long enough for a connection that is not excused to be dropped. */
const HUNG_MS = 6_000;
const EMPTY = { v: 1, commands: [] };

describe.each(backends.filter((backend) => backend === 'redis'))('connections to %s', () => {
  let redis: RedisServer;
  let link: Proxy;
  let cleanUps: (() => unknown)[];

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    link = await startProxy(redis.port);
    cleanUps = [link.close];
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  });

  const url = () => `redis://127.0.0.1:${link.port}`;
  const openBackend = (redisUrl = url()): QueueBackend => {
    const backend = createQueueBackend({
      ...{ redisUrl, databaseUrl: '', partitions: 1, role: 'test', onError: () => undefined },
    });
    cleanUps.push(backend.close);
    return backend;
  };
  const reasonOf = ({ probe }: QueueBackend) => probe().then(() => '', String);
  const works = async (backend: QueueBackend) => (await reasonOf(backend)) === '';

  test('that swallow what is sent are dropped, blocking ones too, and envelopes are taken again', async () => {
    const [near, far] = [openBackend(redis.url), openBackend()];
    const queue = near.openQueue(0);
    const taken: string[] = [];
    const worker = far.openWorker(0, (jobId) => Promise.resolve(taken.push(jobId)));
    worker.resume();
    cleanUps.push(queue.close, worker.close);
    await until('they are connected', () => works(far));
    await queue.add('e-1', EMPTY);
    await until('the first is taken', () => taken.includes('e-1'));

    link.misbehave('swallow');
    await queue.add('e-2', EMPTY);
    await until('the second is taken', () => taken.includes('e-2'), FOUND_OUT_MS);
    await until('the others are dropped as well', () => works(far), FOUND_OUT_MS);
  });

  test('are kept while the server hangs, and go on with what was sent', async () => {
    const connections = createRedisConnections(url(), () => undefined);
    cleanUps.push(connections.close);
    const connection = connections.open({ failFast: true, beat: (each) => each.ping() });
    const clientId = await until('it is connected', () => connection.client('ID').catch(() => undefined));
    link.misbehave('hold');
    const sent = connection.client('ID');
    await new Promise((resolve) => setTimeout(resolve, HUNG_MS));
    link.heal();
    expect(await sent).toBe(clientId);
    expect(await connection.client('ID')).toBe(clientId);
  });

  test.each([
    ['a replica', 'READONLY', ['replicaof', '127.0.0.1', 1], ['replicaof', 'no', 'one']],
    ['its memory is full', 'OOM', ['config', 'set', 'maxmemory', 1], ['config', 'set', 'maxmemory', 0]],
    [
      'fewer replicas than it needs',
      'NOREPLICAS',
      ['config', 'set', 'min-replicas-to-write', 1],
      ['config', 'set', 'min-replicas-to-write', 0],
    ],
    ['its user may not do', 'NOPERM', ['acl', 'setuser', 'default', '-set'], ['acl', 'setuser', 'default', '+@all']],
  ] as const)('tell that the server cannot be used, because: %s (%s)', async (says, word, spoil, mend) => {
    const backend = openBackend();
    await until('they are connected', () => works(backend));
    await redis.ask(...(spoil as unknown as [string, ...string[]]));
    try {
      for (let probe = 1; probe <= 3; probe++) {
        await expect(backend.probe()).rejects.toThrow(new RegExp(`^Redis takes no work: .*${says}.* \\(${word}\\)$`));
      }
    } finally {
      await redis.ask(...(mend as unknown as [string, ...string[]]));
    }
    await until('it works again', () => works(backend), 3_000);
  });

  test('tell that the password is wrong', async () => {
    const backend = openBackend(url().replace('//', '//somebody:secret@'));
    await until('it is said', async () =>
      /refuses the user or the password \(WRONGPASS\)/.test(await reasonOf(backend)),
    );
  });

  test('tell that nothing listens', async () => {
    const backend = openBackend('redis://127.0.0.1:1');
    await until('it is said', async () => /ECONNREFUSED/.test(await reasonOf(backend)));
  });
});
