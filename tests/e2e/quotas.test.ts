/** Quotas over the wire: who asks for too much is told so and when to come back, loses nothing, and takes from nobody. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient, statuses } from '../support/client.ts';
import type { Answer, Client } from '../support/client.ts';
import { expectSoundBooks, readBalances } from '../support/inspect.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { BANK, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const QUOTAS = {
  CUSTOMER_COMMANDS_PER_SECOND: '5',
  CUSTOMER_REFUSALS_PER_SECOND: '3',
  CUSTOMER_READS_PER_SECOND: '4',
};
const FUNDS = 1_000;
const TRANSFER = '/api/wallet_to_wallet';
const BULK = '/api/operations/bulk';

let stores: Stores;
let service: RunningService;
let client: Client;
let receiver: Person;
let strangers: Person[];

beforeAll(async () => {
  stores = await createStores('postgres');
  service = await startService({ env: { ...stores.env, ...QUOTAS } });
  client = createClient(service.url);
  [receiver, ...strangers] = (await createPeople(stores.databaseUrl, 12)) as [Person, ...Person[]];
});
afterAll(async () => {
  await expectSoundBooks(stores.databaseUrl);
  client.close();
  await service.stop();
  await stores.drop();
});

const nextPerson = () => strangers.pop()!;
async function funded(): Promise<Person> {
  const person = nextPerson();
  const { status } = await client.post('/api/external_to_wallet', { wallet_id: person.walletId, amount: FUNDS }, BANK);
  expect(status).toBe(200);
  return person;
}
const pay = ({ headers }: Person, more: Record<string, string> = {}) =>
  client.post(TRANSFER, { wallet_id: receiver.walletId, amount: 1 }, { ...headers, ...more });
const payList = ({ headers }: Person, length: number, prefix: string) => {
  const items = Array.from({ length }, (_, place) => ({
    wallet_id: receiver.walletId,
    amount: 1,
    idempotency_key: `${prefix}-${place}`,
  }));
  return client.post(BULK, { items }, headers);
};
const codesOf = ({ json }: Answer) =>
  (json['results'] as { status: string; problem?: { code: string } }[]).map(
    ({ status, problem }) => problem?.code ?? status,
  );
const expectLimited = ({ status, json, headers }: Answer) => {
  expect([status, json['code']]).toEqual([429, 'rate_limited']);
  expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
};

test('more payments than its share are refused and move nothing, and others are not held up', async () => {
  const [payer, other] = [await funded(), await funded()];
  const crowd = Promise.all(Array.from({ length: 80 }, () => pay(payer)));
  expect((await pay(other)).status).toBe(200);
  const answers = await crowd;
  const { 200: applied = 0, 429: limited = 0, ...rest } = statuses(answers);
  expect(rest).toEqual({});
  expect(applied).toBeGreaterThanOrEqual(6);
  expect(limited).toBeGreaterThan(0);
  for (const answer of answers.filter(({ status }) => status === 429)) expectLimited(answer);
  const balances = await readBalances(stores.databaseUrl);
  expect(balances.get(payer.walletId)).toBe(BigInt(100 * (FUNDS - applied)));
});

test('a whole list passes, what comes behind it waits its time, and what is stored is told meanwhile', async () => {
  const payer = await funded();
  expect((await pay(payer, { 'Idempotency-Key': 'first' })).status).toBe(200);
  expect(new Set(codesOf(await payList(payer, 200, 'list')))).toEqual(new Set(['OK']));
  expectLimited(await pay(payer));
  expectLimited(await pay(payer, { 'Idempotency-Key': 'second' }));
  expect(codesOf(await payList(payer, 2, 'more'))).toEqual(['rate_limited', 'rate_limited']);
  const replay = await pay(payer, { 'Idempotency-Key': 'first' });
  expect([replay.status, replay.headers['idempotency-replayed']]).toEqual([200, 'true']);
  expect(codesOf(await payList(payer, 3, 'list'))).toEqual(['OK', 'OK', 'OK']);
});

test('whoever has been refused too often pays nothing for a while, and can be paid', async () => {
  const poor = nextPerson();
  expect(new Set(codesOf(await payList(poor, 30, 'hopeless')))).toEqual(new Set(['insufficient_funds']));
  const paid = await client.post('/api/external_to_wallet', { wallet_id: poor.walletId, amount: FUNDS }, BANK);
  expect(paid.status).toBe(200);
  expectLimited(await pay(poor));
});

test('refusals that nobody waits for count as well', async () => {
  const poor = nextPerson();
  const items = Array.from({ length: 30 }, (_, place) => ({
    wallet_id: receiver.walletId,
    amount: 1,
    idempotency_key: `async-${place}`,
  }));
  const promised = await client.post(BULK, { items }, { ...poor.headers, Prefer: 'respond-async' });
  expect(new Set(codesOf(promised))).toEqual(new Set(['PENDING']));
  await until('the ledger has refused them', async () => {
    const { json } = await client.post(BULK, { items: items.slice(0, 1) }, poor.headers);
    return JSON.stringify(json).includes('insufficient_funds');
  });
  // More than the commands have run up by now.
  await until('it is refused for its refusals', async () => {
    const { headers } = await pay(poor);
    return Number(headers['retry-after'] ?? 0) >= 2;
  });
});

test('more reads than its share are refused, and others are not held up', async () => {
  const [greedy, other] = [nextPerson(), nextPerson()];
  const crowd = Promise.all(Array.from({ length: 40 }, () => client.get('/api/wallet?limit=200', greedy.headers)));
  const operation = await client.get('/api/operations/019a3f5e-7c1a-7000-8000-0123456789ab', other.headers);
  expect([operation.status, (await client.get('/api/wallet', other.headers)).status]).toEqual([404, 200]);
  const answers = await crowd;
  const { 200: read = 0, 429: limited = 0, ...rest } = statuses(answers);
  expect(rest).toEqual({});
  expect(read).toBeGreaterThanOrEqual(1);
  expect(limited).toBeGreaterThan(20);
  for (const answer of answers.filter(({ status }) => status === 429)) expectLimited(answer);
});
