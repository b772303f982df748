/**
 * The board of queues in operators' hands, on both backends: it shows envelopes as what they are, lets through what is
 * safe, and writes it down.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { HTML, JSON_ONLY, logInOperator } from '../support/console.ts';
import type { Operator } from '../support/console.ts';
import { expectSoundBooks } from '../support/inspect.ts';
import { withQueue } from '../support/ledgerJobs.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { startRedis } from '../support/redisServer.ts';
import { BANK, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const BOARD = '/ops/queues/api/queues';

interface BoardJob {
  id: string;
  name: string;
  data: Record<string, unknown>;
  returnValue: unknown;
  isFailed: boolean;
}
interface BoardQueue {
  name: string;
  description: string;
  isPaused: boolean;
  readOnlyMode: boolean;
  counts: Record<string, number>;
  jobs: BoardJob[];
}

async function readQueue({ json }: Operator, partition: number, status = 'latest'): Promise<BoardQueue> {
  const { queues } = (await json(
    `${BOARD}?activeQueue=ledger-${partition}&status=${status}&page=1&jobsPerPage=50`,
  )) as {
    queues?: BoardQueue[];
  };
  return queues!.find(({ name }) => name === `ledger-${partition}`)!;
}

describe.each(backends)('the board, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;
  let operator: Operator;
  let payer: Person;
  let receiver: Person;
  let partition: number;

  beforeAll(async () => {
    stores = await createStores(backend);
    service = await startService({ env: stores.env });
    client = createClient(service.url);
    operator = await logInOperator(service.url);
    [payer, receiver] = (await createPeople(stores.databaseUrl, 2)) as [Person, Person];
    partition = payer.walletId % 4;
    const funded = await client.as(BANK).post('/api/external_to_wallet', { wallet_id: payer.walletId, amount: 100 });
    expect(funded.status).toBe(200);
  });
  afterAll(async () => {
    operator.close();
    client.close();
    await service.stop();
    await stores.drop();
  });

  const pay = (amount: number, headers: Record<string, string> = {}) =>
    client.post('/api/wallet_to_wallet', { wallet_id: receiver.walletId, amount }, { ...payer.headers, ...headers });
  const put = (path: string, through = operator) => through.client.send('PUT', BOARD + path, undefined, JSON_ONLY);

  test('shows an envelope as what it holds, whose wallets, and how many were rejected', async () => {
    expect((await pay(1)).status).toBe(200);
    expect((await pay(1_000)).status).toBe(422);
    const { jobs, counts } = await readQueue(operator, partition);
    expect(counts['completed']).toBeGreaterThanOrEqual(3);
    const wallets = `wallets ${payer.walletId}, ${receiver.walletId}`;
    const refused = jobs.find(({ name }) => name === `1 transfer; ${wallets}; 1 rejected`);
    expect(refused).toMatchObject({
      data: { contains: '1 transfer', moves: { RUB: '1000.00' }, wallets: [payer.walletId, receiver.walletId] },
      returnValue: { applied: 0, rejected: 1 },
    });
    expect(jobs.find(({ name }) => name === `1 transfer; ${wallets}`)?.returnValue).toEqual({
      applied: 1,
      rejected: 0,
    });
    expect(jobs.some(({ name }) => name.startsWith('1 deposit; '))).toBe(true);
  });

  test('pauses a queue and resumes it: what was asked meanwhile is promised, and done afterwards', async () => {
    expect((await put(`/ledger-${partition}/pause`)).status).toBe(200);
    expect((await readQueue(operator, partition)).isPaused).toBe(true);
    const promised = await pay(2, { Prefer: 'wait=1' });
    expect(promised.status).toBe(202);
    expect((await put(`/ledger-${partition}/resume`)).status).toBe(200);
    const settled = await client.get(String(promised.headers.location), { ...payer.headers, Prefer: 'wait=20' });
    expect(settled.json['status']).toBe('OK');
    const target = `queue ledger-${partition}`;
    expect(await operator.concluded('queue_pause')).toMatchObject({ target, outcome: 'done' });
    expect(await operator.concluded('queue_resume')).toMatchObject({ target, outcome: 'done' });
    await expectSoundBooks(stores.databaseUrl);
  });

  test('retries what failed for good, as often as one likes, and cleans it away', async () => {
    await withQueue(stores, partition, async (queue) => {
      await queue.add(
        'envelope',
        { v: 1, commands: [{ id: 'nonsense' }] },
        { jobId: 'e-spoiled', removeOnFail: false },
      );
    });
    const failed = () => readQueue(operator, partition, 'failed');
    const job = await until('it has failed', async () => (await failed()).jobs.find(({ id }) => id === 'e-spoiled'));
    expect(job).toMatchObject({ name: 'empty; 1 unreadable', isFailed: true, data: { data: { v: 1 } } });
    await until('the overview counts it', async () => {
      const { alerts } = (await operator.json('/ops/figures')) as { alerts?: string[] };
      return alerts!.some((alert) => alert.startsWith('1 failed for good'));
    });
    expect((await put(`/ledger-${partition}/e-spoiled/retry`)).status).toBe(204);
    await until('it has failed again', async () => (await failed()).jobs.some(({ id }) => id === 'e-spoiled'));
    expect(await operator.concluded('queue_retry')).toMatchObject({
      target: `queue ledger-${partition}`,
      details: 'job e-spoiled',
      outcome: 'done',
    });
    expect((await put(`/ledger-${partition}/retry/failed`)).status).toBe(200);
    await until('it has failed once more', async () => (await failed()).jobs.some(({ id }) => id === 'e-spoiled'));
    expect((await put(`/ledger-${partition}/e-spoiled/clean`)).status).toBe(204);
    expect((await failed()).jobs).toEqual([]);
    expect(await operator.concluded('queue_clean')).toMatchObject({ details: 'job e-spoiled', outcome: 'done' });
  });

  test('lets nobody forge a command, change one, or throw away what waits', async () => {
    const forged = { name: 'envelope', data: { v: 1, commands: [] }, options: {} };
    const before = (await operator.audit()).length;
    for (const [method, path, body] of [
      ['POST', '/add', forged],
      ['PATCH', '/e-1/update-data', { jobData: {} }],
      ['PUT', '/empty', {}],
      ['PUT', '/obliterate', { force: true }],
      ['PUT', '/concurrency', { concurrency: 9 }],
      ['PUT', '/clean/wait', {}],
    ] as const) {
      const answer = await operator.client.send(method, `${BOARD}/ledger-${partition}${path}`, body, JSON_ONLY);
      expect([path, answer.status, answer.json['code']]).toEqual([path, 403, 'forbidden']);
    }
    expect(await operator.audit()).toHaveLength(before);
    await withQueue(stores, partition, async (queue) => expect(await queue.getGlobalConcurrency()).toBe(1));
  });

  test('says so when what was asked for is not there', async () => {
    expect((await put(`/ledger-${partition}/e-nothing/retry`)).status).toBe(404);
    expect(await operator.concluded('queue_retry')).toMatchObject({
      details: 'job e-nothing',
      outcome: 'refused: HTTP status 404',
    });
  });

  test.each([
    ['told so', { OPERATOR_QUEUE_WRITE: 'false' }],
    ['run in production and told nothing', { NODE_ENV: 'production' }],
  ])('is read-only in a service that is %s', async (_how, env) => {
    const readOnly = await service.add('api', env);
    const reader = await logInOperator(readOnly.url);
    try {
      const { readOnlyMode, description, isPaused } = await readQueue(reader, partition);
      expect([readOnlyMode, isPaused]).toEqual([true, false]);
      expect(description).toContain('OPERATOR_QUEUE_WRITE');
      const answer = await put(`/ledger-${partition}/pause`, reader);
      expect([answer.status, answer.json['code']]).toEqual([403, 'forbidden']);
      expect((await readQueue(reader, partition)).isPaused).toBe(false);
    } finally {
      reader.close();
    }
  });

  test('says that what it offers is safe', async () => {
    const { description, readOnlyMode } = await readQueue(operator, partition);
    expect(readOnlyMode).toBe(false);
    expect(description).toMatch(/Retry, promote, pause and resume are safe at any time/);
    expect(await operator.page('/ops/queues/')).toContain('Retry, pause and resume are safe');
  });
});

test.runIf(backends.includes('redis'))(
  'without its queue the console still answers, and says what is away',
  async () => {
    const stores = await createStores('postgres');
    const redis = await startRedis();
    const service = await startService({ env: { ...stores.env, REDIS_URL: redis.url } });
    const operator = await logInOperator(service.url);
    try {
      await redis.kill();
      await until('the overview says so', async () =>
        ((await operator.json('/ops/figures')) as { alerts?: string[] }).alerts!.some((alert) =>
          alert.startsWith('The queue cannot be reached'),
        ),
      );
      const { status, json } = await operator.client.get(BOARD, JSON_ONLY);
      expect([status, json['code']]).toEqual([503, 'unavailable']);
      expect((await operator.client.get('/ops/', HTML)).status).toBe(200);
      await redis.restart();
      await until('the board answers again', async () => (await operator.client.get(BOARD, JSON_ONLY)).status === 200);
    } finally {
      operator.close();
      await service.stop();
      await redis.stop();
      await stores.drop();
    }
  },
);
