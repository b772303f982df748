/**
 * A process is told to stop while clients use it, as in every deployment: whoever was let in gets an answer, and what
 * was accepted is done, by this process or by another.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient, statuses } from '../support/client.ts';
import type { Answer, Client } from '../support/client.ts';
import { countApplied, expectSoundBooks, holdWallets, untilHeldUp } from '../support/inspect.ts';
import { inParallel, keepDoing } from '../support/parallel.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import type { Service } from '../support/processes.ts';
import { BANK, readWaiting, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const LANES = 64;
const STOPPED_MS = 10_000;
/** Whoever waits for an outcome when the order to stop comes is answered within this. */
const PROMISED_MS = 5_000;

describe.each(backends)('graceful stop, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;
  let people: Person[];

  beforeAll(async () => {
    stores = await createStores(backend);
    service = await startService({ env: stores.env, workers: 2 });
    client = createClient(service.url);
    people = await createPeople(stores.databaseUrl, LANES);
    const bank = client.as(BANK);
    const funded = await inParallel(people, 16, ({ walletId }) =>
      bank.post('/api/external_to_wallet', { wallet_id: walletId, amount: 100 }),
    );
    expect(statuses(funded)).toEqual({ 200: people.length });
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await stores.drop();
  });

  const pay = (through: Client, lane: number, headers: Record<string, string> = {}) => {
    const body = { wallet_id: people.at(lane - 1)!.walletId, amount: 0.01 };
    return through.post('/api/wallet_to_wallet', body, { ...people[lane]!.headers, ...headers });
  };
  /** Through the process that stays. */
  const readStatus = async (lane: number, { json }: Answer) =>
    (
      await client.get(`/api/operations/${String(json['operation_id'])}`, {
        ...people[lane]!.headers,
        Prefer: 'wait=20',
      })
    ).json['status'];

  test('an API process that is told to stop under load answers every request that it let in, and exits with 0', async () => {
    const api = await service.add('api');
    const own = createClient(api.url);
    const answers: Answer[] = [];
    // As HTTP asks for: a client that hears `Connection: close` sends nothing more to this process.
    const lanes = people.map(async (_, lane) => {
      for (;;) {
        const answer = await pay(own, lane);
        answers.push(answer);
        if (answer.headers.connection === 'close') return;
      }
    });
    await until('the load is served', () => answers.length > 4 * LANES);
    await expectStopped(api);
    await Promise.all(lanes);
    own.close();
    const told = statuses(answers);
    expect(Object.keys(told).filter((status) => !['200', '202', '503'].includes(status))).toEqual([]);
    expect(
      answers
        .flatMap(({ status, json }) => (status === 503 ? [json['code']] : []))
        .filter((code) => code !== 'unavailable'),
    ).toEqual([]);
    await expectDone(answers.filter(({ status }) => status < 300));
  });

  test('an API process that is told to stop promises to whoever waits, exits with 0, and others keep the promises', async () => {
    const api = await service.add('api');
    const own = createClient(api.url);
    const held = await holdWallets(stores.databaseUrl, [people[0]!.walletId]);
    const promised = await pay(own, 0, { Prefer: 'respond-async' });
    await untilHeldUp(stores.databaseUrl);
    const asking = own.get(String(promised.headers.location), { ...people[0]!.headers, Prefer: 'wait=30' });
    const waiting = Array.from({ length: 10 }, () => pay(own, 0, { Prefer: 'wait=30' }));
    await until('all wait', async () => (await readWaiting(own)) === waiting.length);
    // Nobody waits for this one, and it will not leave any more: its promise must not take its time for that.
    const behind = await pay(own, 0, { Prefer: 'respond-async' });
    expect(await readWaiting(own)).toBe(waiting.length + 1);

    const toldMs = performance.now();
    const stopped = expectStopped(api);
    const answers = await Promise.all(waiting);
    expect((await asking).json['status']).toBe('PENDING');
    expect(performance.now() - toldMs).toBeLessThan(PROMISED_MS);
    expect(statuses(answers)).toEqual({ 202: waiting.length });
    await stopped;
    own.close();
    await held.release();
    for (const answer of [behind, promised, ...answers]) expect(await readStatus(0, answer)).toBe('OK');
    await expectDone([behind, promised, ...answers]);
  });

  test('a worker that is told to stop under load exits with 0, and no client notices', async () => {
    const load = keepDoing(LANES, (lane) => pay(client, lane));
    await until('the load is served', () => load.results.length > 4 * LANES);
    const before = load.results.length;
    await expectStopped(service.workers[0]!);
    await until('the load is still served', () => load.results.length > before + 4 * LANES);
    const answers = await load.stop();
    expect(statuses(answers)).toEqual({ 200: answers.length });
    await expectDone(answers);
  });

  test('a worker that is told to stop while its envelope waits for a row exits with 0 and leaves the envelope to another', async () => {
    await service.add('worker');
    const held = await holdWallets(stores.databaseUrl, [people[0]!.walletId]);
    const answer = pay(client, 0, { Prefer: 'wait=30' });
    await untilHeldUp(stores.databaseUrl);
    const [, one, other] = service.workers;
    // While there is none at all, whoever waits is promised.
    await service.add('worker');
    await Promise.all([expectStopped(one!), expectStopped(other!)]);
    await held.release();
    expect((await answer).status).toBe(200);
    await expectDone([await answer]);
  });

  const expectStopped = async (process: Service) => {
    const toldMs = performance.now();
    process.kill('SIGTERM');
    const { code, signal } = await process.exited;
    expect({ code, signal, said: process.stderr() }).toEqual({ code: 0, signal: null, said: '' });
    expect(performance.now() - toldMs).toBeLessThan(STOPPED_MS);
  };

  const expectDone = async (answers: readonly Answer[]) => {
    const ids = answers.map(({ json }) => String(json['operation_id']));
    const areDone = async () => (await countApplied(stores.databaseUrl, ids)).every((count) => count === 1);
    await until('everything accepted is applied once', areDone);
    await expectSoundBooks(stores.databaseUrl);
  };
});
