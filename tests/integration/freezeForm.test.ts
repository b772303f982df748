/** The console's form to freeze a wallet, refused: what the operator typed is there again, and its key unless it is used up. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { operatorsOnly } from '../../api/console/access.ts';
import { createWalletPages } from '../../api/console/lookUp/walletPages.ts';
import { createRenderConsole } from '../../api/console/render.ts';
import { createFormReader } from '../../api/http/body/readBody.ts';
import { mountEndpoints } from '../../api/http/endpoint.ts';
import { Problem } from '../../api/http/problem.ts';
import { setRequestId } from '../../api/http/reply.ts';
import { PROBLEMS } from '../../shared/problems.ts';
import type { Code } from '../../shared/problems.ts';

/** What the page is made of cannot be read: the form has to do without. */
const away = () => Promise.reject(new Problem('unavailable'));

async function open(refusal: Problem, { isAdmitted = true } = {}): Promise<string> {
  const app = express();
  app.use((_req, res, next) => {
    setRequestId(res, crypto.randomUUID());
    next();
  });
  app.use(
    operatorsOnly({ identify: () => Promise.resolve({ userId: 1n, role: 'operator', walletId: null }) as never }),
  );
  const deps = {
    ...{ pool: {}, prisma: {}, guard: away, audit: { note: away }, freeze: () => Promise.reject(refusal) },
    admit: () => {
      if (!isAdmitted) throw refusal;
    },
    ...{ readForm: createFormReader(), render: createRenderConsole((path) => path) },
  };
  mountEndpoints(app, createWalletPages(deps as never));
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const operationId = '01900000-0000-7000-8000-000000000000';

test.each<[Code, { isAdmitted?: boolean; operationId?: string }, boolean]>([
  ['overloaded', { isAdmitted: false }, true],
  ['unavailable', {}, true],
  ['outcome_unknown', { operationId }, true],
  ['wallet_not_found', {}, true],
  ['expired', { operationId }, false],
  ['idempotency_key_reused', { operationId }, false],
])('%s, %j: the reason stays, the key: %s', async (code, { operationId: id, ...options }, isKept) => {
  const url = await open(new Problem(code, id === undefined ? {} : { operationId: id }), options);
  const body = new URLSearchParams({ reason: 'A "stolen" phone', idempotency_key: 'k-1' });
  const answer = await fetch(`${url}/wallets/7/freeze`, { method: 'POST', body, redirect: 'manual' });
  const text = await answer.text();
  expect([answer.status, text]).toEqual([PROBLEMS[code].status, expect.stringContaining(PROBLEMS[code].title)]);
  expect(text).toContain('action="/ops/wallets/7/freeze"');
  expect(text).toContain('value="A &#34;stolen&#34; phone"');
  expect(/name="idempotency_key" value="([^"]+)"/.exec(text)?.[1] === 'k-1').toBe(isKept);
});
