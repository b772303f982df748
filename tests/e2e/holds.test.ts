/** Holds by the whole service, on either queue: placed, captured, promised, and freed by the workers when nobody asks. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { expectSoundBooks, query } from '../support/inspect.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { BANK, OPERATOR, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

describe.each(backends)('holds, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;
  let anna: Person;
  let boris: Person;

  beforeAll(async () => {
    stores = await createStores(backend);
    service = await startService({ env: stores.env });
    client = createClient(service.url);
    [anna, boris] = (await createPeople(stores.databaseUrl, 2)) as [Person, Person];
    const funded = await client.post('/api/external_to_wallet', { wallet_id: anna.walletId, amount: 5_000 }, BANK);
    expect(funded.status).toBe(200);
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await expectSoundBooks(stores.databaseUrl);
    await stores.drop();
  });

  const place = (amount: number, more: object = {}) =>
    client.post('/api/holds', { wallet_id: boris.walletId, amount, ...more }, anna.headers);
  const look = async (id: unknown) => (await client.get(`/api/holds/${String(id)}`, OPERATOR)).json;

  test('six of a thousand at once out of five thousand: five are open, and two captures of one are one', async () => {
    const asked = await Promise.all(Array.from({ length: 6 }, () => place(1_000)));
    const codes = asked.map(({ json }) => json['code'] ?? json['state']);
    expect(codes.sort()).toEqual(['insufficient_funds', 'open', 'open', 'open', 'open', 'open']);
    const open = asked.filter(({ status }) => status === 200).map(({ json }) => String(json['hold_id']));
    const two = await Promise.all([1, 2].map(() => client.post(`/api/holds/${open[0]!}/capture`, {}, boris.headers)));
    expect(two.map(({ json }) => json['code'] ?? json['state']).sort()).toEqual(['captured', 'hold_not_open']);
    for (const id of open.slice(1))
      expect((await client.post(`/api/holds/${id}/release`, {}, boris.headers)).status).toBe(200);
    expect((await client.get('/api/wallet', anna.headers)).json).toMatchObject({ balance: 4_000, available: 4_000 });
  });

  test('what is promised with a 202 is done', async () => {
    const promised = await client.post(
      '/api/holds',
      { wallet_id: boris.walletId, amount: 10 },
      { ...anna.headers, Prefer: 'respond-async' },
    );
    expect([promised.status, promised.json['status']]).toEqual([202, 'PENDING']);
    const id = promised.json['operation_id'];
    await until('it is open', async () => (await look(id))['state'] === 'open');
    const capture = await client.post(
      `/api/holds/${String(id)}/capture`,
      { amount: 4 },
      { ...boris.headers, Prefer: 'respond-async' },
    );
    expect(capture.status).toBe(202);
    await until('it is captured', async () => (await look(id))['state'] === 'captured');
    expect(await look(id)).toMatchObject({ captured: 4, released: 6, remaining: 0 });
  });

  test('one that nobody asks about is freed by the workers', async () => {
    const { json } = await place(7, { expires_in: 1 });
    const id = String(json['hold_id']);
    const stored = async () =>
      (await query<{ state: string }>(stores.databaseUrl, 'SELECT state FROM hold WHERE id = $1', [id]))[0]?.state;
    await until('it is freed', async () => (await stored()) === 'expired');
    expect(await look(id)).toMatchObject({ state: 'expired', released: 7, remaining: 0 });
  });
});
