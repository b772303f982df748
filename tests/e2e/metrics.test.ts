/** One scrape of any API process sees the whole fleet: what it did itself, every worker, the queues and the promises. */
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { METRIC_NAMES } from '../../shared/telemetry/catalogue.ts';
import { createClient } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { BANK, OPERATOR, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

interface Series {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** By the letter of the text format: anything else would be refused by Prometheus. */
function parse(text: string): Series[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value = ''] =
        /^([a-z0-9_]+)(?:\{((?:\w+="[^"\\]*",?)*)\})? (\S+)$/.exec(line) ?? [];
      expect(name, line).not.toBe('');
      // Node’s own figures may be unknown for a moment.
      expect(!name.startsWith('saldo_') || Number.isFinite(Number(value)), line).toBe(true);
      const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', said = '']) => [label, said]);
      return { name, labels: Object.fromEntries(pairs) as Series['labels'], value: Number(value) };
    });
}

describe.each(backends)('metrics, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;
  let anna: Person;
  let boris: Person;

  beforeAll(async () => {
    stores = await createStores(backend);
    service = await startService({
      env: { ...stores.env, LOG_LEVEL: 'warn', OPERATION_TIMEOUT_MS: '30000' },
      workers: 2,
    });
    client = createClient(service.url);
    [anna, boris] = (await createPeople(stores.databaseUrl, 2)) as [Person, Person];
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await stores.drop();
  });

  const scrape = async (by = client) => {
    const { status, text, headers } = await by.get('/metrics', OPERATOR);
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^text\/plain/);
    return { text, series: parse(text) };
  };
  const pay = (amount: number) =>
    client.post('/api/wallet_to_wallet', { wallet_id: boris.walletId, amount }, anna.headers);
  const sum = (series: Series[], name: string, labels: Record<string, string> = {}) =>
    series
      .filter((each) => each.name === name && Object.entries(labels).every(([key, is]) => each.labels[key] === is))
      .reduce((total, { value }) => total + value, 0);

  test('tell what happened, by which route, with which outcome, in which process', async () => {
    expect((await client.post('/api/external_to_wallet', { wallet_id: anna.walletId, amount: 10 }, BANK)).status).toBe(
      200,
    );
    expect((await pay(1)).status).toBe(200);
    expect((await pay(2)).status).toBe(200);
    expect((await pay(100)).status).toBe(422);
    expect((await client.get('/api/wallet')).status).toBe(401);
    expect((await client.get('/no/such/page/4711')).status).toBe(404);

    const { series, text } = await until('the workers have told of it', async () => {
      const scraped = await scrape();
      return sum(scraped.series, 'saldo_operations_total') === 4 && scraped;
    });
    expect(sum(series, 'saldo_operations_total', { outcome: 'applied' })).toBe(3);
    expect(sum(series, 'saldo_operations_total', { outcome: 'insufficient_funds' })).toBe(1);
    expect(sum(series, 'saldo_apply_duration_seconds_count')).toBe(4);
    expect(sum(series, 'saldo_envelopes_total', { result: 'applied' })).toBe(4);
    expect(sum(series, 'saldo_command_wait_seconds_count')).toBe(4);
    expect(sum(series, 'saldo_envelope_commands_sum')).toBe(4);
    expect(sum(series, 'saldo_outcome_read_duration_seconds_count')).toBeGreaterThanOrEqual(4);
    expect(sum(series, 'saldo_problems_total', { code: 'insufficient_funds' })).toBe(1);
    expect(sum(series, 'saldo_problems_total', { code: 'unauthenticated' })).toBe(1);
    const http = 'saldo_http_request_duration_seconds_count';
    expect(sum(series, http, { method: 'POST', route: '/api/wallet_to_wallet', status: '200' })).toBe(2);
    expect(sum(series, http, { method: 'POST', route: '/api/wallet_to_wallet', status: '422' })).toBe(1);
    expect(sum(series, http, { method: 'GET', route: '/api/wallet', status: '401' })).toBe(1);
    expect(sum(series, http, { method: 'GET', route: 'none', status: '404' })).toBe(1);
    expect(text).not.toContain('4711');
  });

  test('tell of routes by their pattern, whatever the path says, also below the console and where it answers an error', async () => {
    const http = 'saldo_http_request_duration_seconds_count';
    const ids = [uuidv7(), uuidv7(), uuidv7()];
    for (const id of ids) expect((await client.get(`/api/operations/${id}`, BANK)).status).toBe(404);
    for (const id of [987_001, 987_002]) expect((await client.get(`/ops/wallets/${id}`, OPERATOR)).status).toBe(404);
    expect((await client.get('/ops/', OPERATOR)).status).toBe(200);
    const { series, text } = await scrape();
    expect(sum(series, http, { route: '/api/operations/:id', status: '404' })).toBe(3);
    expect(sum(series, http, { route: '/ops/wallets/:id', status: '404' })).toBe(2);
    expect(sum(series, http, { route: '/ops/', status: '200' })).toBe(1);
    expect(text).not.toMatch(/98700|[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  test('name both workers, of which one sweeps, and say what waits once for the whole fleet', async () => {
    const { series } = await until('both workers and the fleet are told of, and one sweeps', async () => {
      const scraped = await scrape();
      const workers = new Set(scraped.series.flatMap(({ labels }) => labels['worker'] ?? []));
      const isWhole = sum(scraped.series, 'saldo_sweep_leader') === 1;
      return workers.size === 2 && isWhole && scraped;
    });
    const pids = series.filter(({ name }) => name === 'saldo_worker_working').map(({ labels }) => labels['worker']);
    for (const { pid } of service.workers) expect(pids.some((worker) => worker?.includes(`-${pid}-`))).toBe(true);
    expect(sum(series, 'saldo_worker_working')).toBe(backend === 'redis' ? 2 : 1);
    const fleet = series.filter(({ name }) => /^saldo_(queue|pending)_/.test(name));
    expect(fleet).toHaveLength(4 * (4 + 1 + 1) + 2);
    expect(fleet.every(({ labels }) => labels['worker'] === undefined)).toBe(true);
    expect(sum(series, 'saldo_dependency_up')).toBe(3 * 2);
  });

  test('are well formed: every metric of the catalogue is there, each family and each series once', async () => {
    // The sweep has found its first turn.
    const { series, text } = await until('every metric is told', async () => {
      const scraped = await scrape();
      return METRIC_NAMES.every((name) => scraped.text.includes(`# TYPE ${name} `)) && scraped;
    });
    const types = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
    expect(types).toEqual([...new Set(types)]);
    const keys = series.map(({ name, labels }) => `${name} ${JSON.stringify(Object.entries(labels).sort())}`);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
    expect(text).toContain('# TYPE nodejs_heap_size_used_bytes gauge');
  });

  test('of a stopped worker vanish, and another API process tells the same of the rest', async () => {
    const api = await service.add('api');
    const other = createClient(api.url);
    await service.workers[1]!.stop();
    const seen = await until(
      'only one worker is left',
      async () => {
        const { series } = await scrape(other);
        const workers = new Set(series.flatMap(({ labels }) => labels['worker'] ?? []));
        return workers.size === 1 && [...workers];
      },
      30_000,
    );
    expect(seen[0]).toContain(`-${service.workers[0]!.pid}-`);
    other.close();
  });
});
