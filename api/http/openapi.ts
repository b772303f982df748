/**
 * The OpenAPI 3.1 document, made from the routes themselves: the schemas that parse requests are the schemas that are
 * published, so the two cannot drift.
 */
import { z } from 'zod';
import { CODES, PROBLEMS } from '../../shared/problems.ts';
import type { Code } from '../../shared/problems.ts';
import type { Route } from './route.ts';
import { idempotencyKeyField } from './schemas.ts';

type Json = Record<string, unknown>;

/** What any request can meet, whatever the route. */
const EVERY_ROUTE: readonly Code[] = [
  'invalid_request',
  'request_timeout',
  'expectation_failed',
  'headers_too_large',
  'internal',
  'unavailable',
];
const ROUTES_WITH_ROLES: readonly Code[] = [
  'unauthenticated',
  'invalid_credentials',
  'forbidden',
  'rate_limited',
  'overloaded',
];
const ROUTES_WITH_BODY: readonly Code[] = [
  'malformed_json',
  'invalid_request',
  'body_too_large',
  'unsupported_media_type',
];

/** In the order in which a reader needs them. */
const TAGS = {
  accounts: 'Signing up, in and out.',
  money: 'Moving money, and asking what became of it.',
  service: 'For whoever keeps the service running.',
};

/** What is asked of a header's value beyond being text. */
const HEADER_FIELDS: Partial<Record<string, z.ZodType>> = { 'Idempotency-Key': idempotencyKeyField };

const problemSchema = z.object({
  type: z.string().meta({ description: 'A page that explains the code.' }),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(CODES),
  request_id: z.uuid(),
  operation_id: z.uuid().optional(),
  expires_at: z.iso.datetime().optional(),
  errors: z
    .array(z.object({ path: z.string().meta({ description: 'The field, such as `amount`.' }), message: z.string() }))
    .optional(),
});

export function createOpenApi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method]: describe(route) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Saldo',
      version,
      description:
        'A wallet service. Amounts are decimals in the wallet’s currency. Errors are problem documents (RFC 9457) with a [closed set of codes](/problems/).',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: { Problem: toJsonSchema(problemSchema, 'output') },
      headers: {
        RequestId: { description: 'Names this request in the log.', schema: { type: 'string', format: 'uuid' } },
      },
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic', description: 'E-mail and password; starts a session too.' },
        session: {
          ...{ type: 'apiKey', in: 'cookie', name: 'saldo.sid' },
          description: 'Started by login or sign-up. Behind TLS its name is `__Host-saldo.sid`.',
        },
      },
    },
  };
}

/** The problems that a route can answer with. */
function problemsOf(route: Route): Code[] {
  return [
    ...new Set<Code>([
      ...(route.body ? ROUTES_WITH_BODY : []),
      ...(route.query || route.params ? (['invalid_request'] as const) : []),
      ...(route.roles === 'anyone' ? [] : ROUTES_WITH_ROLES),
      ...(route.method === 'post' ? (['csrf'] as const) : []),
      ...route.problems,
      ...EVERY_ROUTE,
    ]),
  ];
}

function describe(route: Route): Json {
  return {
    operationId: `${route.method}${route.path.replace(/[^a-z]+(.)?/gi, (_, next?: string) => next?.toUpperCase() ?? '')}`,
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    tags: [tagOf(route.path)],
    security: route.roles === 'anyone' ? [] : [{ basic: [] }, { session: [] }],
    ...(route.roles !== 'anyone' && { 'x-roles': route.roles }),
    parameters: [
      ...parametersOf(route.params, 'path'),
      ...parametersOf(route.query, 'query'),
      ...Object.entries(route.headers ?? {}).map(([name, description]) => ({
        ...{ name, in: 'header', description },
        schema: toJsonSchema(HEADER_FIELDS[name] ?? z.string(), 'input'),
      })),
    ],
    ...(route.body && {
      requestBody: { required: true, content: { 'application/json': { schema: toJsonSchema(route.body, 'input') } } },
    }),
    responses: { ...answersOf(route), ...problemAnswersOf(route) },
  };
}

function tagOf(path: string): keyof typeof TAGS {
  if (/^\/api\/(signup|login|logout)$/.test(path)) return 'accounts';
  return path.startsWith('/api/') ? 'money' : 'service';
}

const REQUEST_ID_HEADER = { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } };

function answersOf(route: Route): Json {
  return Object.fromEntries(
    Object.entries(route.answers).map(
      ([status, { description, schema, contentType = 'application/json', headers }]) => [
        status,
        {
          description,
          headers: { ...REQUEST_ID_HEADER, ...headersOf(headers ?? {}) },
          content: { [contentType]: { schema: toJsonSchema(schema, 'output') } },
        },
      ],
    ),
  );
}

function problemAnswersOf(route: Route): Json {
  const byStatus = new Map<number, Code[]>();
  for (const code of problemsOf(route)) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('. '),
        headers: { ...REQUEST_ID_HEADER, ...headersOf(headersOfProblems(status, codes)) },
        content: {
          'application/problem+json': {
            schema: {
              allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: codes } } }],
            },
          },
        },
      },
    ]),
  );
}

function headersOfProblems(status: number, codes: readonly Code[]): Record<string, string> {
  if (status === 401) return { 'WWW-Authenticate': 'Basic, charset UTF-8.' };
  const asksBack = codes.some((code) => PROBLEMS[code].retryAfterSeconds !== undefined);
  return asksBack ? { 'Retry-After': 'Seconds to wait before trying again.' } : {};
}

function headersOf(headers: Record<string, string>): Json {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );
}

function parametersOf(schema: z.ZodType | undefined, place: 'path' | 'query'): Json[] {
  if (!schema) return [];
  // What a string in the URL stands for, which is what a client's author wants to know.
  const { properties = {}, required = [] } = toJsonSchema(schema, 'output') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    ...{ name, in: place, required: required.includes(name), schema: property },
    ...(description !== undefined && { description }),
  }));
}

function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  // OpenAPI 3.1 has the dialect for the whole document, also for a schema within another.
  const withoutDialect = (key: string, value: unknown): unknown => (key === '$schema' ? undefined : value);
  return JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io })), withoutDialect) as Json;
}
