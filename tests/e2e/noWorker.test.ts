/**
 * No worker works: the service says so, promises at once what it is asked for, lets no queue grow, and does everything
 * once a worker is back.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient, statuses } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { countApplied, countPending, expectSoundBooks } from '../support/inspect.ts';
import { inParallel } from '../support/parallel.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import type { Service } from '../support/processes.ts';
import { openQueues } from '../support/queues.ts';
import { BANK, OPERATOR, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const NOTICED_MS = 10_000;
const AT_ONCE_MS = 1_000;
const DRAINED_MS = 10_000;
const MAX_PENDING = 1_500;

describe.each(backends)('without a worker, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;
  let people: Person[];

  beforeAll(async () => {
    stores = await createStores(backend);
    service = await startService({ env: { ...stores.env, MAX_PENDING: String(MAX_PENDING) } });
    client = createClient(service.url);
    people = await createPeople(stores.databaseUrl, 8);
    await isReadyAgain();
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await expectSoundBooks(stores.databaseUrl);
    await stores.drop();
  });

  const deposit = (lane: number, headers: Record<string, string> = {}) => {
    const body = { wallet_id: people[lane % people.length]!.walletId, amount: 1 };
    return client.post('/api/external_to_wallet', body, { ...BANK, ...headers });
  };
  const isReadyAgain = () => until('ready', async () => (await client.get('/readyz')).status === 200, NOTICED_MS);
  const saysNoWorkers = async () => {
    const { status, json } = await client.get('/readyz');
    return status === 503 && json['detail'] === 'Not ready: workers.';
  };
  const logged = (words: string) => service.apis[0]!.output().split(words).length - 1;
  const current = (): Service => service.workers.at(-1)!;

  test('it is not ready within ten seconds, says so once, promises at once, and does all of it when one is back', async () => {
    const [lost, found] = [logged('no worker works'), logged('a worker works again')];
    current().kill('SIGKILL');
    const waiting = deposit(0);
    await until('it is told', saysNoWorkers, NOTICED_MS);
    // Whoever waited since before is promised now, not when the time is up.
    expect((await waiting).status).toBe(202);

    const answers = await inParallel(Array.from({ length: 200 }), 8, (_, lane) => deposit(lane));
    expect(statuses(answers)).toEqual({ 202: 200 });
    expect(answers.filter(({ tookMs }) => tookMs > AT_ONCE_MS)).toEqual([]);
    const queues = openQueues(stores);
    expect(await queues.open()).toBeLessThanOrEqual(1);
    await queues.close();
    const { text } = await client.get('/ops/', { ...OPERATOR, Accept: 'text/html' });
    expect(text).toContain('No worker works');

    // What finds no room for its promise is refused as unavailable.
    const list = Array.from({ length: 1_000 }, (_, index) => ({
      ...{ wallet_id: people[index % people.length]!.walletId, amount: 1, external_id: `list-${backend}-${index}` },
    }));
    await client.post('/api/operations/bulk', { items: list }, BANK);
    await inParallel(Array.from({ length: 320 }), 8, (_, lane) => deposit(lane));
    const refused = await deposit(0);
    expect([refused.status, refused.json['code'], refused.json['detail']]).toEqual([
      503,
      'unavailable',
      'No worker is running, so nothing can be decided now.',
    ]);

    await service.add('worker');
    await isReadyAgain();
    expect((await deposit(1)).status).toBe(200);
    await until('everything is done', async () => (await countPending(stores.databaseUrl)) === 0, DRAINED_MS);
    const ids = [await waiting, ...answers].map(({ json }) => String(json['operation_id']));
    expect(await countApplied(stores.databaseUrl, ids)).toEqual(ids.map(() => 1));
    expect([logged('no worker works'), logged('a worker works again')]).toEqual([lost + 1, found + 1]);
  });

  test('a frozen one counts as none, and one that is thawed works again', async () => {
    current().kill('SIGSTOP');
    try {
      await until('it is told', saysNoWorkers, NOTICED_MS);
      expect((await deposit(0)).status).toBe(202);
    } finally {
      current().kill('SIGCONT');
    }
    await isReadyAgain();
    await until('everything is done', async () => (await countPending(stores.databaseUrl)) === 0, DRAINED_MS);
  });
});
