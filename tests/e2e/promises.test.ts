/**
 * What is not decided yet: how long a client waits, what it may ask meanwhile and who may ask it. What has been promised
 * is never seen as absent.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from '../support/client.ts';
import type { Answer, Client } from '../support/client.ts';
import { expectSoundBooks, holdWallets, untilHeldUp } from '../support/inspect.ts';
import { inParallel, keepDoing } from '../support/parallel.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { BANK, OPERATOR, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const TIMEOUT_MS = 3_000;
const POLLERS = 8;

describe.each(backends)('promises, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;
  let payer: Person;
  let receiver: Person;
  let stranger: Person;

  beforeAll(async () => {
    stores = await createStores(backend);
    service = await startService({ env: { ...stores.env, OPERATION_TIMEOUT_MS: String(TIMEOUT_MS) } });
    client = createClient(service.url);
    [payer, receiver, stranger] = (await createPeople(stores.databaseUrl, 3)) as [Person, Person, Person];
    const body = { wallet_id: payer.walletId, amount: 1000 };
    expect((await client.as(BANK).post('/api/external_to_wallet', body)).status).toBe(200);
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await expectSoundBooks(stores.databaseUrl);
    await stores.drop();
  });

  // What the test before has held up is over for new requests only when the service has noticed.
  beforeEach(() => until('payments are served', async () => (await pay()).status === 200));

  const pay = (headers: Record<string, string> = {}, amount = 1) =>
    client.post('/api/wallet_to_wallet', { wallet_id: receiver.walletId, amount }, { ...payer.headers, ...headers });
  /** A payment that is promised and held up: its wallet's row is the test's. */
  const promise = async () => {
    const promised = await pay({ Prefer: 'respond-async' });
    expect(promised.status, promised.text).toBe(202);
    return promised;
  };
  const read = (operation: Answer, who: { headers: Record<string, string> }, prefer?: string) =>
    client.get(`/api/operations/${id(operation)}`, { ...who.headers, ...(prefer !== undefined && { Prefer: prefer }) });
  const BANKER = { headers: BANK };
  const OPS = { headers: OPERATOR };

  test('an operation was created at one moment, wherever and whenever it is shown', async () => {
    const held = await holdWallets(stores.databaseUrl, [payer.walletId]);
    const promised = await promise();
    const pending = (await read(promised, payer)).json;
    await untilHeldUp(stores.databaseUrl);
    await held.release();
    const decided = (await read(promised, payer, 'wait=20')).json;
    expect([pending['status'], decided['status']]).toEqual(['PENDING', 'OK']);
    expect(Date.parse(String(decided['decided_at']))).toBeGreaterThan(Date.parse(String(decided['created_at'])));
    const items = await Promise.all([payer, receiver].map(({ headers }) => client.get('/api/wallet', headers)));
    const shown = items.map(({ json }) =>
      (json['operations'] as Record<string, unknown>[]).find((each) => each['operation_id'] === id(promised)),
    );
    expect([decided, ...shown].map((each) => each?.['created_at'])).toEqual(Array(3).fill(pending['created_at']));
  });

  test('a client that will not wait is promised at once, and is told the outcome when it asks and waits', async () => {
    const held = await holdWallets(stores.databaseUrl, [payer.walletId]);
    const promised = await pay({ Prefer: 'respond-async' });
    expect([promised.status, promised.json], promised.text).toEqual([
      202,
      { status: 'PENDING', operation_id: id(promised) },
    ]);
    expect(promised.headers.location).toBe(`/api/operations/${id(promised)}`);
    expect(promised.headers['retry-after']).toBe('1');
    expect(promised.tookMs).toBeLessThan(TIMEOUT_MS);
    expect((await read(promised, payer)).json['status']).toBe('PENDING');
    await untilHeldUp(stores.databaseUrl);
    const asking = read(promised, payer, 'wait=20');
    const asking2 = await read(promised, payer, 'wait=1');
    expect([asking2.json['status'], asking2.json['decided_at']]).toEqual(['PENDING', null]);
    expect(asking2.tookMs).toBeGreaterThanOrEqual(1_000);
    await held.release();
    const told = await asking;
    expect([told.status, told.json['status'], told.json['amount']]).toEqual([200, 'OK', 1]);
    expect(told.tookMs).toBeGreaterThanOrEqual(asking2.tookMs);
  });

  test('a client waits as long as it wishes, or as long as the service does, and is promised then', async () => {
    const held = await holdWallets(stores.databaseUrl, [payer.walletId]);
    const key = { 'Idempotency-Key': randomUUID() };
    const [wished, usual] = await Promise.all([pay({ Prefer: 'wait=1' }), pay(key)]);
    expect([wished.status, usual.status]).toEqual([202, 202]);
    expect(wished.tookMs).toBeGreaterThanOrEqual(1_000);
    expect(wished.tookMs).toBeLessThan(TIMEOUT_MS);
    expect(usual.tookMs).toBeGreaterThanOrEqual(TIMEOUT_MS);
    const again = await pay({ ...key, Prefer: 'respond-async' });
    expect([again.status, id(again)]).toEqual([202, id(usual)]);
    const patient = pay({ ...key, Prefer: 'wait=20' });
    await held.release();
    const outcome = await patient;
    expect([outcome.status, outcome.headers['idempotency-replayed'], id(outcome)]).toEqual([200, 'true', id(usual)]);
  });

  test('an operation is shown to its initiator and operators, to the counterparty once it is applied, and to nobody else', async () => {
    const held = await holdWallets(stores.databaseUrl, [payer.walletId]);
    const promised = await promise();
    const seen = async (operation: Answer) => {
      const answers = await inParallel([payer, OPS, receiver, stranger, BANKER], 1, (who) => read(operation, who));
      return answers.map(({ status, json }) => (status === 200 ? json['status'] : `${status} ${String(json['code'])}`));
    };
    const hidden = '404 operation_not_found';
    expect(await seen(promised)).toEqual(['PENDING', 'PENDING', hidden, hidden, hidden]);
    await held.release();
    await read(promised, payer, 'wait=20');
    expect(await seen(promised)).toEqual(['OK', 'OK', 'OK', hidden, hidden]);

    const rejected = await pay({}, 1_000_000);
    expect(rejected.status).toBe(422);
    expect(await seen(rejected)).toEqual(['REJECTED', 'REJECTED', hidden, hidden, hidden]);
    expect((await read(rejected, payer)).json['reason']).toBe('insufficient_funds');
    expect((await client.get(`/api/operations/${randomUUID()}`, payer.headers)).status).toBe(404);
  });

  test('a deposit’s external_id is shown to the bank and to operators alone', async () => {
    const body = { wallet_id: receiver.walletId, amount: 2, external_id: randomUUID() };
    const deposited = await client.as(BANK).post('/api/external_to_wallet', body);
    const shown = await inParallel([BANKER, OPS, receiver], 1, (who) => read(deposited, who));
    expect(shown.map(({ json }) => json['external_id'])).toEqual([body.external_id, body.external_id, undefined]);
    expect(shown.map(({ json }) => json['status'])).toEqual(['OK', 'OK', 'OK']);
  });

  test('a promised operation is never seen as absent on its way to being decided', async () => {
    for (let round = 0; round < 10; round++) {
      const held = await holdWallets(stores.databaseUrl, [payer.walletId]);
      const promised = await promise();
      await untilHeldUp(stores.databaseUrl);
      const polls = keepDoing(POLLERS, () => read(promised, payer));
      await held.release();
      await read(promised, payer, 'wait=20');
      const answers = await polls.stop();
      const told = answers.map(({ status, json }) => `${status} ${String(json['status'])}`);
      expect(told.filter((one) => one !== '200 PENDING' && one !== '200 OK')).toEqual([]);
    }
  });
});

function id({ json }: Answer): string {
  return String(json['operation_id']);
}
