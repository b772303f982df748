/**
 * What the stores' clients really throw at the data of customers, as it is logged, kept with a failed job and put into
 * spans: the code and the constraint, and nothing of the data.
 */
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { errorLines, errorSentence } from '../../shared/errors/describeError.ts';
import { createLogger } from '../../shared/logger.ts';
import { createQueueBackend } from '../../shared/queue/queueBackend.ts';
import { createApplyPool, createPool, createPrisma } from '../../shared/store/database/pool.ts';
import type { Pool, PrismaClient } from '../../shared/store/database/pool.ts';
import { createTracing } from '../../shared/telemetry/otel.ts';
import { startCollector } from '../support/collector.ts';
import { query } from '../support/inspect.ts';
import { hasRedis, startRedis } from '../support/redisServer.ts';
import type { RedisServer } from '../support/redisServer.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const CANARY = 'CANARY_7f3a';
const canary = new RegExp(CANARY, 'i');

async function thrownBy(work: () => unknown): Promise<Error> {
  try {
    await work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

function written(error: unknown): string {
  const lines: string[] = [];
  const logger = createLogger('test', 'trace', { write: (line) => lines.push(line) });
  logger.error({ err: error, cause: new AggregateError([error]) }, 'a sentence');
  logger.error(error as object);
  return [...lines, errorLines(error), errorSentence(error)].join('\n');
}

describe('PostgreSQL', () => {
  let stores: Stores;
  let pool: Pool;
  let prisma: PrismaClient;

  beforeAll(async () => {
    stores = await createStores('postgres');
    pool = createPool({ databaseUrl: stores.databaseUrl, role: 'test', maxConnections: 2 });
    prisma = createPrisma(pool);
    await query(
      stores.databaseUrl,
      `CREATE TABLE probe (id text PRIMARY KEY CHECK (id <> '${CANARY} refused'), short varchar(3), n bigint NOT NULL);
       INSERT INTO probe VALUES ('${CANARY}', NULL, 1);
       CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'no %', NEW.id USING DETAIL = NEW.id, HINT = NEW.id, ERRCODE = 'P0001'; END $$;
       CREATE TABLE loud (id text);
       CREATE TRIGGER shout BEFORE INSERT ON loud FOR EACH ROW EXECUTE FUNCTION shout()`,
    );
  });
  afterAll(async () => {
    await prisma.$disconnect();
    await pool.end();
    await stores.drop();
  });

  test.each([
    ['a row twice', '23505', `INSERT INTO probe VALUES ($1, NULL, 1)`],
    ['a check', '23514', `INSERT INTO probe VALUES ($1 || ' refused', NULL, 1)`],
    ['a missing value', '23502', `INSERT INTO probe VALUES ($1 || 'x', NULL, NULL)`],
    ['a text that is too long', '22001', `INSERT INTO probe VALUES ('y', $1, 1)`],
    ['a number that is none', '22P02', `SELECT ($1::text)::bigint`],
    ['an id that is none', '22P02', `SELECT $1::uuid`],
    ['JSON that is none', '22P02', `SELECT $1::jsonb`],
    ['a date that is none', '22007', `SELECT ($1::text)::timestamptz`],
    ['an encoding that is none', '22023', `SELECT convert_to('x', $1)`],
    ['a trigger that tells all', 'P0001', `INSERT INTO loud VALUES ($1)`],
  ])('refuses %s: told by its code %s', async (_what, code, text) => {
    const error = await thrownBy(() => pool.query(text, [CANARY]));
    expect(error).toMatchObject({ code });
    expect(JSON.stringify([error, error.message])).toMatch(text.includes('$1, 1)') ? /./ : canary);
    expect(written(error)).toContain(code);
    expect(written(error)).not.toMatch(canary);
  });

  test('refuses a broken statement: told by its code, not by the text where it broke off', async () => {
    const error = await thrownBy(() => pool.query(`SELECT 1 ${CANARY} ${CANARY}`));
    expect(error.message).toMatch(canary);
    expect(written(error)).not.toMatch(canary);
  });

  test('names the constraint, and a password of the URL is not told', async () => {
    expect(written(await thrownBy(() => pool.query(`INSERT INTO probe VALUES ('${CANARY}', NULL, 1)`)))).toContain(
      'probe_pkey',
    );
    const url = new URL(stores.databaseUrl);
    url.password = CANARY;
    url.pathname = '/nowhere';
    const elsewhere = createPool({ databaseUrl: url.href, role: 'test', maxConnections: 1 });
    onTestFinished(() => elsewhere.end());
    expect(written(await thrownBy(() => elsewhere.query('SELECT 1')))).not.toMatch(canary);
  });

  test('through Prisma: a value that is there already, and a call that it cannot make sense of', async () => {
    const person = {
      email: `${CANARY.toLowerCase()}@example.org`,
      name: CANARY,
      passwordHash: CANARY,
      role: 'customer' as const,
    };
    await prisma.appUser.create({ data: person });
    const twice = await thrownBy(() => prisma.appUser.create({ data: person }));
    expect(written(twice)).toContain('P2002');
    expect(written(twice)).not.toMatch(canary);
    const nonsense = await thrownBy(() => prisma.appUser.create({ data: { ...person, [CANARY]: CANARY } as never }));
    expect(nonsense.message).toMatch(canary);
    expect(written(nonsense)).toContain('PrismaClientValidationError');
    expect(written(nonsense)).not.toMatch(canary);
    const raw = await thrownBy(() => prisma.$queryRaw`SELECT ${CANARY}::text::bigint`);
    expect(written(raw)).not.toMatch(canary);
  });

  test('an error that passes through a span leaves its data behind', async () => {
    const bodies: string[] = [];
    const collector = await startCollector((body) => bodies.push(body));
    onTestFinished(collector.close);
    process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = collector.url;
    onTestFinished(() => {
      delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
    });
    const tracing = createTracing('worker', createLogger('test', 'silent'));
    const applyPool = createApplyPool({ databaseUrl: stores.databaseUrl, role: 'test', maxConnections: 1 });
    onTestFinished(() => applyPool.end());
    const fail = () => applyPool.query(`INSERT INTO probe VALUES ($1, NULL, 1)`, [CANARY]).then();
    const apply = tracing.applyEnvelope({ partition: 0, jobId: 'e-1' }, {}, async (watch) => {
      await watch(fail as never);
    });
    await expect(apply).rejects.toThrow();
    await tracing.close();
    await until('the spans are there', () => bodies.length > 0);
    expect(bodies.join('')).toContain('23505');
    expect(bodies.join('')).not.toMatch(canary);
  });
});

describe.each(backends)('a job that fails, on %s', (backend) => {
  test('is kept with a reason and a stack that hold nothing of it', async () => {
    const stores = await createStores(backend, { partitions: 1 });
    onTestFinished(stores.drop);
    const { databaseUrl, redisUrl } = stores;
    const opened = createQueueBackend({ databaseUrl, redisUrl, partitions: 1, role: 'test', onError: () => undefined });
    onTestFinished(opened.close);
    const queue = opened.openQueue(0);
    onTestFinished(queue.close);
    const fail = () => Promise.resolve().then(() => JSON.parse(`{"${CANARY}": ${CANARY}}`) as unknown);
    const worker = opened.openWorker(0, fail);
    worker.resume();
    onTestFinished(worker.close);
    await queue.add('e-1', { v: 1, commands: [] });
    const job = await until('it has failed once', async () => {
      const found = await queue.board.getJob('e-1');
      return found && found.attemptsMade > 0 && found.failedReason ? found : undefined;
    });
    expect(job.stacktrace?.join('\n')).toContain('errorsInLogs.test.ts');
    expect([job.failedReason, ...(job.stacktrace ?? [])].join('\n')).not.toMatch(canary);
  });
});

describe.skipIf(!hasRedis())('Redis', () => {
  let server: RedisServer;
  let redis: Redis;

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    redis.on('error', () => undefined);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  test('with no memory left tells so, and nothing of the envelope that it had no room for', async () => {
    const queue = new Queue('full', { connection: redis });
    queue.on('error', () => undefined);
    await queue.waitUntilReady();
    await redis.config('SET', 'maxmemory', '1');
    const added = await thrownBy(() => queue.add('envelope', { commands: [{ details: CANARY.repeat(1_000) }] }));
    const set = await thrownBy(() => redis.set(CANARY, CANARY));
    await redis.config('SET', 'maxmemory', '0');
    expect(JSON.stringify(added)).toMatch(canary); // the library does put it there
    expect(written(added)).toMatch(/OOM command not allowed/);
    expect(written(added).length).toBeLessThan(20_000);
    expect(written(added) + written(set)).not.toMatch(canary);
    await queue.close();
  });

  test('that does not know a command, or whose script fails, tells no arguments', async () => {
    const unknown = await thrownBy(() => redis.call(`NO${CANARY}`, CANARY));
    expect(unknown.message).toMatch(canary);
    const script = await thrownBy(() => redis.eval(`error('${CANARY}')`, 0));
    const wrong = await thrownBy(() => redis.call('HGET', CANARY));
    for (const error of [unknown, script, wrong]) expect(written(error)).not.toMatch(canary);
    expect(written(unknown)).toContain('Redis refused it with ERR');
  });
});
