/** With a collector configured, one transfer can be followed from the request to the commit; without, nothing is even loaded. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createClient, statuses } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { startCollector } from '../support/collector.ts';
import type { Collector, ReceivedSpan } from '../support/collector.ts';
import { query } from '../support/inspect.ts';
import { createPeople } from '../support/people.ts';
import { openQueues } from '../support/queues.ts';
import { BANK, readWaiting, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const TRANSFER = 'POST /api/wallet_to_wallet';
const DEPOSIT = 'POST /api/external_to_wallet';
/** Spans come soon, and a request has all the time it needs: here it is of no account how busy the machine is. */
const PATIENT = { LOG_LEVEL: 'warn', OPERATION_TIMEOUT_MS: '30000', OTEL_BSP_SCHEDULE_DELAY: '100' };
/** More than the links that OpenTelemetry keeps of a span by itself. */
const MANY = 150;

let stores: Stores;
let collector: Collector;
let service: RunningService;
let client: Client;

beforeEach(async () => {
  collector = await startCollector();
});
afterEach(async () => {
  client.close();
  await service.stop();
  await collector.close();
  await stores.drop();
});

async function start(env: Record<string, string> = {}): Promise<void> {
  const given = { ...PATIENT, ...stores.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...env };
  service = await startService({ env: given });
  client = createClient(service.url);
}

const deposit = (walletId: number, amount: number, headers = {}) =>
  client.post('/api/external_to_wallet', { wallet_id: walletId, amount }, { ...BANK, ...headers });
const spans = (name: string, where: (span: ReceivedSpan) => boolean = () => true) =>
  collector.spans.filter((span) => span.name === name && where(span));
const linkTo = ({ traceId, spanId }: ReceivedSpan) => ({ traceId, spanId });

describe.each(backends)('with the queues on %s', (backend) => {
  beforeEach(async () => {
    stores = await createStores(backend, { partitions: 1 });
  });

  test('a transfer is one trace: the client’s span, the request, the envelope, the apply, the commit', async () => {
    await start();
    const [anna, boris] = await createPeople(stores.databaseUrl, 2);
    await deposit(anna!.walletId, 10);
    const trace = 'a'.repeat(32);
    const answer = await client.post(
      '/api/wallet_to_wallet',
      { wallet_id: boris!.walletId, amount: 1 },
      { ...anna!.headers, traceparent: `00-${trace}-${'b'.repeat(16)}-01` },
    );
    expect(answer.status).toBe(200);
    const mine = await until('all four spans have come', () => {
      const ofTrace = collector.spans.filter(({ traceId }) => traceId === trace);
      return ofTrace.length === 4 && ofTrace;
    });
    const [request, envelope, apply, commit] = [TRANSFER, 'envelope', 'apply', 'commit'].map((name) =>
      mine.find((span) => span.name === name)!,
    ) as [ReceivedSpan, ReceivedSpan, ReceivedSpan, ReceivedSpan];
    expect([request, envelope, apply, commit].map(({ service, parentSpanId }) => [service, parentSpanId])).toEqual([
      ['saldo-api', 'b'.repeat(16)],
      ['saldo-api', request.spanId],
      ['saldo-worker', envelope.spanId],
      ['saldo-worker', apply.spanId],
    ]);
    const operationId = answer.json['operation_id'];
    expect(request.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/api/wallet_to_wallet',
      'http.response.status_code': 200,
      'saldo.request_id': answer.headers['x-request-id'],
      'saldo.operation_id': operationId,
    });
    const envelopeId = envelope.attributes['saldo.envelope_id'];
    expect(envelopeId).toMatch(/^e-/);
    const where = { 'saldo.partition': 0, 'saldo.envelope_id': envelopeId, 'saldo.commands': 1 };
    expect(envelope.attributes).toEqual(where);
    expect(apply.attributes).toEqual({ ...where, 'saldo.applied': 1, 'saldo.rejected': 0 });
    for (const { links } of [envelope, apply]) {
      expect(links).toMatchObject([{ ...linkTo(request), attributes: { 'saldo.operation_id': operationId } }]);
    }
    const startsMs = [request, envelope, apply, commit].map(({ startMs }) => startMs);
    // A span starts on a whole millisecond. The request may end first: it is answered by what PostgreSQL has committed.
    expect(startsMs).toEqual([...startsMs].sort((left, right) => left - right));
    expect(commit.endMs).toBeLessThanOrEqual(apply.endMs + 1);
  });

  test('an envelope of many requests is linked to every one of them, and counts what was refused', async () => {
    await start();
    const [anna, boris] = await createPeople(stores.databaseUrl, 2);
    const queues = openQueues(stores);
    await queues.pause();
    // The first takes the slot; the others wait in the buffer and leave together.
    const first = deposit(anna!.walletId, 5);
    await until('the first is in the queue', async () => (await queues.open()) === 1);
    const others = Array.from({ length: MANY }, (_, index) =>
      client.post(
        '/api/wallet_to_wallet',
        { wallet_id: boris!.walletId, amount: index % 2 ? 0.01 : 100 },
        anna!.headers,
      ),
    );
    await until('they wait', async () => (await readWaiting(client)) === MANY);
    await queues.resume();
    await queues.close();
    expect((await first).status).toBe(200);
    expect(statuses(await Promise.all(others))).toEqual({ 200: MANY / 2, 422: MANY / 2 });
    const [envelope, apply] = await until('both spans have come', () => {
      const found = ['envelope', 'apply'].map(
        (name) => spans(name, ({ attributes }) => attributes['saldo.commands'] === MANY)[0],
      );
      const isWhole = spans(TRANSFER).length === MANY && found.every((span) => span !== undefined);
      return isWhole && (found as [ReceivedSpan, ReceivedSpan]);
    });
    const requests = spans(TRANSFER).map(linkTo);
    for (const { links } of [envelope, apply]) {
      expect(links.map(({ traceId, spanId }) => ({ traceId, spanId }))).toEqual(expect.arrayContaining(requests));
      expect(links).toHaveLength(MANY);
    }
    expect(apply.attributes).toMatchObject({ 'saldo.applied': MANY / 2, 'saldo.rejected': MANY / 2 });
    expect(requests.map(({ traceId }) => traceId)).toContain(envelope.traceId);
  });

  test('a try that failed is told of in the apply, which then has another commit', async () => {
    await start();
    const [anna] = await createPeople(stores.databaseUrl, 1);
    await query(
      stores.databaseUrl,
      `CREATE SEQUENCE tries;
       CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
           IF nextval('tries') < 2 THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '40001'; END IF;
           RETURN NEW;
         END $$;
       CREATE TRIGGER fail_once BEFORE INSERT ON entry
         FOR EACH ROW WHEN (NEW.amount = 777) EXECUTE FUNCTION fail_once()`,
    );
    expect((await deposit(anna!.walletId, 7.77)).status).toBe(200);
    const apply = await until('it has come', () => spans('apply')[0]);
    const commits = await until('both tries have come', () => spans('commit').length === 2 && spans('commit'));
    expect(apply.events).toEqual(['exception']);
    expect(commits.map(({ status, parentSpanId }) => [status, parentSpanId]).sort()).toEqual([
      [0, apply.spanId],
      [2, apply.spanId],
    ]);
  });
});

