/**
 * A Redis that fails over: behind one address another server becomes the primary, and the old one goes on answering as its
 * replica. Nobody breaks a connection, so whoever has one must find out by what is answered.
 */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startProxy } from '../chaos/proxy.ts';
import type { Proxy } from '../chaos/proxy.ts';
import { createClient, statuses } from '../support/client.ts';
import type { Answer, Client } from '../support/client.ts';
import { countApplied, countPending, expectSoundBooks, query } from '../support/inspect.ts';
import { keepArriving } from '../support/parallel.ts';
import type { Load } from '../support/parallel.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { startRedis } from '../support/redisServer.ts';
import type { RedisServer } from '../support/redisServer.ts';
import { BANK, OPERATOR, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createTestDatabase } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const PARTITIONS = 4;
/** Within this it is said that nothing can be done. */
const SAID_MS = 10_000;
/** Within this after a primary is there, everything works. */
const BACK_MS = 20_000;
const ARRIVAL_MS = 50;

// Without Redis there is nothing that could fail over.
describe.each(backends.filter((backend) => backend === 'redis'))('a failover of %s', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let [old, other]: RedisServer[] = [];
  /** What is behind the address that the service knows. */
  let address: Proxy;
  let service: RunningService;
  let client: Client;
  let people: Person[];

  beforeEach(async () => {
    [database, old, other] = await Promise.all([
      createTestDatabase({ partitions: PARTITIONS }),
      startRedis(),
      startRedis(),
    ]);
    await other.follow(old);
    address = await startProxy(old.port);
    const env = { DATABASE_URL: database.url, REDIS_URL: `redis://127.0.0.1:${address.port}`, LOG_LEVEL: 'warn' };
    service = await startService({ env });
    client = createClient(service.url);
    people = await createPeople(database.url, 4 * PARTITIONS);
  });
  afterEach(async () => {
    client.close();
    await service.stop();
    await expectSoundBooks(database.url);
    await Promise.all([address.close(), database.drop(), old!.stop(), other!.stop()]);
  });

  const deposit = (lane: number): Promise<Answer> =>
    client.as(BANK).post('/api/external_to_wallet', {
      wallet_id: people[lane % people.length]!.walletId,
      amount: 1,
      details: randomUUID(),
    });
  const readyStatus = async () => (await client.get('/readyz')).status;
  const saysUp = async () => {
    const { text } = await client.get('/metrics', OPERATOR);
    const [line = ''] = text.split('\n').filter((each) => /^saldo_dependency_up\{.*"queue"/.test(each));
    return line.split(' ')[1];
  };
  const isServed = async () => {
    const answers = await Promise.all([...Array(PARTITIONS).keys()].map(deposit));
    return answers.every(({ status }) => status === 200);
  };
  const loadUntilServed = async () => {
    const load = keepArriving(ARRIVAL_MS, deposit);
    await until('the load is served', () => load.results.filter(({ status }) => status === 200).length > 20);
    return load;
  };
  const expectKept = async (load: Load<Answer>) => {
    const answers = await load.stop();
    expect(Object.keys(statuses(answers)).filter((status) => !['200', '202', '503'].includes(status))).toEqual([]);
    await query(database.url, 'UPDATE pending_operation SET next_attempt_at = now()');
    await until('every promise is kept', async () => (await countPending(database.url)) === 0);
    const promised = answers.filter(({ status }) => status < 300).map(({ json }) => String(json['operation_id']));
    expect(await countApplied(database.url, promised)).toEqual(promised.map(() => 1));
  };

  test('is noticed within ten seconds, by a process that nobody asks for anything, too', async () => {
    const load = await loadUntilServed();
    await expectKept(load);
    await old!.follow(other);
    await until('it is in the metrics', async () => (await saysUp()) === '0', SAID_MS);
    expect(await readyStatus()).toBe(503);
    await until('all processes say it', () => said().every((lines) => lines.length === 1), SAID_MS);
    expect(said().flat()).toEqual(Array(2).fill(expect.stringContaining('it is a replica, which takes no writes')));
  });

  test('is over within twenty seconds of a primary being there, and takes nothing with it', async () => {
    const load = await loadUntilServed();
    await old!.follow(other);
    await until('not ready', async () => (await readyStatus()) === 503, SAID_MS);
    await until('a client is told', () => load.results.some(({ status }) => status === 503), SAID_MS);
    await other!.follow(undefined);
    address.setTarget(other!.port);
    await until('all partitions are served', isServed, BACK_MS);
    expect(await readyStatus()).toBe(200);
    expect(await saysUp()).toBe('1');
    await expectKept(load);
  });

  test('to a primary that is there already costs nobody more than a moment', async () => {
    const load = await loadUntilServed();
    await other!.follow(undefined);
    address.setTarget(other!.port);
    await old!.follow(other);
    await until('all partitions are served', isServed, BACK_MS);
    await expectKept(load);
  });

  const said = () =>
    [...service.apis, ...service.workers].map(({ output }) =>
      output()
        .split('\n')
        .filter((line) => line.includes('queue is unavailable')),
    );
});
