/**
 * The HTTP edge in this process, on a database of its own and over real HTTP. Without queue and worker: a command is
 * applied at once, unless the test gives an `operate` of its own. Every answer that goes through a client of it is held
 * against the published OpenAPI document.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { Registry } from 'prom-client';
import { expect } from 'vitest';
import { z } from 'zod';
import { createApp } from '../../api/app.ts';
import { CERTAIN } from '../../api/submission/certainty.ts';
import type { AppDeps } from '../../api/app.ts';
import { ensureAccounts } from '../../api/auth/ensureAccounts.ts';
import { createProvenCredentials } from '../../api/auth/provenCredentials.ts';
import { createDatabaseGuard } from '../../api/database/databaseGuard.ts';
import { createOperate, createPay } from '../../api/kinds/operate.ts';
import type { Operate, OperateDeps, Pay } from '../../api/kinds/operate.ts';
import { createQuotas } from '../../api/quotas/quotas.ts';
import { createOutcomes } from '../../api/submission/outcomes.ts';
import { createOperationRoutes } from '../../api/kinds/movementRoutes.ts';
import { createHoldFinder } from '../../api/wallets/findHold.ts';
import { createWalletFinder } from '../../api/wallets/findWallet.ts';
import { createDependency } from '../../shared/dependency.ts';
import { readEnv } from '../../shared/env.ts';
import type { Env } from '../../shared/env.ts';
import { createLogger } from '../../shared/logger.ts';
import { applyCommands } from '../../shared/store/ledger/applyCommands.ts';
import { createApplyPool, createPool, createPrisma } from '../../shared/store/database/pool.ts';
import { promisePayment } from '../../shared/store/ledger/promisePayment.ts';
import { readOutcomes } from '../../shared/store/ledger/readOutcomes.ts';
import type { KnownOutcome } from '../../shared/store/ledger/readOutcomes.ts';
import type { Command } from '../../shared/ledger/command.ts';
import type { Pool, PrismaClient } from '../../shared/store/database/pool.ts';
import { readDatabaseTime } from '../../shared/store/database/readDatabaseTime.ts';
import { createDatabaseClock } from '../../shared/time.ts';
import { AMPLE_QUOTAS } from './quotas.ts';
import { createTestDatabase } from './stores.ts';

export const BANK = { email: 'bank@saldo.localhost', password: 'bank-password' };
export const OPERATOR = { email: 'operator@saldo.localhost', password: 'operator-password' };
export const PASSWORD = 'Pa$$w0rd';

export interface TestApi {
  url: string;
  env: Env;
  databaseUrl: string;
  pool: Pool;
  prisma: PrismaClient;
  /** What has been logged so far, parsed. */
  logs: Record<string, unknown>[];
  client: () => Client;
  /** Puts money into a wallet, as the bank does. */
  deposit: (walletId: number, amount: number | string, details?: string) => Promise<void>;
  /** A new customer, logged in. */
  customer: (name?: string) => Promise<Customer>;
  close: () => Promise<void>;
}

export interface Customer {
  client: Client;
  email: string;
  userId: number;
  walletId: number;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: Record<string, unknown>;
}

