/**
 * Many movements in one request, by the whole service: each item has its own outcome, an atomic list has one, and sending
 * again is as safe as it is for a single one.
 */
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../support/client.ts';
import type { Answer, Client } from '../support/client.ts';
import { expectSoundBooks, query } from '../support/inspect.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { openQueues } from '../support/queues.ts';
import { BANK, OPERATOR, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const PATH = '/api/operations/bulk';
const FUNDS = 100;
const NDJSON = { 'Content-Type': 'application/x-ndjson' };

interface Result {
  status: string;
  operation_id?: string;
  balance?: number;
  wallet_id?: number;
  replayed?: true;
  problem?: { code: string; errors?: { path: string; message: string }[] };
}
type Item = Record<string, unknown>;

const resultsOf = (answer: Answer) => answer.json['results'] as Result[];
const linesOf = (answer: Answer) =>
  answer.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Result);
const inShort = (results: readonly Result[]) => results.map(({ status, problem }) => problem?.code ?? status);

describe.each(backends)('bulk, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;

  beforeAll(async () => {
    stores = await createStores(backend);
    service = await startService({ env: { ...stores.env, OPERATION_TIMEOUT_MS: '3000' } });
    client = createClient(service.url);
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await expectSoundBooks(stores.databaseUrl);
    await stores.drop();
  });

  /** A payer with money, and one who receives. */
  const couple = async () => {
    const [payer, receiver] = (await createPeople(stores.databaseUrl, 2)) as [Person, Person];
    const funded = await client.post('/api/external_to_wallet', { wallet_id: payer.walletId, amount: FUNDS }, BANK);
    expect(funded.status).toBe(200);
    return { payer, receiver };
  };
  const transfer = (to: Person, amount: unknown, over: Item = {}): Item => ({
    ...{ wallet_id: to.walletId, amount, idempotency_key: randomUUID() },
    ...over,
  });
  const balanceOf = async (person: Person) => (await client.get('/api/wallet', person.headers)).json['balance'];

  test('a thousand transfers in one request have a result each, in order, and the balances that follow', async () => {
    const { payer, receiver } = await couple();
    const items = Array.from({ length: 1_000 }, () => transfer(receiver, 0.01));
    const answer = await client.post(PATH, items, payer.headers);
    expect([answer.status, resultsOf(answer).length]).toEqual([200, 1_000]);
    expect(resultsOf(answer).map(({ balance }) => balance)).toEqual(
      items.map((_item, index) => Number((FUNDS - (index + 1) / 100).toFixed(2))),
    );
    expect([await balanceOf(payer), await balanceOf(receiver)]).toEqual([90, 10]);
  });

  test('a bad item fails alone, with its own reason', async () => {
    const { payer, receiver } = await couple();
    const answer = await client.post(
      PATH,
      {
        items: [
          transfer(receiver, 1),
          transfer(receiver, 1.001),
          transfer(receiver, 1, { colour: 'red' }),
          transfer(receiver, 1, { wallet_id: 999_999 }),
          transfer(payer, 1),
          transfer(receiver, 1_000),
          { wallet_id: receiver.walletId, amount: 1 },
          'a word',
          transfer(receiver, '2.50'),
        ],
      },
      payer.headers,
    );
    expect(inShort(resultsOf(answer))).toEqual([
      ...['OK', 'invalid_request', 'invalid_request', 'wallet_not_found', 'same_wallet', 'insufficient_funds'],
      ...['invalid_request', 'invalid_request', 'OK'],
    ]);
    expect(await balanceOf(payer)).toBe(FUNDS - 3.5);
  });

  test('the same items again have the same outcomes, marked as replayed, and another body under a key is refused', async () => {
    const { payer, receiver } = await couple();
    const items = [transfer(receiver, 10), transfer(receiver, 1_000), transfer(receiver, 20)];
    const first = resultsOf(await client.post(PATH, items, payer.headers));
    const again = resultsOf(await client.post(PATH, items, payer.headers));
    const plain = ({ status, operation_id, balance, wallet_id, problem }: Result) =>
      [status, operation_id, balance, wallet_id, problem?.code] as const;
    expect(again.map(plain)).toEqual(first.map(plain));
    expect([first.map(({ replayed }) => replayed), again.map(({ replayed }) => replayed)]).toEqual([
      [undefined, undefined, undefined],
      [true, true, true],
    ]);
    const changed = items.map((item) => ({ ...item, amount: 30 }));
    expect(inShort(resultsOf(await client.post(PATH, changed, payer.headers)))).toEqual(
      items.map(() => 'idempotency_key_reused'),
    );
    expect(await balanceOf(payer)).toBe(FUNDS - 30);
  });

  test('a key that was used in a bulk is the same key in a single transfer', async () => {
    const { payer, receiver } = await couple();
    const item = transfer(receiver, 5, { idempotency_key: 'rent' });
    const [inBulk] = resultsOf(await client.post(PATH, [item], payer.headers));
    const body = { wallet_id: receiver.walletId, amount: 5 };
    const alone = await client.post('/api/wallet_to_wallet', body, { ...payer.headers, 'Idempotency-Key': 'rent' });
    expect([alone.json['operation_id'], alone.headers['idempotency-replayed']]).toEqual([inBulk?.operation_id, 'true']);
  });

  test('an item that is there twice in one request is done once', async () => {
    const { payer, receiver } = await couple();
    const item = transfer(receiver, 5);
    const results = resultsOf(await client.post(PATH, [item, item, item], payer.headers));
    expect(new Set(results.map(({ operation_id: id }) => id)).size).toBe(1);
    expect(await balanceOf(payer)).toBe(FUNDS - 5);
  });

  test('a bank deposits to many by its own numbers, each once', async () => {
    const people = await createPeople(stores.databaseUrl, 20);
    const items = people.map(({ walletId }) => ({ wallet_id: walletId, amount: 7, external_id: randomUUID() }));
    const without = { wallet_id: people[0]!.walletId, amount: 7 };
    const results = resultsOf(await client.post(PATH, [...items, without], BANK));
    expect(inShort(results)).toEqual([...items.map(() => 'OK'), 'invalid_request']);
    const changed = items.map((item) => ({ ...item, amount: 8 }));
    expect(inShort(resultsOf(await client.post(PATH, changed, BANK)))).toEqual(items.map(() => 'external_id_reused'));
    expect(await Promise.all(people.map(balanceOf))).toEqual(people.map(() => 7));
  });

  test('lines of NDJSON are answered line by line, and one that is not JSON spoils no other', async () => {
    const { payer, receiver } = await couple();
    const lines = [
      JSON.stringify(transfer(receiver, 1)),
      '{"wallet_id": 1,',
      '\u0020',
      '{"wallet_id": 1, "amount": 1, "amount": 2}',
      JSON.stringify(transfer(receiver, 2)),
    ];
    const answer = await client.post(PATH, lines.join('\r\n'), { ...payer.headers, ...NDJSON });
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/x-ndjson']);
    expect(inShort(linesOf(answer))).toEqual(['OK', 'malformed_json', 'invalid_request', 'OK']);
    expect(linesOf(answer)[2]?.problem?.errors).toEqual([{ path: 'amount', message: 'is given twice' }]);
    expect(await balanceOf(payer)).toBe(FUNDS - 3);
  });

  test('results of NDJSON leave as soon as they are known, not when the last one is', async () => {
    const [now, later] = (await createPeople(stores.databaseUrl, 2)) as [Person, Person];
    const queues = openQueues(stores, [later.walletId % 4]);
    await queues.pause();
    const items = [now, later].map(({ walletId }) => ({ wallet_id: walletId, amount: 7, external_id: randomUUID() }));
    const streamed = stream(items.map((item) => JSON.stringify(item)).join('\n'), { ...BANK, ...NDJSON });
    await until('the first line has come', () => streamed.text().includes('\n'));
    expect(streamed.text().trim().split('\n')).toHaveLength(1);
    await queues.resume();
    await streamed.ended;
    expect(inShort(linesOf({ text: streamed.text() } as Answer))).toEqual(['OK', 'OK']);
    await queues.close();
  });

  test('an atomic list is applied whole', async () => {
    const { payer, receiver } = await couple();
    const items = Array.from({ length: 500 }, () => transfer(receiver, 0.2));
    const answer = await client.post(PATH, { atomic: true, items }, payer.headers);
    expect(new Set(inShort(resultsOf(answer)))).toEqual(new Set(['OK']));
    expect([await balanceOf(payer), await balanceOf(receiver)]).toEqual([0, FUNDS]);
    const again = resultsOf(await client.post(PATH, { atomic: true, items }, payer.headers));
    expect(again.every(({ replayed }) => replayed)).toBe(true);
  });

  test('a bank’s atomic list is applied whole, whatever partitions the wallets are in', async () => {
    const people = await createPeople(stores.databaseUrl, 8);
    const items = people.map((person) => ({ wallet_id: person.walletId, amount: 5, external_id: randomUUID() }));
    expect(new Set(items.map(({ wallet_id: id }) => id % 4)).size).toBe(4);
    const results = resultsOf(await client.post(PATH, { atomic: true, items }, BANK));
    expect(inShort(results)).toEqual(Array(8).fill('OK'));
    expect(await Promise.all(people.map(balanceOf))).toEqual(Array(8).fill(5));
  });

  test('an atomic list whose last item cannot be paid moves nothing, and its outcome stands', async () => {
    const { payer, receiver } = await couple();
    const items = [transfer(receiver, 60), transfer(receiver, 39), transfer(receiver, 2)];
    const expected = ['list_rejected', 'list_rejected', 'insufficient_funds'];
    expect(inShort(resultsOf(await client.post(PATH, { atomic: true, items }, payer.headers)))).toEqual(expected);
    expect(inShort(resultsOf(await client.post(PATH, { atomic: true, items }, payer.headers)))).toEqual(expected);
    expect(await balanceOf(payer)).toBe(FUNDS);
  });

  test('an atomic list with an item that is not valid claims no key', async () => {
    const { payer, receiver } = await couple();
    const good = transfer(receiver, 1);
    for (const bad of [transfer(receiver, -1), transfer(receiver, 1, { wallet_id: 999_999 }), good]) {
      const results = resultsOf(await client.post(PATH, { atomic: true, items: [good, bad] }, payer.headers));
      expect(inShort(results)[0]).toBe('list_rejected');
      expect(results.map(({ status }) => status)).toEqual(['ERROR', 'ERROR']);
    }
    expect(inShort(resultsOf(await client.post(PATH, [good], payer.headers)))).toEqual(['OK']);
  });

  test('atomic lists at once never leave a wallet with half of one', async () => {
    const { payer, receiver } = await couple();
    const lists = Array.from({ length: 20 }, () => Array.from({ length: 10 }, () => transfer(receiver, 1)));
    const answers = await Promise.all(lists.map((items) => client.post(PATH, { atomic: true, items }, payer.headers)));
    const outcomes = answers.map((answer) => new Set(inShort(resultsOf(answer))));
    expect(outcomes.filter((codes) => codes.has('OK')).map((codes) => codes.size)).toEqual(Array(10).fill(1));
    expect(outcomes.filter((codes) => !codes.has('OK'))).toHaveLength(10);
    expect([await balanceOf(payer), await balanceOf(receiver)]).toEqual([0, FUNDS]);
  });

  test('an atomic list that nobody takes in time is unknown, and the same items sent again find its outcome', async () => {
    const { payer, receiver } = await couple();
    const queues = openQueues(stores);
    await queues.pause();
    const body = { atomic: true, items: [transfer(receiver, 1), transfer(receiver, 2)] };
    const unknown = resultsOf(await client.post(PATH, body, { ...payer.headers, Prefer: 'wait=1' }));
    expect(inShort(unknown)).toEqual(['outcome_unknown', 'outcome_unknown']);
    await queues.resume();
    await queues.close();
    const known = async () => resultsOf(await client.post(PATH, body, payer.headers));
    const results = await until('it is decided', async () => {
      const found = await known();
      return found.every(({ status }) => status === 'OK') && found;
    });
    expect(results.map(({ operation_id: id }) => id)).toEqual(unknown.map(({ operation_id: id }) => id));
    expect(await balanceOf(payer)).toBe(FUNDS - 3);
  });

  test('single items that nobody takes in time are promised, and the promises are kept', async () => {
    const { payer, receiver } = await couple();
    const queues = openQueues(stores);
    await queues.pause();
    const items = [transfer(receiver, 1), transfer(receiver, 2)];
    const promised = resultsOf(await client.post(PATH, items, { ...payer.headers, Prefer: 'wait=1' }));
    expect(inShort(promised)).toEqual(['PENDING', 'PENDING']);
    await queues.resume();
    await queues.close();
    await until('both are kept', async () => (await balanceOf(payer)) === FUNDS - 3);
    const rows = await query(stores.databaseUrl, 'SELECT FROM operation WHERE id = ANY($1)', [
      promised.map(({ operation_id: id }) => id),
    ]);
    expect(rows).toHaveLength(2);
  });

  test.each([
    ['nobody', {}, 401, 'unauthenticated'],
    ['an operator', OPERATOR, 403, 'forbidden'],
  ])('%s may not', async (_who, headers, status, code) => {
    const answer = await client.post(PATH, [{}], headers);
    expect([answer.status, answer.json['code']]).toEqual([status, code]);
  });

  test.each([
    ['no items', { items: [] }, 400, 'invalid_request'],
    ['no list', { atomic: true }, 400, 'invalid_request'],
    ['a word', '"items"', 400, 'invalid_request'],
    ['a thousand and one items', Array.from({ length: 1_001 }, () => ({})), 400, 'invalid_request'],
    ['an atomic list of 501', { atomic: true, items: Array.from({ length: 501 }, () => ({})) }, 400, 'invalid_request'],
    ['more than a megabyte', `["${'a'.repeat(1_050_000)}"]`, 413, 'body_too_large'],
  ])('%s is refused as a whole', async (_what, body, status, code) => {
    const answer = await client.post(PATH, body, { ...BANK, 'Content-Type': 'application/json' });
    expect([answer.status, answer.json['code']]).toEqual([status, code]);
  });

  /** Sends `body` and collects what comes back while it comes. */
  function stream(body: string, headers: Record<string, string>): { text: () => string; ended: Promise<void> } {
    let text = '';
    const ended = new Promise<void>((resolve, reject) => {
      const sent = request(`${service.url}${PATH}`, { method: 'POST', headers }, (response) => {
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', resolve);
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
    return { text: () => text, ended };
  }
});
