/**
 * Nothing that a client sends holds the event loop for long: everybody else who is served by the process would wait for
 * it. The largest and strangest bodies, queries and headers go to every route, while a timer ticks in the process.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../support/client.ts';
import type { Answer, Client } from '../support/client.ts';
import { WATCHED, readHeldMs } from '../support/loopWatch.ts';
import { createPeople } from '../support/people.ts';
import { BANK_ACCOUNT, OPERATOR_ACCOUNT, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';

const LIMIT_MS = 50;
/** A busy machine holds a process up for reasons of its own, but not every time. */
const TRIES = 8;

const SMALL = 100 * 1024;
const LARGE = 1024 * 1024;
const NDJSON = 'application/x-ndjson';
const FORM = 'application/x-www-form-urlencoded';

/** As many as fit, between `head` and `tail`. */
function filled(size: number, piece: (index: number) => string, head = '', tail = ''): string {
  const pieces: string[] = [];
  let length = head.length + tail.length;
  for (let index = 0; ; index++) {
    const next = piece(index);
    length += Buffer.byteLength(next);
    if (length > size) return head + pieces.join('') + tail;
    pieces.push(next);
  }
}
const of = (size: number, piece: string, tail = '') => filled(size, () => piece, '', tail);
const keys = (size: number) => filled(size, (index) => `"${index.toString(36)}":1,`, '{', '"":1}');
const nested = (size: number, open: string, close: string, core = '') => {
  const depth = Math.floor((size - core.length) / (open.length + close.length));
  return open.repeat(depth) + core + close.repeat(depth);
};
/** Marks that canonical order would put the other way round. */
const marks = (size: number) => `a${'\u0301'.repeat(size / 4 - 1)}${'\u0323'.repeat(size / 4 - 1)}`;

/** Values of JSON, as text. */
const VALUES: Record<string, (size: number) => string> = {
  'lists in lists': (size) => nested(size, '[', ']'),
  'objects in objects': (size) => nested(size, '{"a":', '}', '1'),
  'many keys': keys,
  'many numbers': (size) => `[${of(size - 2, '1,', '1')}]`,
  'many objects': (size) => `[${of(size - 4, '{},', '{}')}]`,
  'a long number': (size) => of(size, '9'),
  'a long decimal': (size) => `"0.${of(size - 4, '0', '1')}"`,
  'a long string of digits': (size) => `"${of(size - 2, '9')}"`,
  'combining marks': (size) => `"${marks(size - 2)}"`,
  'escaped combining marks': (size) => `"a${of(size / 2 - 8, '\\u0301')}${of(size / 2 - 8, '\\u0323')}"`,
  'escaped quotes': (size) => `"${of(size - 2, '\\"')}"`,
  spaces: (size) => `"${of(size - 3, ' ', 'x')}"`,
  'letters beyond the basic plane': (size) => `"${of(size - 2, '\u{1f44d}')}"`,
  'at signs': (size) => `"${of(size - 2, '@')}"`,
  'ligatures that grow': (size) => `"${of(size - 2, '\ufb2c')}"`,
  'capital letters that grow': (size) => `"${of(size - 2, '\u0130')}"`,
};
/** Whole bodies, which need not be JSON. */
const BODIES: Record<string, (size: number) => string> = {
  ...VALUES,
  'white space': (size) => of(size, ' '),
  'blank lines': (size) => of(size, '\n'),
  'lines with nothing but a return': (size) => of(size, '\r\n'),
  'lines that are not JSON': (size) => of(size, 'x\n'),
  'lines of brackets': (size) => of(size, '[\n'),
  'long lines that are not JSON': (size) => filled(size, () => `{"a":"${'y'.repeat(1000)}\n`),
  'a quote that is never closed': (size) => `"${of(size - 1, '\\')}`,
  'brackets that are never closed': (size) => of(size, '['),
  'braces that are never closed': (size) => of(size, '{"a":'),
  'one key again and again': (size) => `{${of(size - 8, '"a":1,', '"a":1')}}`,
  nothing: () => '',
};
const item = (over: object = {}) => ({ wallet_id: 1, amount: 1, ...over });

