/**
 * Many transfers at once, checked by an auditor that knows nothing of the ledger: it adds up the answers that clients
 * got, and what it arrives at must be what the database and the API say.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRandom } from '../chaos/random.ts';
import { expectSoundBooks, query, readBalances } from '../support/inspect.ts';
import { createClient, statuses } from '../support/client.ts';
import type { Answer, Client } from '../support/client.ts';
import { inParallel } from '../support/parallel.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { wipeQueues } from '../support/queues.ts';
import { BANK, OPERATOR, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';

const PEOPLE = 1_000;
const DEPOSIT = 100;
/** More than all wallets hold together: never to be had, whatever the others do. */
const OUT_OF_REACH = PEOPLE * DEPOSIT + 1;
const IN_FLIGHT = 256;
const CONNECTIONS = IN_FLIGHT / 2;
/** `OPERATION_TIMEOUT_MS`, after which a request is promised or refused, and what that may take on a busy machine. */
const TIMEOUT_MS = 5_000;
const PROMISED_WITHIN_MS = 2_500;
const WIPED = { redis: 6_000, postgres: 1_500 };
/** Everything on the faster backend, as far as this machine has it. */
const TRANSFERS = { redis: 20_000, postgres: backends.includes('redis') ? 2_000 : 20_000 };

describe.each(backends)('load, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let clients: Client[];
  let people: Person[];

  beforeAll(async () => {
    stores = await createStores(backend);
    service = await startService({ env: stores.env, apis: 2, workers: 2 });
    clients = service.apis.map(({ url }) => createClient(url, CONNECTIONS));
    people = await createPeople(stores.databaseUrl, PEOPLE);
    const bank = clients[0]!.as(BANK);
    const fund = ({ walletId }: Person) =>
      bank.post('/api/external_to_wallet', { wallet_id: walletId, amount: DEPOSIT });
    const funded = await inParallel(people, CONNECTIONS, fund);
    expect(statuses(funded)).toEqual({ 200: PEOPLE });
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await service.stop();
    await stores.drop();
  });

  const client = (index: number) => clients[index % clients.length]!;

  test(`${TRANSFERS[backend]} concurrent transfers, one in a hundred sent twice, a third out of reach, leave the balances that the answers add up to`, async () => {
    const transfers = makeTransfers(TRANSFERS[backend], people);
    const sent = transfers.flatMap((transfer) => (transfer.isSentTwice ? [transfer, transfer] : [transfer]));
    const answers = await inParallel(sent, IN_FLIGHT, (transfer, index) => send(client(index), transfer));

    const audit = createAudit(people);
    sent.forEach((transfer, index) => audit.hear(transfer, answers[index]!));
    expect(audit.broken()).toEqual([]);

    const balances = await readBalances(stores.databaseUrl);
    const stored = people.map(({ walletId }) => balances.get(walletId));
    expect(stored).toEqual(people.map(({ walletId }) => audit.balances.get(walletId)));
    const told = await inParallel(people, 32, ({ headers }, index) =>
      client(index).get('/api/wallet?limit=1', headers),
    );
    expect(told.map(({ json }) => toMinor(json['balance']))).toEqual(stored);
    await expectSoundBooks(stores.databaseUrl);
  });

  test('a queue that is wiped under all this costs at most the timeout, and nobody hears what is not in the contract', async () => {
    const transfers = makeTransfers(WIPED[backend], people);
    const wipeEvery = Math.floor(transfers.length / 6);
    let slowestMs = 0;
    const answers = await inParallel(transfers, IN_FLIGHT, async (transfer, index) => {
      if (index % wipeEvery === wipeEvery - 1) await wipeQueues(stores);
      const sentMs = performance.now();
      const answer = await send(client(index), transfer);
      slowestMs = Math.max(slowestMs, performance.now() - sentMs);
      return answer;
    });
    const heard = statuses(answers);
    expect(Object.keys(heard).filter((status) => !['200', '202', '422', '503'].includes(status))).toEqual([]);
    expect(heard[200]).toBeGreaterThan(transfers.length / 3);
    expect(slowestMs).toBeLessThan(TIMEOUT_MS + PROMISED_WITHIN_MS);
    const applied = answers.filter(({ status }) => status === 200).map(({ json }) => String(json['operation_id']));
    const stored = await query<{ count: string }>(
      stores.databaseUrl,
      `SELECT count(*) FROM operation WHERE status = 'applied' AND id = ANY($1::uuid[])`,
      [applied],
    );
    expect(Number(stored[0]?.count)).toBe(new Set(applied).size);
    await expectSoundBooks(stores.databaseUrl);
  });

  test('one request at a time travels alone, a hundred and twenty-eight at once travel together', async () => {
    const [api] = clients;
    const pay = (from: Person, index: number) =>
      api!.post('/api/wallet_to_wallet', { wallet_id: other(people, index), amount: 0.01 }, from.headers);
    const count = async (atOnce: number, transfers: number) => {
      const before = await readEnvelopes(api!);
      expect(statuses(await inParallel(people.slice(0, transfers), atOnce, pay))).toEqual({ 200: transfers });
      const after = await readEnvelopes(api!);
      return { commands: after.commands - before.commands, envelopes: after.envelopes - before.envelopes };
    };
    expect(await count(1, 40)).toEqual({ commands: 40, envelopes: 40 });
    const { commands, envelopes } = await count(CONNECTIONS, PEOPLE);
    expect(commands).toBe(PEOPLE);
    expect(commands / envelopes).toBeGreaterThan(8);
  });
});

