/** `GET /api/wallet`: the balance and the operations behind it, page by page, while money moves. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BANK, OPERATOR, basic, startApi } from '../support/api.ts';
import type { Answer, Client, TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

interface Item {
  seq: number;
  amount: number;
  balance: number;
}
const itemsOf = ({ json }: Answer): Item[] => json['operations'] as Item[];
const seqsOf = (answer: Answer): number[] => itemsOf(answer).map(({ seq }) => seq);
const send = (from: Client, walletId: number, amount: number, details?: string) =>
  from('POST', '/api/wallet_to_wallet', { wallet_id: walletId, amount, details });

describe('a wallet', () => {
  it('that is new is empty', async () => {
    const { client, userId, walletId } = await api.customer();
    expect((await client('GET', '/api/wallet')).json).toEqual({
      ...{ wallet_id: walletId, user_id: userId, currency: 'RUB', balance: 0, available: 0, frozen: false },
      ...{ operations: [], next_before: null },
    });
  });
  it('lists what happened newest first, signed, with the other side and the details', async () => {
    const [anna, boris] = [await api.customer('anna'), await api.customer('boris')];
    await api.deposit(anna.walletId, 115.6, 'Перевод из Тинькофф');
    await send(anna.client, boris.walletId, 11.1);
    const { json } = await anna.client('GET', '/api/wallet');
    const bank = (await api.client()('GET', '/api/wallet', undefined, basic(BANK.email, BANK.password))).json;
    expect(json).toMatchObject({ balance: 104.5, available: 104.5, next_before: null });
    const common = {
      operation_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      created_at: expect.stringMatching(/Z$/) as string,
    };
    expect(json['operations']).toEqual([
      {
        ...{ ...common, seq: 2, type: 'transfer', amount: -11.1, balance: 104.5, details: null },
        counterparty_wallet_id: boris.walletId,
      },
      {
        ...{ ...common, seq: 1, type: 'deposit', amount: 115.6, balance: 115.6, details: 'Перевод из Тинькофф' },
        counterparty_wallet_id: bank['wallet_id'],
      },
    ]);
    const other = (await boris.client('GET', '/api/wallet')).json;
    expect(other).toMatchObject({
      balance: 11.1,
      operations: [{ amount: 11.1, counterparty_wallet_id: anna.walletId }],
    });
  });
  it('of the bank mirrors what it has put in', async () => {
    const { walletId } = await api.customer();
    const before = (await api.client()('GET', '/api/wallet', undefined, basic(BANK.email, BANK.password))).json;
    await api.deposit(walletId, '0.07');
    const after = (await api.client()('GET', '/api/wallet', undefined, basic(BANK.email, BANK.password))).json;
    expect(Number(after['balance'])).toBeCloseTo(Number(before['balance']) - 0.07, 10);
  });
  it('says when it is frozen, and lists nothing of that', async () => {
    const { client, userId, walletId } = await api.customer();
    await api.deposit(walletId, 1);
    await api.pool.query('UPDATE wallet SET is_frozen = true WHERE id = $1', [walletId]);
    await api.pool.query(
      `INSERT INTO operation (id, kind, status, debit_wallet_id, credit_wallet_id, amount, currency, details,
         initiator_id, request_id, request_hash, accepted_at)
       VALUES (gen_random_uuid(), 'freeze', 'applied', $1, $1, 0, 'RUB', 'a court order', $2, gen_random_uuid(),
         sha256('x'), now())`,
      [walletId, userId],
    );
    const answer = await client('GET', '/api/wallet');
    expect(answer.json).toMatchObject({ balance: 1, available: 1, frozen: true, next_before: null });
    expect(seqsOf(answer)).toEqual([1]);
  });
  it('is none for an operator', async () => {
    const answer = await api.client()('GET', '/api/wallet', undefined, basic(OPERATOR.email, OPERATOR.password));
    expect(answer.status).toBe(403);
  });
  it('whose database was replaced under the session asks to log in again', async () => {
    const { client, userId } = await api.customer();
    await api.pool.query('DELETE FROM wallet WHERE owner_id = $1', [userId]);
    expect((await client('GET', '/api/wallet')).status).toBe(401);
  });
});

describe('a session', () => {
  it('does not show a wallet that belongs to somebody else by now', async () => {
    const [anna, boris] = [await api.customer('anna'), await api.customer('boris')];
    await api.pool.query(`UPDATE wallet SET owner_id = $1, currency = 'USD' WHERE id = $2`, [
      boris.userId,
      anna.walletId,
    ]);
    expect((await anna.client('GET', '/api/wallet')).status).toBe(401);
  });
});

describe('paging', () => {
  it('goes through all operations once, and ends', async () => {
    const { client, walletId } = await api.customer();
    for (let amount = 1; amount <= 7; amount++) await api.deposit(walletId, amount);
    const first = await client('GET', '/api/wallet?limit=3');
    expect([seqsOf(first), first.json['next_before']]).toEqual([[7, 6, 5], 5]);
    const second = await client('GET', '/api/wallet?limit=3&before=5');
    expect([seqsOf(second), second.json['next_before']]).toEqual([[4, 3, 2], 2]);
    const third = await client('GET', '/api/wallet?limit=3&before=2');
    expect([seqsOf(third), third.json['next_before']]).toEqual([[1], null]);
    expect(second.json['balance']).toBe(28);
    const beyond = await client('GET', '/api/wallet?before=1');
    expect([seqsOf(beyond), beyond.json['next_before'], beyond.json['balance']]).toEqual([[], null, 28]);
  });
  it('shows fifty when nobody says how many, two hundred at most', async () => {
    const { client, walletId, userId } = await api.customer();
    const { rows } = await api.pool.query<{ id: string }>(
      `INSERT INTO operation (id, kind, status, debit_wallet_id, credit_wallet_id, amount, currency, initiator_id,
         request_id, request_hash, debit_seq, credit_seq, accepted_at)
       SELECT gen_random_uuid(), 'deposit', 'applied', 1, $1, 1, 'RUB', $2, gen_random_uuid(), sha256('x'), n, n, now()
       FROM generate_series(1, 201) n RETURNING id`,
      [walletId, userId],
    );
    await api.pool.query(
      `INSERT INTO entry (wallet_id, seq, operation_id, amount, balance_after)
       SELECT $1, n, id, 1, n FROM unnest($2::uuid[]) WITH ORDINALITY t(id, n)`,
      [walletId, rows.map(({ id }) => id)],
    );
    expect(seqsOf(await client('GET', '/api/wallet'))).toHaveLength(50);
    expect(seqsOf(await client('GET', '/api/wallet?limit=200'))).toHaveLength(200);
  });
  it('agrees with the balance at any moment while money moves', async () => {
    const [anna, boris] = [await api.customer('anna'), await api.customer('boris')];
    await api.deposit(anna.walletId, 100);
    const moving = Promise.all(Array.from({ length: 30 }, () => send(anna.client, boris.walletId, 0.01)));
    const progress = { done: false };
    void moving.finally(() => (progress.done = true));
    while (!progress.done) {
      const answer = await anna.client('GET', '/api/wallet?limit=1');
      expect(itemsOf(answer)[0]?.balance).toBe(answer.json['balance']);
    }
    await moving;
    expect((await boris.client('GET', '/api/wallet')).json['balance']).toBe(0.3);
  });
});
