/** The overview while the service works: its figures move, its owners are right, and it is light. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient, statuses } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { HTML, logInOperator, rowsOf, textOf } from '../support/console.ts';
import type { Operator } from '../support/console.ts';
import { inParallel, keepDoing } from '../support/parallel.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { openQueues } from '../support/queues.ts';
import { BANK, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const LANES = 8;
/** Processes store their figures every five seconds, and a point of a chart is fifteen. */
const FIGURES_MS = 30_000;
const CHART_MS = 60_000;

interface Overview {
  asOf: string;
  alerts: string[];
  tiles: { key: string; text: string }[];
  partitions: string[][];
  processes: string[][];
  times: number[];
  charts: { key: string; labels: string[]; values: (number | null)[][] }[];
}

describe.each(backends)('the overview, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;
  let operator: Operator;
  let people: Person[];

  beforeAll(async () => {
    stores = await createStores(backend);
    service = await startService({ env: stores.env });
    client = createClient(service.url);
    operator = await logInOperator(service.url);
    people = await createPeople(stores.databaseUrl, LANES);
    const bank = client.as(BANK);
    const funded = await inParallel(people, LANES, ({ walletId }) =>
      bank.post('/api/external_to_wallet', { wallet_id: walletId, amount: 100 }),
    );
    expect(statuses(funded)).toEqual({ 200: LANES });
  });
  afterAll(async () => {
    operator.close();
    client.close();
    await service.stop();
    await stores.drop();
  });

  const read = async () => (await operator.json('/ops/figures')) as unknown as Overview;
  const tile = ({ tiles }: Overview, key: string) => tiles.find((each) => each.key === key)?.text ?? '';
  const number = (text: string) => Number(text.replace(/,/g, ''));
  const pay = (lane: number, headers: Record<string, string> = {}) => {
    const body = { wallet_id: people.at(lane - 1)!.walletId, amount: 0.01 };
    return client.post('/api/wallet_to_wallet', body, { ...people[lane]!.headers, ...headers });
  };

  test('shows what is applied, how fast, and by whom, and draws it', async () => {
    const load = keepDoing(LANES, (lane) => pay(lane));
    try {
      const busy = await until(
        'the figures move',
        async () => {
          const overview = await read();
          return number(tile(overview, 'applied')) > 0 && tile(overview, 'wait-p50') !== '–' && overview;
        },
        FIGURES_MS,
      );
      expect(number(tile(busy, 'envelope'))).toBeGreaterThanOrEqual(1);
      for (const key of ['apply-p50', 'apply-p99', 'wait-p99']) expect(tile(busy, key)).toMatch(/^\d.* m?s$/);
      expect([tile(busy, 'database'), tile(busy, 'queue'), tile(busy, 'failed'), tile(busy, 'pending')]).toEqual([
        'up',
        'up',
        '0',
        '0',
      ]);
      const workers = busy.processes.filter(([, role]) => role === 'worker').map(([name]) => name);
      expect(workers).toHaveLength(1);
      expect(busy.processes.filter(([, role]) => role === 'api')).toHaveLength(1);
      expect(tile(busy, 'sweeper')).toBe(workers[0]);
      // Eight wallets in a row are in all four partitions.
      expect(busy.partitions.map(([partition, , , , , , owner]) => [partition, owner])).toEqual(
        ['0', '1', '2', '3'].map((partition) => [partition, workers[0]]),
      );
      const drawn = await until(
        'a point of the chart is drawn',
        async () => {
          const { times, charts } = await read();
          const applied = charts.find(({ key }) => key === 'operations')!.values[0]!;
          expect(applied).toHaveLength(times.length);
          return applied.some((value) => (value ?? 0) > 0) && { times, charts };
        },
        CHART_MS,
      );
      for (const { labels, values } of drawn.charts) expect(values).toHaveLength(labels.length);
    } finally {
      expect(Object.keys(statuses(await load.stop()))).toEqual(['200']);
    }
  });

  test('says what waits, how old it is, and that a queue is paused', async () => {
    const queues = openQueues(stores);
    await queues.pause();
    const { status } = await pay(0, { Prefer: 'wait=1' });
    expect(status).toBe(202);
    const partition = String(people[0]!.walletId % 4);
    const row = await until(
      'the pause shows',
      async () => (await read()).partitions.find(([name, waiting]) => name === partition && waiting === '1, paused'),
      FIGURES_MS,
    );
    expect(row[5]).toMatch(/^\d.* (ms|s)$/);
    const paused = await until('the promise shows', async () => {
      const overview = await read();
      return tile(overview, 'pending') === '1' && overview;
    });
    expect(paused.alerts).toEqual(['Paused by an operator: partition 0, 1, 2, 3.']);
    const page = await operator.page('/ops/');
    expect(textOf(page)).toContain('Paused by an operator: partition 0, 1, 2, 3.');
    await queues.resume();
    await queues.close();
    await until('it is quiet again', async () => {
      const overview = await read();
      return overview.alerts.length === 0 && tile(overview, 'pending') === '0';
    });
  });

  test('is complete without JavaScript, and loads itself again', async () => {
    const [overview, page] = [await read(), await operator.page('/ops/')];
    expect(page).toContain('<noscript><meta http-equiv="refresh" content="5"></noscript>');
    for (const { key } of overview.tiles) expect(page).toContain(`data-tile="${key}"`);
    expect(rowsOf(page)).toHaveLength(overview.partitions.length + overview.processes.length + 1);
    for (const { key } of overview.charts) expect(page).toContain(`data-chart="${key}" role="img" aria-label=`);
  });

  test('weighs less than 100 kB with all that it loads, and is made in less than 50 ms', async () => {
    const { text } = await operator.client.get('/ops/', HTML);
    const files = [...text.matchAll(/(?:href|src)="(\/(?:ops\/)?assets\/[^"]+)"/g)].map(([, file = '']) => file);
    expect(files.length).toBeGreaterThanOrEqual(5);
    const sizes = await Promise.all(
      ['/ops/', '/ops/figures', ...files].map((path) => transferred(service.url + path, operator.headers)),
    );
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(total).toBeLessThan(100_000);
    let quickest = Infinity;
    for (let round = 0; round < 20; round++) {
      quickest = Math.min(quickest, (await operator.client.get('/ops/', HTML)).tookMs);
    }
    expect(quickest).toBeLessThan(50);
  });
});

/** Bytes of a body on the wire, as a browser asks for it. */
function transferred(url: string, headers: { Cookie: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { ...headers, 'Accept-Encoding': 'gzip' } }, (response) => {
      let size = 0;
      response.on('data', (chunk: Buffer) => (size += chunk.length));
      response.on('end', () =>
        response.statusCode === 200 ? resolve(size) : reject(new Error(`${url}: ${response.statusCode ?? 0}`)),
      );
    })
      .on('error', reject)
      .end();
  });
}