interface Transfer {
  from: Person;
  to: number;
  amountMinor: bigint;
  key: string | undefined;
  isSentTwice: boolean;
  isOutOfReach: boolean;
}

function makeTransfers(count: number, people: readonly Person[]): Transfer[] {
  const random = createRandom(20_261_122);
  return Array.from({ length: count }, () => {
    const at = random.integer(0, people.length - 1);
    const [from, to] = [people[at]!, people[(at + random.integer(1, people.length - 1)) % people.length]!];
    const isSentTwice = random.chance(0.01);
    const isOutOfReach = random.chance(1 / 3);
    const amountMinor = isOutOfReach ? BigInt(OUT_OF_REACH) * 100n : BigInt(random.integer(1, 3_000));
    return {
      from,
      to: to.walletId,
      amountMinor,
      isSentTwice,
      isOutOfReach,
      key: isSentTwice ? randomUUID() : undefined,
    };
  });
}

function send(client: Client, { from, to, amountMinor, key }: Transfer): Promise<Answer> {
  const body = { wallet_id: to, amount: Number(amountMinor) / 100 };
  return client.post('/api/wallet_to_wallet', body, {
    ...from.headers,
    ...(key !== undefined && { 'Idempotency-Key': key }),
  });
}

/** Adds up what clients were told, each operation once, and notes whatever they must never be told. */
function createAudit(people: readonly Person[]) {
  const balances = new Map(people.map(({ walletId }) => [walletId, BigInt(DEPOSIT) * 100n]));
  const heard = new Map<string, { key: string | undefined; status: number; originals: number; answers: number }>();
  const wrong: string[] = [];
  const add = (walletId: number, amountMinor: bigint) =>
    balances.set(walletId, (balances.get(walletId) ?? 0n) + amountMinor);
  return {
    balances,
    hear({ from, to, amountMinor, key, isOutOfReach }: Transfer, { status, json, headers }: Answer) {
      const isRefused = status === 422 && json['code'] === 'insufficient_funds';
      if (status !== 200 && !isRefused) wrong.push(`${status} ${JSON.stringify(json)}`);
      if (isOutOfReach && status === 200) wrong.push(`${amountMinor} left wallet ${from.walletId}`);
      if (status === 200 && toMinor(json['balance']) < 0n) wrong.push(`wallet ${from.walletId} went below zero`);
      const id = String(json['operation_id']);
      const known = heard.get(id) ?? { key, status, originals: 0, answers: 0 };
      if (known.key !== key || known.status !== status) wrong.push(`operation ${id} was answered in two ways`);
      if (known.answers === 0 && status === 200) {
        add(from.walletId, -amountMinor);
        add(to, amountMinor);
      }
      known.answers++;
      if (headers['idempotency-replayed'] === undefined) known.originals++;
      heard.set(id, known);
    },
    /** What was wrong, and every operation that was not answered once as its own and otherwise as a replay. */
    broken(): string[] {
      for (const [id, { key, answers, originals }] of heard) {
        if (originals !== 1 || answers !== (key === undefined ? 1 : 2)) {
          wrong.push(`operation ${id}: ${answers} answers, ${originals} of them not a replay`);
        }
      }
      return wrong;
    },
  };
}

function toMinor(amount: unknown): bigint {
  return BigInt(Math.round(Number(amount) * 100));
}

function other(people: readonly Person[], index: number): number {
  return people[(index + 1) % people.length]!.walletId;
}

async function readEnvelopes(client: Client): Promise<{ commands: number; envelopes: number }> {
  const { text } = await client.get('/metrics', OPERATOR);
  const figure = (name: string) => Number(new RegExp(`^saldo_envelope_commands_${name} (\\d+)$`, 'm').exec(text)?.[1]);
  return { commands: figure('sum'), envelopes: figure('count') };
}