export interface Client {
  (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Cookies by name, as the client keeps them. */
  cookies: Map<string, string>;
}

interface TestApiOptions extends Partial<Pick<AppDeps, 'pay' | 'admit' | 'readiness'>> {
  operate?: Operate;
  env?: Record<string, string>;
  /** Without the bank's and the operator's accounts a start is quicker. */
  accounts?: boolean;
  /** Another way to the database than the direct one. */
  via?: (databaseUrl: string) => Promise<string>;
}

/** Everybody in a test comes from one address. */
const UNLIMITED = { MAX_SIGNUPS_PER_MINUTE: '100000', MAX_FAILED_LOGINS_PER_MINUTE: '100000' };

/** What only the whole service can do is tested there: here it is a fault. */
const noFreeze = () => Promise.reject(new Error('not in this test'));
const noBulk = { moveEach: noFreeze, moveAll: noFreeze };

export async function startApi(options: TestApiOptions = {}): Promise<TestApi> {
  const database = await createTestDatabase();
  const databaseUrl = (await options.via?.(database.url)) ?? database.url;
  const env = readEnv({
    DATABASE_URL: databaseUrl,
    SESSION_SECRET: 'a secret of sixteen or more',
    BANK_PASS: BANK.password,
    OPERATOR_PASS: OPERATOR.password,
    ...UNLIMITED,
    ...AMPLE_QUOTAS,
    ...options.env,
  });
  const logs: Record<string, unknown>[] = [];
  const write = (line: string) => logs.push(JSON.parse(line) as Record<string, unknown>);
  const logger = createLogger('test', 'debug', { write });
  const pool = createPool({ databaseUrl, role: 'test', maxConnections: 5 });
  const prisma = createPrisma(pool);
  const away = createDependency({ name: 'database', probe: () => pool.query('SELECT 1'), logger });
  pool.on('error', away.reportFailure);
  const proven = createProvenCredentials();
  if (options.accounts !== false) await ensureAccounts({ env, prisma, logger, proven });

  const applyPool = createApplyPool({ databaseUrl, role: 'test', maxConnections: 1 });
  // The connection may notice that the test's database is dropped before it notices that it was ended.
  applyPool.on('error', () => undefined);
  const guard = createDatabaseGuard(away);
  const findWallet = createWalletFinder(prisma, guard);
  const finders = { findWallet, findHold: createHoldFinder(pool, guard) };
  const operate = options.operate ?? createDirectOperate(applyPool, finders);
  const pay = options.pay ?? createDirectPay({ pool, applyPool, finders });
  const admit = options.admit ?? (() => undefined);
  const quotas = createQuotas(env);
  const outcomes = createOutcomes({
    pool,
    readPool: pool,
    guard,
    certainty: CERTAIN,
    clock: createDatabaseClock(() => readDatabaseTime(pool)),
  });
  const app = createApp({
    ...{ env, logger, pool, readPool: pool, quotas, prisma, database: away, guard, findWallet, proven, pay, admit },
    operationRoutes: createOperationRoutes({
      ...{ operate, bulk: noBulk, freeze: noFreeze, admit, outcomes, quotas },
      ...{ readPool: pool, guard },
    }),
    createConsole: () => express(),
    readiness: options.readiness ?? (() => ({ ready: true, checks: { database: true } })),
    registry: new Registry(),
  });
  const server = createServer(app.handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const checkAnswer = await createAnswerCheck(url);
  const client = () => createClient(url, checkAnswer);

  return {
    ...{ url, env, databaseUrl: database.url, pool, prisma, logs, client },
    async deposit(walletId, amount, details) {
      const body = { wallet_id: walletId, amount, details };
      const { status, text } = await client()(
        'POST',
        '/api/external_to_wallet',
        body,
        basic(BANK.email, BANK.password),
      );
      expect(status, text).toBe(200);
    },
    async customer(name = 'test') {
      const own = client();
      const email = `${name.replace(/\s/g, '')}.${Math.random().toString(36).slice(2)}@localhost.ru`;
      const { status, json } = await own('POST', '/api/signup', { name, email, password: PASSWORD });
      expect(status).toBe(201);
      return { client: own, email, userId: Number(json['user_id']), walletId: Number(json['wallet_id']) };
    },
    async close() {
      away.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await Promise.all([pool.end(), applyPool.end()]);
      await database.drop();
    },
  };
}

type Finders = Pick<OperateDeps, 'findWallet' | 'findHold'>;

function createDirectOperate(pool: Pool, finders: Finders): Operate {
  const clock = createDatabaseClock(() => readDatabaseTime(pool));
  return createOperate({ submit: (command) => applyAtOnce(pool, command), ...finders, clock, timeoutMs: 1000 });
}

function createDirectPay(deps: { pool: Pool; applyPool: Pool; finders: Finders }): Pay {
  const { pool, applyPool, finders } = deps;
  return createPay({
    async submitPayment(command, { confirmed }) {
      const promised = { command, dueInMs: 30_000 };
      const refused = await promisePayment(pool, promised, { partitions: 4, room: 1_000, confirmed });
      return typeof refused === 'object' ? refused : applyAtOnce(applyPool, command);
    },
    ...finders,
    clock: createDatabaseClock(() => readDatabaseTime(pool)),
    timeoutMs: 1000,
  });
}

async function applyAtOnce(pool: Pool, command: Command): Promise<KnownOutcome> {
  await applyCommands(pool, [command]);
  const outcome = (await readOutcomes(pool, [command.id])).get(command.id);
  if (!outcome) throw new Error(`${command.id} was applied without an outcome`);
  return outcome;
}

export function basic(email: string, password: string): Record<string, string> {
  return { Authorization: `Basic ${Buffer.from(`${email}:${password}`).toString('base64')}` };
}

/** A client that keeps cookies, follows no redirect, and sends objects as JSON and anything else as it is. */
function createClient(url: string, checkAnswer: AnswerCheck): Client {
  const cookies = new Map<string, string>();
  const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const isJson = typeof body === 'object' && !(body instanceof URLSearchParams) && !(body instanceof Uint8Array);
    const response = await fetch(url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(isJson && { 'Content-Type': 'application/json' }),
        ...(cookies.size > 0 && { Cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }),
        ...headers,
      },
      ...(body !== undefined && { body: isJson ? JSON.stringify(body) : (body as string) }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    const text = await response.text();
    const json = /json/.test(response.headers.get('content-type') ?? '') && text ? (JSON.parse(text) as unknown) : {};
    const answer = { status: response.status, headers: response.headers, text, json: json as Answer['json'] };
    checkAnswer(method, path, answer);
    return answer;
  };
  return Object.assign(send, { cookies });
}

type AnswerCheck = (method: string, path: string, answer: Answer) => void;

interface Document {
  paths: Record<string, Record<string, { responses: Record<string, { content: Record<string, { schema: object }> }> }>>;
  components: { schemas: object };
}

/** Fails the test whose client meets an answer that the document does not describe, or describes otherwise. */
async function createAnswerCheck(url: string): Promise<AnswerCheck> {
  const text = await (await fetch(`${url}/openapi.json`)).text();
  // zod resolves references into `$defs` only.
  const { paths, components } = JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')) as Document;
  const patterns = Object.keys(paths).map((path): [RegExp, string] => [
    new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`),
    path,
  ]);
  return (method, target, { status, headers, json, text }) => {
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    const path = patterns.find(([pattern]) => pattern.test(target.split('?')[0] ?? ''))?.[1];
    const operation = path === undefined ? undefined : paths[path]?.[method.toLowerCase()];
    if (!operation || headers.get('content-type')?.startsWith('text/html')) return;
    const contentType = (headers.get('content-type') ?? '').replace(/;.*/, '');
    const schema = operation.responses[status]?.content[contentType]?.schema;
    expect(schema, `${method} ${target} answered ${status} ${contentType}, which is not documented`).toBeDefined();
    const body = contentType.endsWith('json') ? json : text;
    const { error } = z.fromJSONSchema({ ...schema, $defs: components.schemas } as never).safeParse(body);
    expect(error && z.prettifyError(error), `${method} ${target}: ${text}`).toBeUndefined();
  };
}
