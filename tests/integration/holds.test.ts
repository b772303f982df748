/** Holds over HTTP: who may do what with them, what is asked and answered, and what is available at every moment. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import type { TestApi } from '../support/api.ts';

let api: TestApi;
type Customer = Awaited<ReturnType<TestApi['customer']>>;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

async function pair(amount = 1_000): Promise<[Customer, Customer]> {
  const [anna, boris] = [await api.customer('anna'), await api.customer('boris')];
  await api.deposit(anna.walletId, amount);
  return [anna, boris];
}

async function placed(body: object = {}) {
  const [anna, boris] = await pair();
  const { status, json, text } = await anna.client('POST', '/api/holds', {
    wallet_id: boris.walletId,
    amount: 100,
    ...body,
  });
  expect(status, text).toBe(200);
  const id = String(json['hold_id']);
  const act = (by: Customer, verb: 'capture' | 'release', asked: object = {}, headers: Record<string, string> = {}) =>
    by.client('POST', `/api/holds/${id}/${verb}`, asked, headers);
  const look = async (by: Customer) => (await by.client('GET', `/api/holds/${id}`)).json;
  return { anna, boris, id, json, act, look };
}

/** Its time is up. */
async function timeOut(id: string): Promise<void> {
  await api.pool.query(
    `WITH due AS (UPDATE hold SET expires_at = clock_timestamp() WHERE id = $1 RETURNING debit_wallet_id, expires_at)
     UPDATE wallet SET next_expiry_at = due.expires_at FROM due WHERE id = debit_wallet_id`,
    [id],
  );
}

const availableOf = async ({ client }: Customer) => {
  const { json } = await client('GET', '/api/wallet');
  return [json['balance'], json['available']];
};

describe('a hold', () => {
  test('is placed, and told with all its numbers and those of the payer', async () => {
    const { anna, boris, id, json, look } = await placed({ amount: '100.50', details: 'a room', expires_in: 3_600 });
    const numbers = { state: 'open', amount: 100.5, captured: 0, released: 0, remaining: 100.5 };
    expect(json).toEqual({
      ...{ status: 'OK', operation_id: id, hold_id: id, ...numbers, expires_at: json['expires_at'] },
      ...{ wallet_id: anna.walletId, balance: 1_000, available: 899.5 },
    });
    const leftMs = Date.parse(String(json['expires_at'])) - Date.now();
    expect(leftMs).toBeGreaterThan(3_500_000);
    expect(leftMs).toBeLessThan(3_601_000);
    expect(await look(anna)).toMatchObject({
      ...{ hold_id: id, ...numbers, from_wallet_id: anna.walletId, to_wallet_id: boris.walletId, details: 'a room' },
      ...{
        currency: 'RUB',
        wallet_id: anna.walletId,
        balance: 1_000,
        available: 899.5,
        expires_at: json['expires_at'],
      },
    });
    expect(await look(boris)).toMatchObject({ ...numbers, wallet_id: boris.walletId, balance: 0, available: 0 });
    expect(await availableOf(anna)).toEqual([1_000, 899.5]);
    const operation = await anna.client('GET', `/api/operations/${id}`);
    expect(operation.json).toMatchObject({ type: 'hold', amount: 100.5, hold_id: id, status: 'OK' });
  });

  test('lasts a week unless it is said otherwise', async () => {
    const { json } = await placed();
    const days = (Date.parse(String(json['expires_at'])) - Date.now()) / 86_400_000;
    expect(days).toBeCloseTo(7, 2);
  });

  test.each<[object, string]>([
    [{ amount: 0 }, 'amount'],
    [{ amount: -1 }, 'amount'],
    [{ amount: 0.001 }, 'amount'],
    [{ expires_in: 0 }, 'expires_in'],
    [{ expires_in: 7_776_001 }, 'expires_in'],
    [{ expires_in: 1.5 }, 'expires_in'],
    [{ expires_in: '60' }, 'expires_in'],
    [{ wallet_id: 0 }, 'wallet_id'],
    [{ until: 'tomorrow' }, 'until'],
  ])('%j is refused by the name of the field, and holds nothing', async (changes, field) => {
    const [anna, boris] = await pair();
    const { status, json } = await anna.client('POST', '/api/holds', {
      wallet_id: boris.walletId,
      amount: 1,
      ...changes,
    });
    expect([status, (json['errors'] as { path: string }[])[0]?.path]).toEqual([400, field]);
    expect(await availableOf(anna)).toEqual([1_000, 1_000]);
  });

  test('of more than is available, for oneself or for nobody is refused', async () => {
    const [anna, boris] = await pair();
    const ask = async (wallet_id: number, amount: number) =>
      (await anna.client('POST', '/api/holds', { wallet_id, amount })).json['code'];
    expect(await ask(boris.walletId, 1_000.01)).toBe('insufficient_funds');
    expect(await ask(anna.walletId, 1)).toBe('same_wallet');
    expect(await ask(boris.walletId + 1_000_000, 1)).toBe('wallet_not_found');
  });
});

