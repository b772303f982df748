/**
 * Sending again is always safe: an operation's identity has one outcome, whoever answers, whatever was lost or restarted
 * meanwhile, and however many ask at once.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient, statuses } from '../support/client.ts';
import type { Answer, Client } from '../support/client.ts';
import { countApplied, expectSoundBooks, query } from '../support/inspect.ts';
import { inParallel } from '../support/parallel.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { wipeQueues } from '../support/queues.ts';
import { BANK, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';

const AT_ONCE = 20;

describe.each(backends)('idempotency, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let clients: [Client, Client];
  let payer: Person;
  let poor: Person;
  let receiver: Person;

  const start = async () => {
    service = await startService({ env: stores.env, apis: 2 });
    clients = service.apis.map(({ url }) => createClient(url)) as [Client, Client];
  };
  const stop = async () => {
    for (const client of clients) client.close();
    await service.stop();
  };
  beforeAll(async () => {
    stores = await createStores(backend);
    await start();
    [payer, poor, receiver] = (await createPeople(stores.databaseUrl, 3)) as [Person, Person, Person];
    expect((await deposit({ wallet_id: payer.walletId, amount: 1000 }, {})).status).toBe(200);
  });
  afterAll(async () => {
    await stop();
    await expectSoundBooks(stores.databaseUrl);
    await stores.drop();
  });

  const deposit = (body: object, headers: Record<string, string>, through = clients[0]) =>
    through.post('/api/external_to_wallet', body, { ...BANK, ...headers });
  const pay = (key: string | undefined, body: object, { from = payer, through = clients[0] } = {}) =>
    through.post('/api/wallet_to_wallet', body, {
      ...from.headers,
      ...(key !== undefined && { 'Idempotency-Key': key }),
    });
  const toReceiver = (over: object = {}) => ({
    wallet_id: receiver.walletId,
    amount: 1.5,
    details: 'for tea',
    ...over,
  });
  const expectReplay = (again: Answer, first: Answer) => {
    expect([again.status, withoutRequest(again)]).toEqual([first.status, withoutRequest(first)]);
    expect([first, again].map(({ headers }) => headers['idempotency-replayed'])).toEqual([undefined, 'true']);
  };

  test('a key sent again gets its first outcome, from any process, after the queues are wiped and after a restart of everything', async () => {
    const [key, rejectedKey] = [randomUUID(), randomUUID()];
    const first = await pay(key, toReceiver());
    const rejected = await pay(rejectedKey, toReceiver(), { from: poor });
    expect([first.status, rejected.status]).toEqual([200, 422]);
    expect((await pay(undefined, toReceiver())).status).toBe(200); // the balance moves on, the answer does not
    expect((await deposit({ wallet_id: poor.walletId, amount: 100 }, {})).status).toBe(200); // nor does a rejection

    const expectSameOutcomes = async () => {
      for (const through of clients) {
        expectReplay(await pay(key, toReceiver(), { through }), first);
        expectReplay(await pay(rejectedKey, toReceiver(), { from: poor, through }), rejected);
      }
    };
    await expectSameOutcomes();
    await wipeQueues(stores);
    await expectSameOutcomes();
    await stop();
    await start();
    await expectSameOutcomes();
    expect(await countApplied(stores.databaseUrl, [id(first), id(rejected)])).toEqual([1, 0]);
    expect((await pay(randomUUID(), toReceiver(), { from: poor })).status).toBe(200);
  });

  test('a key sent again with another body is refused and changes nothing, but another spelling of the amount is the same body', async () => {
    const key = randomUUID();
    const first = await pay(key, toReceiver());
    const before = await operations(stores);
    const others = [{ amount: 1.51 }, { details: 'for coffee' }, { details: undefined }, { wallet_id: poor.walletId }];
    for (const [index, other] of others.entries()) {
      const { status, json } = await pay(key, toReceiver(other), { through: clients[index % 2]! });
      expect([status, json['code'], json['operation_id']]).toEqual([422, 'idempotency_key_reused', id(first)]);
    }
    expectReplay(await pay(key, toReceiver({ amount: '1.50' })), first);
    expect(await operations(stores)).toBe(before);
  });

  test('twenty of a key at once, through two processes, are one operation with one answer', async () => {
    const key = randomUUID();
    await expectOne((_, through) => pay(key, toReceiver(), { through }));
  });

  test('twenty of an external_id at once, each with another key, through two processes, are one deposit with one answer', async () => {
    const body = { wallet_id: receiver.walletId, amount: 7, external_id: randomUUID() };
    await expectOne((index, through) => deposit(body, { 'Idempotency-Key': `${body.external_id}/${index}` }, through));
  });

  const expectOne = async (send: (index: number, through: Client) => Promise<Answer>) => {
    const indexes = Array.from({ length: AT_ONCE }, (_, index) => index);
    const answers = await inParallel(indexes, AT_ONCE, (index) => send(index, clients[index % 2]!));
    expect(statuses(answers)).toEqual({ 200: AT_ONCE });
    expect(new Set(answers.map(withoutRequest))).toHaveLength(1);
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === undefined)).toHaveLength(1);
    expect(await countApplied(stores.databaseUrl, [id(answers[0]!)])).toEqual([1]);
  };

  test('an external_id with another body is refused, and a key used by another external_id does not matter', async () => {
    const [key, external_id] = [randomUUID(), randomUUID()];
    const body = { wallet_id: receiver.walletId, amount: 3, details: 'salary', external_id };
    const first = await deposit(body, { 'Idempotency-Key': key });
    expect(first.status).toBe(200);
    for (const other of [{ amount: 4 }, { details: 'bonus' }, { wallet_id: poor.walletId }]) {
      const { status, json } = await deposit({ ...body, ...other }, { 'Idempotency-Key': key }, clients[1]);
      expect([status, json['code'], json['operation_id']]).toEqual([409, 'external_id_reused', id(first)]);
    }
    expectReplay(await deposit(body, {}, clients[1]), first);
    const second = await deposit({ ...body, external_id: randomUUID() }, { 'Idempotency-Key': key });
    expect([second.status, second.headers['idempotency-replayed']]).toEqual([200, undefined]);
    const keyed = await deposit({ wallet_id: receiver.walletId, amount: 5 }, { 'Idempotency-Key': key });
    expect([keyed.status, keyed.headers['idempotency-replayed']]).toEqual([200, undefined]);
    expect(new Set([first, second, keyed].map(id)).size).toBe(3);
  });

  test('what is refused before there is a command claims no key', async () => {
    const key = randomUUID();
    const [foreigner] = (await createPeople(stores.databaseUrl, 1, 'USD')) as [Person];
    const before = await operations(stores);
    const refused = [
      await pay(key, toReceiver({ amount: -1 })),
      await pay(key, toReceiver({ wallet_id: 999_999 })),
      await pay(key, toReceiver({ wallet_id: payer.walletId })),
      await pay(key, toReceiver({ wallet_id: foreigner.walletId })),
      await clients[0].post('/api/wallet_to_wallet', toReceiver(), { ...BANK, 'Idempotency-Key': key }),
      await clients[0].post('/api/wallet_to_wallet', toReceiver(), { 'Idempotency-Key': key }),
    ];
    expect(refused.map(({ status, json }) => `${status} ${String(json['code'])}`)).toEqual([
      '400 invalid_request',
      '404 wallet_not_found',
      '422 same_wallet',
      '422 currency_mismatch',
      '403 forbidden',
      '401 unauthenticated',
    ]);
    expect(await operations(stores)).toBe(before);
    const first = await pay(key, toReceiver());
    expect([first.status, first.headers['idempotency-replayed']]).toEqual([200, undefined]);
  });

  test('a key belongs to whoever sent it', async () => {
    const key = randomUUID();
    const answers = [await pay(key, toReceiver()), await pay(key, toReceiver(), { from: poor })];
    expect(answers.map(({ headers }) => headers['idempotency-replayed'])).toEqual([undefined, undefined]);
    expect(new Set(answers.map(id)).size).toBe(2);
  });
});

function id({ json }: Answer): string {
  return String(json['operation_id']);
}

/** The body without what is every request's own. */
function withoutRequest({ json }: Answer): string {
  return JSON.stringify({ ...json, request_id: undefined });
}

async function operations({ databaseUrl }: Stores): Promise<number> {
  const [row] = await query<{ count: string }>(
    databaseUrl,
    'SELECT (SELECT count(*) FROM outcome) + (SELECT count(*) FROM pending_operation) AS count',
  );
  return Number(row?.count);
}
