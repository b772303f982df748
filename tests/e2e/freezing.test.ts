/** Freezing a wallet, by the whole service: an operation like any other, after which the wallet pays nobody. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { expectSoundBooks } from '../support/inspect.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { BANK, OPERATOR, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';

describe.each(backends)('freezing, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;

  beforeAll(async () => {
    stores = await createStores(backend);
    service = await startService({ env: stores.env });
    client = createClient(service.url);
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await expectSoundBooks(stores.databaseUrl);
    await stores.drop();
  });

  const couple = async () => {
    const people = (await createPeople(stores.databaseUrl, 2)) as [Person, Person];
    for (const { walletId } of people) expect((await deposit(walletId)).status).toBe(200);
    return people;
  };
  const deposit = (walletId: number) =>
    client.post('/api/external_to_wallet', { wallet_id: walletId, amount: 10 }, BANK);
  const pay = (from: Person, to: Person) =>
    client.post('/api/wallet_to_wallet', { wallet_id: to.walletId, amount: 1 }, from.headers);
  const freeze = (walletId: number, verb = 'freeze', headers: Record<string, string> = OPERATOR) =>
    client.post(`/api/wallets/${walletId}/${verb}`, { reason: 'a court order' }, headers);
  const isFrozen = async (person: Person) => (await client.get('/api/wallet', person.headers)).json['frozen'];

  test('a frozen wallet pays nobody, can be paid, and pays again once it is thawed', async () => {
    const [anna, boris] = await couple();
    const frozen = await freeze(anna.walletId);
    expect([frozen.status, frozen.json]).toEqual([
      200,
      { status: 'OK', operation_id: frozen.json['operation_id'], wallet_id: anna.walletId, frozen: true },
    ]);
    const refused = await pay(anna, boris);
    expect([refused.status, refused.json['code']]).toEqual([422, 'wallet_frozen']);
    expect([(await pay(boris, anna)).status, (await deposit(anna.walletId)).status]).toEqual([200, 200]);
    expect([await isFrozen(anna), await isFrozen(boris)]).toEqual([true, false]);
    expect((await freeze(anna.walletId, 'unfreeze')).json['frozen']).toBe(false);
    expect([(await pay(anna, boris)).status, await isFrozen(anna)]).toEqual([200, false]);
  });

  test('a bank whose settlement wallet is frozen deposits nothing', async () => {
    const [anna] = await couple();
    const bankWallet = Number((await client.get('/api/wallet', BANK)).json['wallet_id']);
    expect((await freeze(bankWallet)).status).toBe(200);
    const refused = await deposit(anna.walletId);
    expect([refused.status, refused.json['code']]).toEqual([422, 'wallet_frozen']);
    expect((await freeze(bankWallet, 'unfreeze')).status).toBe(200);
    expect((await deposit(anna.walletId)).status).toBe(200);
  });

  test('the same key freezes once, whatever happened to the wallet since, and refuses another body', async () => {
    const [anna] = await couple();
    const key = { ...OPERATOR, 'Idempotency-Key': randomUUID() };
    const first = await freeze(anna.walletId, 'freeze', key);
    await freeze(anna.walletId, 'unfreeze');
    const again = await freeze(anna.walletId, 'freeze', key);
    expect([again.status, again.json, again.headers['idempotency-replayed']]).toEqual([200, first.json, 'true']);
    expect(await isFrozen(anna)).toBe(false);
    const other = await freeze(anna.walletId, 'unfreeze', key);
    expect([other.status, other.json['code']]).toEqual([422, 'idempotency_key_reused']);
  });

  test('an operator may know why, the owner may not', async () => {
    const [anna] = await couple();
    const { json } = await freeze(anna.walletId);
    const path = `/api/operations/${String(json['operation_id'])}`;
    const { json: seen } = await client.get(path, OPERATOR);
    expect([seen['type'], seen['status'], seen['amount'], seen['details']]).toEqual([
      'freeze',
      'OK',
      0,
      'a court order',
    ]);
    expect((await client.get(path, anna.headers)).status).toBe(404);
    const { json: wallet } = await client.get('/api/wallet', anna.headers);
    expect(JSON.stringify(wallet)).not.toContain('court');
  });

  test('a wallet that is not there, a missing reason, and other roles are refused', async () => {
    const [anna] = await couple();
    expect((await freeze(999_999)).json['code']).toBe('wallet_not_found');
    expect((await client.post(`/api/wallets/${anna.walletId}/freeze`, {}, OPERATOR)).json['code']).toBe(
      'invalid_request',
    );
    expect((await client.post('/api/wallets/none/freeze', { reason: 'x' }, OPERATOR)).status).toBe(400);
    const others = [anna.headers, BANK, {}];
    const answers = await Promise.all(others.map((headers) => freeze(anna.walletId, 'freeze', headers)));
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 401]);
    expect(await isFrozen(anna)).toBe(false);
  });
});