describe('the payee', () => {
  test('takes all that is held', async () => {
    const { anna, boris, id, act, json } = await placed();
    const { status, json: told } = await act(boris, 'capture');
    expect([status, told]).toEqual([
      200,
      {
        ...{
          status: 'OK',
          operation_id: told['operation_id'],
          hold_id: id,
          state: 'captured',
          amount: 100,
          captured: 100,
        },
        ...{
          released: 0,
          remaining: 0,
          expires_at: json['expires_at'],
          wallet_id: boris.walletId,
          balance: 100,
          available: 100,
        },
      },
    ]);
    expect(await availableOf(anna)).toEqual([900, 900]);
    const page = await boris.client('GET', '/api/wallet');
    expect((page.json['operations'] as object[])[0]).toMatchObject({
      type: 'capture',
      amount: 100,
      counterparty_wallet_id: anna.walletId,
    });
  });

  test('takes some, which frees the rest unless it is not the last', async () => {
    const { anna, boris, act } = await placed();
    expect((await act(boris, 'capture', { amount: 20, final: false })).json).toMatchObject({
      state: 'open',
      captured: 20,
      remaining: 80,
    });
    expect((await act(boris, 'release', { amount: 10 })).json).toMatchObject({
      state: 'open',
      released: 10,
      remaining: 70,
    });
    expect((await act(boris, 'capture', { amount: '30.00' })).json).toMatchObject({
      state: 'captured',
      captured: 50,
      released: 50,
      remaining: 0,
    });
    expect(await availableOf(anna)).toEqual([950, 950]);
    expect((await act(boris, 'capture')).json['code']).toBe('hold_not_open');
    expect((await act(boris, 'release')).json['code']).toBe('hold_not_open');
  });

  test.each([[0], [-1], ['1e2'], [100.001]])('cannot ask for %j', async (amount) => {
    const { boris, act, look } = await placed();
    for (const verb of ['capture', 'release'] as const) expect((await act(boris, verb, { amount })).status).toBe(400);
    expect(await look(boris)).toMatchObject({ state: 'open', remaining: 100 });
  });

  test('cannot take more than remains', async () => {
    const { boris, act } = await placed();
    const { status, json } = await act(boris, 'capture', { amount: 100.01 });
    expect([status, json['code']]).toEqual([422, 'amount_exceeds_remaining']);
  });

  test('has one outcome for a key, and none for another body under it', async () => {
    const { boris, act } = await placed();
    const key = { 'Idempotency-Key': 'c-1' };
    const first = await act(boris, 'capture', { amount: 40, final: false }, key);
    const again = await act(boris, 'capture', { amount: 40, final: false }, key);
    expect(again.json).toEqual(first.json);
    for (const other of [{ amount: 40 }, { amount: 41, final: false }, { amount: 40, final: true }, {}])
      expect((await act(boris, 'capture', other, key)).json['code']).toBe('idempotency_key_reused');
    expect((await act(boris, 'release', { amount: 40 }, key)).json['code']).toBe('idempotency_key_reused');
  });
});

