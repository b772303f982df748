/** The published document: valid OpenAPI 3.1, and about every route that is served. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CODES } from '../../shared/problems.ts';
import { OPERATOR, basic, startApi } from '../support/api.ts';
import type { TestApi } from '../support/api.ts';

let api: TestApi;
let text: string;
beforeAll(async () => {
  api = await startApi();
  text = (await api.client()('GET', '/openapi.json')).text;
});
afterAll(() => api.close());

const response = z.strictObject({
  description: z.string().min(1),
  headers: z.record(z.string(), z.union([z.strictObject({ $ref: z.string() }), z.object({ schema: z.object() })])),
  content: z.record(z.string(), z.strictObject({ schema: z.looseObject({}) })),
});
const operation = z.strictObject({
  operationId: z.string().regex(/^[a-z][A-Za-z]+$/),
  summary: z.string().min(1),
  description: z.string().optional(),
  tags: z.array(z.string()).length(1),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  'x-roles': z.array(z.enum(['customer', 'bank', 'operator'])).optional(),
  parameters: z.array(
    z.strictObject({
      name: z.string(),
      in: z.enum(['path', 'query', 'header']),
      required: z.boolean().optional(),
      description: z.string().optional(),
      schema: z.looseObject({}),
    }),
  ),
  requestBody: z
    .strictObject({ required: z.literal(true), content: z.strictObject({ 'application/json': z.looseObject({}) }) })
    .optional(),
  responses: z.record(z.string().regex(/^[1-5]\d\d$/), response),
});
const documentSchema = z.strictObject({
  openapi: z.string().regex(/^3\.1\.\d$/),
  info: z.looseObject({ title: z.string(), version: z.string().regex(/^\d+\.\d+\.\d+/) }),
  servers: z.array(z.object({ url: z.string() })),
  tags: z.array(z.strictObject({ name: z.string(), description: z.string().min(1) })),
  paths: z.record(z.string().startsWith('/'), z.partialRecord(z.enum(['get', 'post']), operation)),
  components: z.strictObject({
    schemas: z.record(z.string(), z.looseObject({})),
    headers: z.record(z.string(), z.object({ schema: z.object() })),
    securitySchemes: z.record(z.string(), z.looseObject({ type: z.string() })),
  }),
});
const read = () => documentSchema.parse(JSON.parse(text));
const operationsOf = (document: z.infer<typeof documentSchema>) =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, each]) => ({ path, method, ...each })),
  );

describe('openapi.json', () => {
  it('has the shape of OpenAPI 3.1', () => {
    expect(read().openapi).toBe('3.1.1');
    // The dialect is the document's: a schema within it must not name one of its own.
    expect(text).not.toContain('$schema');
  });
  it('describes every route of the contract, and each is served', async () => {
    const described = operationsOf(read()).map(({ method, path }) => `${method} ${path}`);
    expect(described.sort()).toEqual([
      'get /api/holds',
      'get /api/holds/{id}',
      'get /api/operations/{id}',
      'get /api/wallet',
      'get /livez',
      'get /metrics',
      'get /openapi.json',
      'get /readyz',
      'post /api/external_to_wallet',
      'post /api/holds',
      'post /api/holds/{id}/capture',
      'post /api/holds/{id}/release',
      'post /api/login',
      'post /api/logout',
      'post /api/operations/bulk',
      'post /api/signup',
      'post /api/wallet_to_wallet',
      'post /api/wallets/{id}/freeze',
      'post /api/wallets/{id}/unfreeze',
    ]);
    for (const each of described) {
      const [method = '', path = ''] = each.split(' ');
      const { status } = await api.client()(method.toUpperCase(), path.replace('{id}', crypto.randomUUID()));
      expect([each, status]).toEqual([each, expect.toSatisfy((code) => code !== 404 && code !== 405)]);
    }
  });
  it('has no reference that leads nowhere', () => {
    const document = JSON.parse(text) as Record<string, unknown>;
    const references = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path);
    expect(references.length).toBeGreaterThan(0);
    for (const reference of new Set(references)) {
      const target = reference.split('/').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], document);
      expect(target, reference).toBeTypeOf('object');
    }
  });
  it('names every operation once, and declares each parameter of its path', () => {
    const operations = operationsOf(read());
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { path, parameters } of operations) {
      const declared = parameters.filter((each) => each.in === 'path').map(({ name }) => `{${name}}`);
      expect(path.match(/\{\w+\}/g) ?? []).toEqual(declared);
    }
  });
  it('has no tag without operations, and no operation without a tag that it explains', () => {
    const document = read();
    const used = operationsOf(document).flatMap(({ tags }) => tags);
    expect(new Set(used)).toEqual(new Set(document.tags.map(({ name }) => name)));
  });
  it('uses only security schemes that it defines', () => {
    const document = read();
    const used = operationsOf(document).flatMap(({ security }) => security.flatMap((each) => Object.keys(each)));
    expect(new Set(used)).toEqual(new Set(Object.keys(document.components.securitySchemes)));
  });
  it('has the rules of the fields that requests are parsed by', () => {
    const { paths } = read();
    const bodyOf = (path: string) =>
      (paths[path]?.post?.requestBody?.content['application/json'] as { schema: Record<string, unknown> }).schema;
    expect(bodyOf('/api/signup')).toMatchObject({
      additionalProperties: false,
      required: ['name', 'email', 'password'],
      properties: {
        name: { type: 'string', minLength: 1, maxLength: 100 },
        password: { minLength: 8, maxLength: 200, format: 'password' },
      },
    });
    expect(bodyOf('/api/wallet_to_wallet')).toMatchObject({
      properties: { wallet_id: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } },
    });
    expect(paths['/api/wallet']?.get?.parameters).toMatchObject([
      { name: 'limit', in: 'query', required: false, schema: { type: 'integer', minimum: 1, maximum: 200 } },
      { name: 'before', in: 'query', required: false },
    ]);
  });
  it('tells every code, and each only where it can be met', () => {
    const codesOf = (path: string, method: 'get' | 'post') => {
      const responses = read().paths[path]?.[method]?.responses ?? {};
      return Object.values(responses).flatMap(({ content }) => {
        const schema = content['application/problem+json']?.schema as { allOf?: { properties?: object }[] } | undefined;
        return (schema?.allOf?.[1]?.properties as { code?: { enum: string[] } } | undefined)?.code?.enum ?? [];
      });
    };
    expect(codesOf('/api/external_to_wallet', 'post')).toContain('external_id_reused');
    expect(codesOf('/api/wallet', 'get')).not.toContain('csrf');
    // What the head of any request can be refused for, and what can always happen.
    const ofHeads = ['expectation_failed', 'headers_too_large', 'invalid_request', 'request_timeout'];
    expect(codesOf('/livez', 'get').sort()).toEqual([...ofHeads, 'internal', 'unavailable'].sort());
    for (const code of CODES) expect(text).toContain(`"${code}"`);
  });
});

describe('health', () => {
  it('tells that the process lives and can serve', async () => {
    expect((await api.client()('GET', '/livez')).json).toEqual({ status: 'OK' });
    expect((await api.client()('GET', '/readyz')).json).toEqual({ status: 'OK', checks: { database: true } });
  });
  it('names what is not ready', async () => {
    const half = await startApi({
      accounts: false,
      readiness: () => ({ ready: false, checks: { database: true, queue: false } }),
    });
    const answer = await half.client()('GET', '/readyz');
    await half.close();
    expect([answer.status, answer.json['detail']]).toEqual([503, 'Not ready: queue.']);
  });
  it('counts requests by route and status, for operators', async () => {
    await api.client()('GET', '/api/wallet');
    const { text: metrics } = await api.client()(
      'GET',
      '/metrics',
      undefined,
      basic(OPERATOR.email, OPERATOR.password),
    );
    expect(metrics).toMatch(
      /saldo_http_request_duration_seconds_count\{method="GET",route="\/api\/wallet",status="401"\} [1-9]/,
    );
    expect((await api.client()('GET', '/metrics')).status).toBe(401);
  });
});
