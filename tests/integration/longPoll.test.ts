/**
 * Waiting for an operation with `Prefer: wait=N`: however many wait, they share one query in a tenth of a second, and no
 * account can take the places of all.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { MockInstance } from 'vitest';
import { MAX_POLLS_EACH } from '../../api/quotas/pollPlaces.ts';
import { applyCommands } from '../../shared/store/ledger/applyCommands.ts';
import { insertPending } from '../../shared/store/ledger/pendingOperations.ts';
import { transfer } from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { startApi } from '../support/api.ts';
import type { Customer, TestApi } from '../support/api.ts';
import { openApplyPool } from '../support/pools.ts';
import { until } from '../support/waiting.ts';

const AT_ONCE_MS = 1_000;
const WATCHED_LOOKS = 10;

let api: TestApi;
let payer: Customer;
let other: Customer;
let queries: MockInstance;
/** Ends every request that a test has left waiting. */
let gone: AbortController;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  [payer, other] = [await api.customer(), await api.customer()];
  gone = new AbortController();
  queries = vi.spyOn(api.pool, 'query');
});
afterEach(() => {
  gone.abort();
  vi.restoreAllMocks();
});

/** The ids that each query for operations has asked for so far. */
function looks(): string[][] {
  const calls = queries.mock.calls as [{ name?: string; values?: [string[]] }][];
  return calls.filter(([query]) => query.name === 'read-operations').map(([query]) => query.values![0]);
}

const lookedUpTogether = () => looks().at(-1)?.length ?? 0;

interface Polled {
  status: number;
  json: Record<string, unknown>;
  tookMs: number;
}

async function poll(customer: Customer, id: string, waitS: number, signal = gone.signal): Promise<Polled> {
  const startedMs = performance.now();
  const Cookie = [...customer.client.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const response = await fetch(`${api.url}/api/operations/${id}`, {
    signal,
    headers: { Cookie, Prefer: `wait=${waitS}` },
  });
  const json = (await response.json()) as Polled['json'];
  return { status: response.status, json, tookMs: performance.now() - startedMs };
}

/** Takes places for as long as the test lasts, or until `signal`. */
async function takePlaces(customer: Customer, count: number, signal = gone.signal): Promise<void> {
  for (let polls = 0; polls < count; polls++) poll(customer, randomUUID(), 30, signal).catch(() => undefined);
  await until('they wait', () => lookedUpTogether() >= count);
}

test('all requests that wait share one query in a tenth of a second', async () => {
  await takePlaces(payer, MAX_POLLS_EACH);
  await takePlaces(other, MAX_POLLS_EACH);
  await until('all look together', () => lookedUpTogether() === 2 * MAX_POLLS_EACH);
  const [before, sinceMs] = [looks().length, performance.now()];
  await until('they have looked again and again', () => looks().length >= before + WATCHED_LOOKS);
  expect(
    looks()
      .slice(before)
      .map((ids) => new Set(ids).size),
  ).toEqual(Array.from({ length: WATCHED_LOOKS }, () => 2 * MAX_POLLS_EACH));
  expect(performance.now() - sinceMs).toBeGreaterThan((WATCHED_LOOKS - 1) * 90);
});

test('all who wait for an operation are told when it is decided', async () => {
  const account = ({ userId, walletId }: Customer): Account => ({
    userId: BigInt(userId),
    walletId: BigInt(walletId),
    currency: 'RUB',
  });
  await api.deposit(payer.walletId, 1);
  const command = transfer(account(payer), account(other), 1n);
  await insertPending(api.pool, [{ command, dueInMs: 60_000 }], { partitions: 4, room: 10 });
  const waiting = Array.from({ length: 50 }, () => poll(payer, command.id, 30));
  await until('they wait', () => looks().length >= 3);
  const applyPool = openApplyPool(api.env.DATABASE_URL!);
  await applyCommands(applyPool, [command]);
  const decidedMs = performance.now();
  const answers = await Promise.all(waiting);
  expect(new Set(answers.map(({ status, json }) => `${status} ${String(json['status'])}`))).toEqual(
    new Set(['200 OK']),
  );
  expect(performance.now() - decidedMs).toBeLessThan(AT_ONCE_MS);
  await applyPool.end();
});

test('who finds no place is answered at once with what is known, and others of other accounts wait', async () => {
  await takePlaces(payer, MAX_POLLS_EACH);
  const refused = await poll(payer, randomUUID(), 30);
  expect([refused.status, refused.json['code']]).toEqual([404, 'operation_not_found']);
  expect(refused.tookMs).toBeLessThan(AT_ONCE_MS);
  expect((await poll(other, randomUUID(), 2)).tookMs).toBeGreaterThan(1_900);
});

test('a place is free again when its client has gone away', async () => {
  const leaving = new AbortController();
  await takePlaces(payer, MAX_POLLS_EACH, leaving.signal);
  leaving.abort();
  await until('nobody waits', async () => {
    const before = looks().length;
    await poll(other, randomUUID(), 1);
    return looks()
      .slice(before + 1)
      .every((ids) => ids.length === 1);
  });
  expect((await poll(payer, randomUUID(), 2)).tookMs).toBeGreaterThan(1_900);
});