describe('nobody but its parties', () => {
  test('learns that there is a hold, and only the payee may act on it', async () => {
    const { anna, act, look, id, boris } = await placed();
    const carl = await api.customer('carl');
    for (const verb of ['capture', 'release'] as const) {
      expect(await act(carl, verb).then(({ status, json }) => [status, json['code']])).toEqual([404, 'hold_not_found']);
      expect((await act(anna, verb)).status).toBe(403);
    }
    expect((await look(carl))['code']).toBe('hold_not_found');
    const nowhere = await carl.client('GET', `/api/holds/${crypto.randomUUID()}`);
    expect(nowhere.json['code']).toBe('hold_not_found');
    expect((await carl.client('GET', '/api/holds/1')).status).toBe(400);
    expect((await boris.client('GET', `/api/holds/${id.toUpperCase()}`)).status).toBe(200);
  });
});

describe('at the instant of expiry, with nothing swept', () => {
  test('the money is available, the hold is expired, and everything about it is refused', async () => {
    const { anna, boris, id, act, look } = await placed();
    await act(boris, 'capture', { amount: 25, final: false });
    await timeOut(id);
    expect(await availableOf(anna)).toEqual([975, 975]);
    expect(await look(anna)).toMatchObject({
      state: 'expired',
      captured: 25,
      released: 75,
      remaining: 0,
      available: 975,
    });
    for (const verb of ['capture', 'release'] as const)
      expect((await act(boris, verb)).json['code']).toBe('hold_expired');
    const { rows } = await api.pool.query<{ state: string }>('SELECT state FROM hold WHERE id = $1', [id]);
    expect(rows[0]?.state).toBe('open');
    const all = await anna.client('POST', '/api/wallet_to_wallet', { wallet_id: boris.walletId, amount: 975 });
    expect([all.status, all.json['balance']]).toEqual([200, 0]);
  });
});

describe('the lists', () => {
  const list = async (by: Customer, query: string) => {
    const { status, json, text } = await by.client('GET', `/api/holds${query}`);
    expect(status, text).toBe(200);
    return { ids: (json['holds'] as { hold_id: string }[]).map((each) => each.hold_id), next: json['next_before'] };
  };

  test('are of either side, newest first, by state, and paged without a gap', async () => {
    const [anna, boris] = await pair();
    const ids: string[] = [];
    for (let n = 0; n < 7; n++) {
      const { json } = await anna.client('POST', '/api/holds', { wallet_id: boris.walletId, amount: 1 });
      ids.unshift(String(json['hold_id']));
    }
    await boris.client('POST', `/api/holds/${ids[0]!}/capture`);
    await boris.client('POST', `/api/holds/${ids[1]!}/release`);
    await timeOut(ids[2]!);
    expect(await list(anna, '')).toEqual({ ids, next: null });
    expect(await list(boris, '?role=payee')).toEqual({ ids, next: null });
    expect(await list(boris, '?role=payer')).toEqual({ ids: [], next: null });
    expect((await list(anna, '?state=open')).ids).toEqual(ids.slice(3));
    expect((await list(anna, '?state=captured')).ids).toEqual([ids[0]]);
    expect((await list(boris, '?role=payee&state=released')).ids).toEqual([ids[1]]);
    expect((await list(boris, '?role=payee&state=expired')).ids).toEqual([ids[2]]);
    const pages: string[] = [];
    let next: string | null | undefined;
    do {
      const page = await list(anna, `?limit=3${next === undefined ? '' : `&before=${next}`}`);
      pages.push(...page.ids);
      next = page.next as string | null;
    } while (next !== null);
    expect(pages).toEqual(ids);
    expect((await list(anna, `?before=${crypto.randomUUID()}`)).ids).toEqual([]);
  });
});
