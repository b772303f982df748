/**
 * More than can be done in time: what cannot be served is refused early and clearly, what was accepted or promised is
 * done once, and when the load ends everything is as before.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { countApplied, countPending, expectSoundBooks, holdWallets, query, untilHeldUp } from '../support/inspect.ts';
import { createClient, statuses } from '../support/client.ts';
import type { Answer, Client } from '../support/client.ts';
import { inParallel, keepDoing, median } from '../support/parallel.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { openQueues } from '../support/queues.ts';
import { BANK, readWaiting, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const PARTITIONS = 4;
const MAX_WAITING = 40;
/** One partition's share of the buffer. */
const LANE = (2 * MAX_WAITING) / PARTITIONS;
const MAX_PENDING = 30;
const TIMEOUT_MS = 1_500;
const PROBES = 21;

describe.each(backends)('overload, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;
  let people: Person[];
  /** How long a transfer takes on this machine when nothing else is asked for. */
  let calmMs: number;

  const pay = (from: Person, headers: Record<string, string> = {}) => {
    const to = people.at(from === people.at(-1) ? -2 : -1)!;
    return client.post(
      '/api/wallet_to_wallet',
      { wallet_id: to.walletId, amount: 0.01 },
      { ...from.headers, ...headers },
    );
  };
  const probe = (ask: () => Promise<Answer>) => inParallel(Array.from({ length: PROBES }), 1, ask);
  const middleMs = (answers: Answer[]) => median(answers.map(({ tookMs }) => tookMs));

  /** Fifty milliseconds, and what this machine adds of its own just now: an answer that takes no work takes none of them. */
  const atOnceMs = async () => 50 + 3 * middleMs(await probe(() => client.get('/livez')));

  /** What may be asked of the service while one partition stands still. */
  const expectRestServed = async (stuck: Person, bystander: Person) => {
    const refused = await probe(() => pay(stuck));
    expect(refused.map(({ status, json }) => `${status} ${String(json['code'])}`)).toEqual(
      refused.map(() => '503 overloaded'),
    );
    expect(refused.map(({ headers }) => headers['retry-after'])).toEqual(refused.map(() => '1'));
    expect(middleMs(refused)).toBeLessThan(await atOnceMs());
    const reads = await probe(() => client.get('/api/wallet', stuck.headers));
    expect(statuses(reads)).toEqual({ 200: PROBES });
    expect(middleMs(reads)).toBeLessThan(await atOnceMs());
    expect(statuses(await probe(() => pay(bystander)))).toEqual({ 200: PROBES });
  };

  beforeAll(async () => {
    stores = await createStores(backend);
    const limits = { MAX_WAITING_COMMANDS: MAX_WAITING, MAX_PENDING, OPERATION_TIMEOUT_MS: TIMEOUT_MS };
    const env = Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, String(value)]));
    service = await startService({ env: { ...stores.env, ...env } });
    client = createClient(service.url);
    people = await createPeople(stores.databaseUrl, 40);
    const bank = client.as(BANK);
    const funded = await inParallel(people, 4, ({ walletId }) =>
      bank.post('/api/external_to_wallet', { wallet_id: walletId, amount: 100 }),
    );
    expect(statuses(funded)).toEqual({ 200: people.length });
    calmMs = middleMs(await probe(() => pay(people[1]!)));
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await expectSoundBooks(stores.databaseUrl);
    await stores.drop();
  });

  /** The same latency as before the load, but for a busy machine's whims. */
  const isCalm = async (person: Person) => {
    const answers = await inParallel(Array.from({ length: 5 }), 1, () => pay(person));
    return answers.every(({ status }) => status === 200) && middleMs(answers) < Math.max(100, 5 * calmMs);
  };

  test('a full buffer refuses newcomers at once while reads and other partitions are served, and then does what it held', async () => {
    const [stuck, bystander] = people as [Person, Person];
    const held = await holdWallets(stores.databaseUrl, [stuck.walletId]);
    const first = pay(stuck, { Prefer: 'wait=30' });
    await untilHeldUp(stores.databaseUrl);
    const behind = Array.from({ length: LANE }, () => pay(stuck, { Prefer: 'wait=30' }));
    await until('the buffer is full', async () => (await readWaiting(client)) === LANE);
    await expectRestServed(stuck, bystander);
    await held.release();
    const answers = await Promise.all([first, ...behind]);
    expect(statuses(answers)).toEqual({ 200: LANE + 1 });
    const ids = answers.map(({ json }) => String(json['operation_id']));
    expect(await countApplied(stores.databaseUrl, ids)).toEqual(ids.map(() => 1));
    await until('transfers are as quick as before', () => isCalm(stuck), 5_000);
  });

  test('a partition that has stood still for longer than a request waits refuses newcomers at once, and goes on by itself', async () => {
    const [, bystander, stuck] = people as [Person, Person, Person];
    const held = await holdWallets(stores.databaseUrl, [stuck.walletId]);
    const promised = await pay(stuck);
    expect(promised.status).toBe(202);
    await expectRestServed(stuck, bystander);
    await held.release();
    await until('transfers are as quick as before', () => isCalm(stuck), 5_000);
    expect(await countApplied(stores.databaseUrl, [String(promised.json['operation_id'])])).toEqual([1]);
  });

  test('five times more than the buffer holds is accepted or refused, and latency is back within five seconds', async () => {
    const load = keepDoing(5 * MAX_WAITING, (lane) => pay(people[lane % people.length]!));
    await until('enough was refused', () => load.results.filter(({ status }) => status === 503).length > 200);
    const answers = await load.stop();
    const refused = answers.filter(({ status }) => status === 503);
    expect(answers.filter(({ status }) => ![200, 202, 503].includes(status))).toEqual([]);
    expect(answers.length).toBeGreaterThan(refused.length);
    expect(refused.filter(({ json }) => json['code'] !== 'overloaded')).toEqual([]);
    expect(refused.filter(({ headers }) => headers['retry-after'] !== '1')).toEqual([]);
    await until('transfers are as quick as before', () => isCalm(people[0]!), 5_000);
  });

  test('a paused queue is promised to up to MAX_PENDING, not swept into, and does everything promised once when it goes on', async () => {
    await until('no promise is left', async () => (await countPending(stores.databaseUrl)) === 0);
    const queues = openQueues(stores);
    try {
      await queues.pause();
      const waited = await Promise.all(people.slice(0, 10).map((person) => pay(person)));
      expect(statuses(waited)).toEqual({ 202: 10 });
      const rest = Array.from({ length: MAX_PENDING - 10 }, (_, index) => people[index]!);
      const async = await inParallel(rest, 4, (person) => pay(person, { Prefer: 'respond-async' }));
      expect(statuses(async)).toEqual({ 202: MAX_PENDING - 10 });
      const refused = await pay(people[30]!, { Prefer: 'respond-async' });
      expect([refused.status, refused.json['code'], refused.headers['retry-after']]).toEqual([503, 'overloaded', '1']);
      expect((await pay(people[31]!)).status).toBe(503);

      await until('all that was sent is in its queue', async () => (await readWaiting(client)) === 0);
      const open = await queues.open();
      await query(stores.databaseUrl, `UPDATE pending_operation SET next_attempt_at = now() - interval '1 second'`);
      await sweepsOnce(stores.databaseUrl);
      const attempts = await query(stores.databaseUrl, 'SELECT attempts FROM pending_operation');
      expect(attempts).toEqual(Array.from({ length: MAX_PENDING }, () => ({ attempts: 0 })));
      expect(await queues.open()).toBe(open);

      await queues.resume();
      await until('every promise is kept', async () => (await countPending(stores.databaseUrl)) === 0);
      const ids = [...waited, ...async].map(({ json }) => String(json['operation_id']));
      expect(await countApplied(stores.databaseUrl, ids)).toEqual(ids.map(() => 1));
      await until('the queues are empty', async () => (await queues.open()) === 0);
      await until('transfers are as quick as before', () => isCalm(people[0]!), 5_000);
    } finally {
      await queues.close();
    }
  });
});

/**
 * Waits until one sweep was made from end to end. A promise that is due and was kept before it was made is cleared as a
 * sweep comes to its partition: so this leaves one in each, and again when they are gone.
 */
async function sweepsOnce(databaseUrl: string): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const kept = await query<{ id: string }>(
      databaseUrl,
      `INSERT INTO pending_operation (id, partition, command, request_hash, next_attempt_at)
       SELECT id, row_number() OVER () - 1, '{}', request_hash, now() - interval '1 minute'
       FROM operation LIMIT ${PARTITIONS} RETURNING id`,
    );
    const left = () =>
      query(databaseUrl, 'SELECT FROM pending_operation WHERE id = ANY($1)', [kept.map(({ id }) => id)]);
    await until('a sweep has come by', async () => (await left()).length === 0);
  }
}