describe('wherever the queues are', () => {
  beforeEach(async () => {
    stores = await createStores(backends[0]!);
  });

  test('with a sampler, what is not recorded leaves no span anywhere', async () => {
    await start({ OTEL_TRACES_SAMPLER: 'parentbased_always_off' });
    const [anna] = await createPeople(stores.databaseUrl, 1);
    expect((await deposit(anna!.walletId, 1)).status).toBe(200);
    const traceparent = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
    expect((await deposit(anna!.walletId, 2, { traceparent })).status).toBe(200);
    await until('the one that its client records has come', () => spans('commit').length > 0);
    await service.stop();
    expect(collector.spans.map(({ name, traceId }) => `${name} ${traceId[0]}`).sort()).toEqual(
      [`${DEPOSIT} c`, 'apply c', 'commit c', 'envelope c'].sort(),
    );
  });

  test('a collector that is away is no harm: the service works, stops in time, and says so once', async () => {
    await start({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_EXPORTER_OTLP_TIMEOUT: '500' });
    const [anna] = await createPeople(stores.databaseUrl, 1);
    expect((await deposit(anna!.walletId, 1)).status).toBe(200);
    await until('it is told', () => service.apis[0]!.output().includes('trace collector is unavailable'));
    expect((await deposit(anna!.walletId, 1)).status).toBe(200);
    await service.stop();
    const told = service.apis[0]!.output().match(/trace collector is unavailable/g);
    expect(told).toHaveLength(1);
  });

  test('the SDK is loaded with a collector and not without: it costs nothing that is not used', async () => {
    await start({ NODE_DEBUG: 'module' });
    client.close();
    await service.stop();
    const loadedWith = service.apis.concat(service.workers).map(sdkModules);
    expect(loadedWith.map((modules) => modules.length > 10)).toEqual([true, true]);
    service = await startService({ env: { ...PATIENT, ...stores.env, NODE_DEBUG: 'module' } });
    client = createClient(service.url);
    const [anna] = await createPeople(stores.databaseUrl, 1);
    expect((await deposit(anna!.walletId, 1)).status).toBe(200);
    await service.stop();
    expect(service.apis.concat(service.workers).map(sdkModules)).toEqual([[], []]);
  });
});

/** prom-client brings the interface, `@opentelemetry/api`, which does nothing by itself. */
function sdkModules({ output }: { output: () => string }): string[] {
  return output()
    .split('\n')
    .filter((line) => line.includes('load ') && /@opentelemetry\/(?!api[/ ])/.test(line));
}