describe('the event loop of an API process', () => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;
  const who: Partial<Record<string, Client>> = {};

  beforeAll(async () => {
    stores = await createStores(backends.at(-1)!);
    service = await startService({ env: { ...stores.env, ...WATCHED } });
    client = createClient(service.url);
    const [payer] = await createPeople(stores.databaseUrl, 2);
    who['customer'] = client.as(payer!.headers);
    for (const [role, account] of [['bank', BANK_ACCOUNT] as const, ['operator', OPERATOR_ACCOUNT] as const]) {
      const { headers } = await client.post('/api/login', account);
      who[role] = client.as({ Cookie: String(headers['set-cookie']).split(';', 1)[0]! });
    }
    who['anyone'] = client;
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await stores.drop();
  });

  const heldBy = async (send: () => Promise<Answer>): Promise<number> => {
    await readHeldMs(service.apis[0]!);
    const { status, text } = await send();
    // After a long hold a process takes its dependencies to be away, and then it is quick to refuse.
    expect(status, text).toBeLessThan(500);
    return readHeldMs(service.apis[0]!);
  };
  /** Tried until it is found to be short, a few times at most. */
  const expectShort = async (what: string, send: () => Promise<Answer>): Promise<void> => {
    let heldMs = Infinity;
    for (let tries = 0; tries < TRIES && heldMs > LIMIT_MS; tries++) heldMs = Math.min(heldMs, await heldBy(send));
    expect(heldMs, what).toBeLessThanOrEqual(LIMIT_MS);
  };

  const readRoutes = async () => {
    const { json } = await client.get('/openapi.json');
    const paths = json['paths'] as Record<string, Record<string, Operation>>;
    return Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        ...{ method: method.toUpperCase(), operation },
        // Nobody logs out, for everybody is still needed.
        path: path.replace('{id}', path.includes('wallets') ? '1' : '019a3f5e-7c1a-7000-8000-0123456789ab'),
        client: who[path === '/api/logout' ? 'anyone' : (operation['x-roles']?.at(-1) ?? 'anyone')]!,
      })),
    );
  };
  interface Operation {
    'x-roles'?: string[];
    requestBody?: { content: { 'application/json': { schema: { properties: Record<string, object> } } } };
  }

  test('is not held by a body, whatever it is and whatever route it goes to', async () => {
    for (const { method, path, client } of await readRoutes()) {
      if (method === 'GET') continue;
      const size = path.endsWith('/bulk') ? LARGE : SMALL;
      for (const [name, make] of Object.entries(BODIES)) {
        for (const type of size === LARGE ? ['application/json', NDJSON] : ['application/json']) {
          const body = Buffer.from(make(size - 8));
          await expectShort(`${path}, ${type}: ${name}`, () => client.post(path, body, { 'Content-Type': type }));
        }
      }
    }
  });

  test('is not held by a field, whatever is in it', async () => {
    for (const { path, operation, client } of await readRoutes()) {
      const fields = operation.requestBody?.content['application/json'].schema.properties ?? {};
      const size = path.endsWith('/bulk') ? LARGE : SMALL;
      for (const field of Object.keys(fields)) {
        for (const [name, make] of Object.entries(VALUES)) {
          const rest = {
            ...item(),
            email: 'a@b.c',
            password: 'Pa$$w0rd',
            name: 'x',
            items: [],
            reason: 'x',
            [field]: 0,
          };
          const given = Object.entries(rest).filter(([key]) => key in fields && key !== field);
          const others = given.map(([key, value]) => `,${JSON.stringify(key)}:${JSON.stringify(value)}`).join('');
          const body = Buffer.from(`{"${field}":${make(size - others.length - field.length - 16)}${others}}`);
          await expectShort(`${path}, ${field}: ${name}`, () =>
            client.post(path, body, { 'Content-Type': 'application/json' }),
          );
        }
      }
    }
  });

  test('is not held by a list of items, good or bad', async () => {
    const thousand = (over: (index: number) => object | string) => {
      const items = Array.from({ length: 1_000 }, (_, index) => over(index));
      return items.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)));
    };
    const full = (index: number) => ({ details: 'x'.repeat(450), idempotency_key: `key-${index}-${'k'.repeat(200)}` });
    const lists: Record<string, string[]> = {
      good: thousand((index) => item({ wallet_id: 2, ...full(index) })),
      'good with long numbers': thousand((index) => item({ ...full(index), amount: '1'.repeat(500) })),
      'with unknown fields': thousand(() => filled(1_000, (index) => `"${index.toString(36)}":1,`, '{', '"":1}')),
      'with nothing right': thousand(() => ({ wallet_id: 'x', amount: [], details: 1, idempotency_key: '' })),
      'with combining marks': thousand(() => item({ details: marks(900) })),
      'not JSON': thousand(() => `{"a":"${'y'.repeat(1_000)}`),
      'one that is large': [
        `{"wallet_id":1,"amount":1,"details":"${'\u{1f44d}'.repeat(250_000)}","idempotency_key":"a"}`,
      ],
      'one with many keys': [keys(LARGE - 100)],
      'with a key twice': thousand(() => '{"wallet_id":1,"wallet_id":1}'),
    };
    for (const [name, lines] of Object.entries(lists)) {
      for (const role of ['customer', 'bank']) {
        const bodies: [string, string][] = [
          [NDJSON, lines.join('\n')],
          ['application/json', `[${lines.join(',')}]`],
          ['application/json', `{"atomic":true,"items":[${lines.slice(0, 500).join(',')}]}`],
        ];
        for (const [type, text] of bodies) {
          const body = Buffer.from(text);
          await expectShort(`${role}, ${type} ${text.slice(0, 5)}: ${name}`, () =>
            who[role]!.post('/api/operations/bulk', body, { 'Content-Type': type }),
          );
        }
      }
    }
  });

  test('is not held by a form', async () => {
    const forms: Record<string, string> = {
      'many fields': of(SMALL - 1, 'a=1&'),
      'many empty ones': of(SMALL - 1, '&'),
      'equals signs': of(SMALL - 1, '='),
      'percent signs': of(SMALL - 1, '%'),
      'encoded bytes': of(SMALL - 1, '%ff'),
      brackets: of(SMALL - 1, 'a[]=1&'),
      'deep brackets': `a${of(SMALL - 10, '[a]')}=1`,
    };
    const fields = ['email', 'password', 'name', 'wallet_id', 'amount', 'details', 'idempotency_key', 'what', 'reason'];
    const paths = ['/', '/login', '/signup', '/logout', '/ops/look-up', '/ops/wallets/3/freeze', '/ops/books/verify'];
    for (const path of paths) {
      const client = who[path.startsWith('/ops') ? 'operator' : path === '/' ? 'customer' : 'anyone']!;
      for (const [name, form] of Object.entries(forms)) {
        await expectShort(`${path}: ${name}`, () => client.post(path, Buffer.from(form), { 'Content-Type': FORM }));
      }
      for (const value of [
        marks(SMALL - 400),
        of(SMALL - 400, ' ', 'x'),
        of(SMALL - 400, '9'),
        of(SMALL - 400, '@'),
        of(SMALL - 400, ','),
      ]) {
        for (const field of fields) {
          const form = Buffer.from(fields.map((each) => `${each}=${each === field ? value : '1'}`).join('&'));
          await expectShort(`${path}, ${field}: ${value.slice(0, 9)}`, () =>
            client.post(path, form, { 'Content-Type': FORM }),
          );
        }
      }
    }
  });

  test('is not held by a header or a query', async () => {
    const ROOM = 15_000;
    const headers: Record<string, string | string[]> = {
      Accept: of(ROOM, '*/*,'),
      'Accept-Language': of(ROOM, 'a;q=0.1,'),
      'Accept-Encoding': of(ROOM, 'a;q=0.1,'),
      Authorization: `Basic ${Buffer.from(marks(10_000)).toString('base64')}`,
      'Content-Type': `application/json;${of(ROOM, 'a="b";')}`,
      Cookie: of(ROOM, 'saldo.sid=s%3Aa.b; '),
      'Cookie ': of(ROOM, 'saldo.open.saldo.open.'),
      'Idempotency-Key': of(ROOM, 'k'),
      'If-None-Match': of(ROOM, '"a",'),
      Origin: `http://${of(ROOM, 'a.')}`,
      Prefer: of(ROOM, 'wait=1,'),
      'Prefer ': of(900, '"\\'),
      Traceparent: of(ROOM, '00-'),
      'X-Forwarded-For': of(ROOM, '1.1.1.1,'),
      'X-Forwarded-Host': of(ROOM, 'a,'),
      'X-Many': Array.from({ length: 1_500 }, () => 'a'),
    };
    const queries = [
      of(ROOM, 'a=1&'),
      of(ROOM, '&'),
      of(ROOM, '%'),
      of(ROOM, 'limit=1&'),
      `limit=${of(ROOM, '9')}`,
      `a${of(ROOM, '[a]')}=1`,
    ];
    for (const { method, path, client } of await readRoutes()) {
      for (const [name, value] of Object.entries(headers)) {
        await expectShort(`${method} ${path}, ${name}`, () =>
          client.send(method, path, method === 'POST' ? '{}' : undefined, {
            'Content-Type': 'application/json',
            [name.trim()]: value,
          }),
        );
      }
      if (method === 'GET')
        for (const query of queries)
          await expectShort(`${path}?${query.slice(0, 9)}`, () => client.get(`${path}?${query}`));
    }
  });

  test('is not held by a body that grows when it is unpacked', async () => {
    const { gzipSync, brotliCompressSync, deflateSync } = await import('node:zlib');
    const bomb = Buffer.alloc(32 * LARGE, '[');
    for (const [encoding, body] of [
      ['gzip', gzipSync(bomb)],
      ['br', brotliCompressSync(bomb)],
      ['deflate', deflateSync(bomb)],
    ] as const) {
      for (const path of ['/api/login', '/api/wallet_to_wallet', '/api/operations/bulk']) {
        await expectShort(`${path}, ${encoding}`, () =>
          who['customer']!.post(path, body, { 'Content-Type': 'application/json', 'Content-Encoding': encoding }),
        );
      }
    }
  });
});
