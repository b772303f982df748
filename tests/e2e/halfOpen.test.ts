/**
 * A firewall between the service and what it depends on loses its state: what is sent on the connections that were open is
 * swallowed, for ever and without a word, while new ones would work. Nothing breaks, so nothing but our own deadlines can
 * tell, and payments must go on by themselves.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProxy } from '../chaos/proxy.ts';
import type { Proxy } from '../chaos/proxy.ts';
import { createClient, statuses } from '../support/client.ts';
import type { Answer, Client } from '../support/client.ts';
import { countApplied, countPending, expectSoundBooks, query } from '../support/inspect.ts';
import { keepArriving } from '../support/parallel.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { BANK, OPERATOR, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const PARTITIONS = 4;
const BACK_MS = 15_000;
const ARRIVAL_MS = 50;

describe.each(backends)('connections that swallow what is sent, queues on %s', (backend) => {
  let stores: Stores;
  const links: Proxy[] = [];
  let service: RunningService;
  let client: Client;
  let people: Person[];

  beforeAll(async () => {
    stores = await createStores(backend, { partitions: PARTITIONS });
    const through = async (url: string) => {
      const place = new URL(url);
      const link = await startProxy(Number(place.port));
      links.push(link);
      place.port = String(link.port);
      return place.href;
    };
    const env = {
      ...stores.env,
      DATABASE_URL: await through(stores.databaseUrl),
      ...(stores.redisUrl !== undefined && { REDIS_URL: await through(stores.redisUrl) }),
    };
    service = await startService({ env });
    client = createClient(service.url);
    people = await createPeople(stores.databaseUrl, 4 * PARTITIONS);
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await expectSoundBooks(stores.databaseUrl);
    await Promise.all(links.map((link) => link.close()));
    await stores.drop();
  });

  const pay = (lane: number): Promise<Answer> => {
    const { headers } = people[lane % people.length]!;
    const body = { wallet_id: people.at((lane % people.length) - 1)!.walletId, amount: 0.01, details: randomUUID() };
    return client.post('/api/wallet_to_wallet', body, headers);
  };
  const isServed = async () => {
    const answers = await Promise.all([...Array(PARTITIONS).keys()].map(pay));
    return answers.every(({ status }) => status === 200);
  };
  const isReady = async () => (await client.get('/readyz')).status === 200;
  const downs = async () => {
    const { text } = await client.get('/metrics', OPERATOR);
    return text.split('\n').filter((line) => /^saldo_dependency_up\{.*\} 0$/.test(line));
  };

  const PAYMENTS = 'are dropped, and payments go on within fifteen seconds';

  test.each(backend === 'redis' ? (['database', 'queue'] as const) : (['database'] as const))(
    `to the %s ${PAYMENTS}`,
    async (which) => {
      // Of the fault before, what was stuck may still be on its way for a moment.
      await until('everybody is funded', async () => {
        const funded = await Promise.all(
          people.map(({ walletId }) =>
            client.as(BANK).post('/api/external_to_wallet', { wallet_id: walletId, amount: 100 }),
          ),
        );
        return funded.every(({ status }) => status === 200);
      });
      const load = keepArriving(ARRIVAL_MS, pay);
      await until('the load is served', () => load.results.length > 20);

      const sinceMs = performance.now();
      links[which === 'database' ? 0 : 1]!.misbehave('swallow');
      await until('payments go on', isServed, BACK_MS);
      await until('ready', isReady, sinceMs + BACK_MS - performance.now());
      await until('nothing is down', async () => (await downs()).length === 0, sinceMs + BACK_MS - performance.now());

      const answers = await load.stop();
      expect(Object.keys(statuses(answers)).filter((status) => !['200', '202', '503'].includes(status))).toEqual([]);
      await query(stores.databaseUrl, 'UPDATE pending_operation SET next_attempt_at = now()');
      await until('every promise is kept', async () => (await countPending(stores.databaseUrl)) === 0);
      const ids = answers.filter(({ status }) => status < 300).map(({ json }) => String(json['operation_id']));
      expect(await countApplied(stores.databaseUrl, ids)).toEqual(ids.map(() => 1));
    },
  );
});
