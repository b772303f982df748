/** `GET /api/wallet`: the balance and the operations behind it, page by page, while money moves. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Command } from '../../shared/ledger/command.ts';
import { toWire } from '../../shared/queue/contracts.ts';
import { applyCommands } from '../../shared/store/ledger/applyCommands.ts';
import { insertPending } from '../../shared/store/ledger/pendingOperations.ts';
import { freezing, transfer } from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { BANK, OPERATOR, basic, startApi } from '../support/api.ts';
import type { Answer, Client, Customer, TestApi } from '../support/api.ts';
import { openApplyPool } from '../support/pools.ts';

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
      ...{ pending: [], pending_out: 0, operations: [], next_before: null },
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

/** Promises of a customer, made together. */
async function promise(payer: Customer, payee: Customer, amounts: readonly bigint[], changes: Partial<Command> = {}) {
  const commands = amounts.map((amountMinor) => transfer(accountOf(payer), accountOf(payee), amountMinor, changes));
  const promised = commands.map((command) => ({ command, dueInMs: 60_000 }));
  await insertPending(api.pool, promised, { partitions: 4, room: 100_000 });
  return commands;
}
const accountOf = ({ userId, walletId }: Customer): Account => ({
  ...{ userId: BigInt(userId), walletId: BigInt(walletId) },
  currency: 'RUB',
});

describe('what is under way', () => {
  it('is told to whoever asked for it, signed, newest first, and with its sum', async () => {
    const [anna, boris] = [await api.customer('anna'), await api.customer('boris')];
    await api.deposit(anna.walletId, 1000);
    const [first] = await promise(anna, boris, [60_000n], { details: 'Rent' });
    const [second] = await promise(anna, boris, [50n]);
    const { json } = await anna.client('GET', '/api/wallet');
    expect(json).toMatchObject({ balance: 1000, available: 1000, pending_out: 600.5 });
    const common = { type: 'transfer', counterparty_wallet_id: boris.walletId };
    const at = ({ acceptedAtMs }: Command) => new Date(acceptedAtMs).toISOString();
    expect(json['pending']).toEqual([
      { ...common, operation_id: second!.id, amount: -0.5, details: null, created_at: at(second!) },
      { ...common, operation_id: first!.id, amount: -600, details: 'Rent', created_at: at(first!) },
    ]);
    expect((await boris.client('GET', '/api/wallet')).json).toMatchObject({ pending: [], pending_out: 0 });
  });
  it('is not what an operator does to the wallet, and not what cannot be read', async () => {
    const [anna, boris] = [await api.customer('anna'), await api.customer('boris')];
    const [damaged, foreign] = await promise(anna, boris, [7n, 9n]);
    const operator = freezing('freeze', accountOf(anna), 999_999n);
    await insertPending(api.pool, [{ command: operator, dueInMs: 60_000 }], { partitions: 4, room: 100_000 });
    const spoil = (id: string, change: string) =>
      api.pool.query(`UPDATE pending_operation SET command = ${change} WHERE id = $1`, [id]);
    await spoil(damaged!.id, `'"damaged"'`);
    await spoil(foreign!.id, `jsonb_set(command, '{kind}', '"gift"')`);
    expect((await anna.client('GET', '/api/wallet')).json).toMatchObject({ pending: [], pending_out: 0.09 });
  });
  it('is listed up to a hundred, and is in the sum whole', async () => {
    const [anna, boris] = [await api.customer('anna'), await api.customer('boris')];
    await promise(anna, boris, Array<bigint>(99).fill(100n));
    await promise(anna, boris, Array<bigint>(8).fill(100n));
    const { json } = await anna.client('GET', '/api/wallet');
    expect([(json['pending'] as unknown[]).length, json['pending_out']]).toEqual([100, 107]);
  });
  it('is never an operation as well, nor neither, while it is decided', async () => {
    const [anna, boris] = [await api.customer('anna'), await api.customer('boris')];
    await api.deposit(anna.walletId, 100);
    const applyPool = openApplyPool(api.databaseUrl);
    const seen: { pending: string[]; decided: string[]; balance: number; out: number }[] = [];
    const over = new AbortController();
    const looking = (async () => {
      while (!over.signal.aborted) {
        const { json } = await anna.client('GET', '/api/wallet?limit=200');
        const ids = (name: string) => (json[name] as { operation_id: string }[]).map((each) => each.operation_id);
        seen.push({
          ...{ pending: ids('pending'), decided: ids('operations') },
          ...{ balance: Number(json['balance']), out: Number(json['pending_out']) },
        });
      }
    })();
    const commands = await promise(anna, boris, Array<bigint>(60).fill(100n));
    for (const command of commands) await applyCommands(applyPool, [command]);
    over.abort();
    await looking;
    await applyPool.end();
    const ids = commands.map(({ id }) => id);
    const begun = seen.filter(({ pending, decided }) => pending.length + decided.length > 1);
    expect(new Set(begun.map(({ pending }) => pending.length)).size).toBeGreaterThan(2);
    for (const { pending, decided, balance, out } of begun) {
      expect([...pending, ...decided].filter((id) => ids.includes(id)).sort()).toEqual([...ids].sort());
      expect([balance - out, out]).toEqual([40, pending.length]);
    }
  });
  it('is over with the operation, also where the promise was made too late to be cleared with it', async () => {
    const [anna, boris] = [await api.customer('anna'), await api.customer('boris')];
    await api.deposit(anna.walletId, 100);
    const [command] = await promise(anna, boris, [100n]);
    const applyPool = openApplyPool(api.databaseUrl);
    await applyCommands(applyPool, [command!]);
    await applyPool.end();
    // As if the promise had been on its way meanwhile: it is there until the sweep clears it.
    await api.pool.query(
      `INSERT INTO pending_operation (id, partition, command, request_hash, next_attempt_at)
       VALUES ($1, 0, $2, decode($3, 'hex'), now() + interval '1 minute')`,
      [command!.id, JSON.stringify(toWire(command!)), command!.requestHash],
    );
    expect((await anna.client('GET', '/api/wallet')).json).toMatchObject({ balance: 99, pending: [], pending_out: 0 });
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
