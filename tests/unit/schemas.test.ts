/** The fields of requests, at and just past each of their limits. */
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Problem } from '../../api/http/problem.ts';
import {
  amountField,
  detailsField,
  emailField,
  externalIdField,
  nameField,
  parsePart,
  passwordField,
  queryInteger,
  readIdempotencyKey,
  walletIdField,
} from '../../api/http/schemas.ts';

const accepts = (schema: z.ZodType, value: unknown): boolean => schema.safeParse(value).success;

describe('text', () => {
  test.each<[string, z.ZodType, number, number]>([
    ['name', nameField, 1, 100],
    ['password', passwordField, 8, 200],
    ['details', detailsField, 0, 500],
    ['external_id', externalIdField, 1, 255],
  ])('%s has its length in characters, however many bytes they take', (_, schema, min, max) => {
    for (const letter of ['x', 'ы', '👍']) {
      expect(accepts(schema, letter.repeat(min))).toBe(true);
      expect(accepts(schema, letter.repeat(max))).toBe(true);
      expect(accepts(schema, letter.repeat(max + 1))).toBe(false);
      if (min > 0) expect(accepts(schema, letter.repeat(min - 1))).toBe(false);
    }
  });
  test.each(['\0', '\t', '\n', '\x1b', '\x7f', '\x85', '\x9f', '\ud800', '\udc00'])(
    '%j is refused everywhere',
    (bad) => {
      for (const schema of [nameField, passwordField, detailsField, externalIdField]) {
        expect(accepts(schema, `good text ${bad}`)).toBe(false);
        expect(accepts(schema, 'good text')).toBe(true);
      }
    },
  );
  test('no-break spaces, joiners and right-to-left text are text', () => {
    expect(accepts(detailsField, 'a\u00a0b \u{1f468}\u200d\u{1f469} שלום')).toBe(true);
  });
  test('spaces around a name are not part of it', () => {
    expect(nameField.parse('  Anna ')).toBe('Anna');
    expect(accepts(nameField, '   ')).toBe(false);
  });
  test.each([
    '\u200b',
    '\u00ad\u00ad',
    '\u202e',
    '\u3164',
    '\u115f\u1160',
    '\u2800',
    '\u200d \u200c',
    '\u0301',
    '\u{e0061}',
    '\ue000',
  ])('a name of nothing but %j is none', (unseen) => {
    expect(accepts(nameField, unseen)).toBe(false);
    expect(accepts(nameField, `${unseen}Ann`)).toBe(true);
  });
  test('a name may be of letters, digits or pictures of any script', () => {
    for (const name of ['Ы', '李', 'ज़ो', 'ﷺ', '7', '👩‍👧', '—', '⠠⠁']) expect(accepts(nameField, name)).toBe(true);
  });
});

describe('an e-mail', () => {
  test('has one form: NFC, lower case, without spaces around it', () => {
    expect(emailField.parse('  Й@ПОЧТА.рф '.normalize('NFD'))).toBe('й@почта.рф'.normalize('NFC'));
    expect(emailField.parse('Test1@LocalHost.ru')).toBe('test1@localhost.ru');
  });
  test.each(['', 'a', '@b', 'a@', 'a@@b', 'a b@c', 'a@b c', '"a"@b', `${'x'.repeat(65)}@b.ru`])(
    '%j is none',
    (text) => {
      expect(accepts(emailField, text)).toBe(false);
    },
  );
  test.each(['a:b@c', 'a@b:5000', 'a@[::1]', ':@b'])('%j is none: Basic credentials could not carry it', (text) => {
    expect(accepts(emailField, text)).toBe(false);
  });
  // One of each set: zero width, soft hyphen, overrides, joiners, fillers, selectors, tags, blanks, private, unassigned.
  const unseen = [
    '\u200b',
    '\u00ad',
    '\u202e',
    '\u2066',
    '\u200d',
    '\u034f',
    '\u115f',
    '\u3164',
    '\ufe0f',
    '\u{e0061}',
  ];
  test.each([...unseen, '\u2060', '\ufeff', '\u180e', '\u3000', '\u2028', '\ue000', '\uffff', '\u{e0fff}'])(
    'that hides %j is none',
    (hidden) => {
      for (const email of [`a${hidden}nn@b.ru`, `ann@b${hidden}b.ru`]) expect(accepts(emailField, email)).toBe(false);
      expect(accepts(emailField, 'ann@b.ru')).toBe(true);
    },
  );
  test('may be written in any script', () => {
    for (const email of ['анна@почта.рф', '李@例子.公司', 'जय@उदाहरण.भारत', "o'neil+x@b.ru"])
      expect(accepts(emailField, email)).toBe(true);
  });
  test('has at most 254 characters', () => {
    expect(accepts(emailField, `a@${'b'.repeat(252)}`)).toBe(true);
    expect(accepts(emailField, `a@${'b'.repeat(253)}`)).toBe(false);
  });
});

describe('numbers', () => {
  test.each([0, -1, 1.5, 2 ** 53, NaN, Infinity, '1', null, true, 1n])('%s is no wallet id', (value) => {
    expect(accepts(walletIdField, value)).toBe(false);
  });
  test('a wallet id is an integer up to 2^53 - 1', () => {
    expect([1, 2 ** 53 - 1].every((value) => accepts(walletIdField, value))).toBe(true);
  });
  test('an amount is a number or a string, and nothing else', () => {
    for (const value of [1, -1, 0.001, '1e3', '']) expect(accepts(amountField, value)).toBe(true);
    for (const value of [null, true, [], {}, undefined, Infinity]) expect(accepts(amountField, value)).toBe(false);
  });
  test('in a query are plain digits within their bounds', () => {
    const schema = queryInteger(1, 200);
    expect([schema.parse('1'), schema.parse('200'), schema.parse('007')]).toEqual([1, 200, 7]);
    for (const value of ['0', '201', '', ' 1', '+1', '1e1', '0x1', '1.0', ['1', '2']]) {
      expect(accepts(schema, value)).toBe(false);
    }
  });
});

const INTEGER = 'must be an integer from 1 to 9007199254740991';

function problemOf(run: () => unknown): Problem {
  try {
    run();
  } catch (error) {
    if (error instanceof Problem) return error;
  }
  throw new Error('there was no problem');
}

describe('what a refusal says', () => {
  const schema = z.strictObject({ amount: amountField, payer: z.strictObject({ id: walletIdField }) });
  test('names each field once, by its path, with the first rule it broke', () => {
    const { extras } = problemOf(() => parsePart(schema, { payer: { id: 0.5, x: 1 }, y: 1 }, 'body'));
    expect(extras.errors).toEqual([
      { path: 'amount', message: 'is required' },
      { path: 'payer.id', message: 'must be an integer from 1 to 9007199254740991' },
      { path: 'payer.x', message: 'is not a field here' },
      { path: 'y', message: 'is not a field here' },
    ]);
  });
  test.each([
    [{ payer: {} }, ['amount is required', 'payer.id is required']],
    [{}, ['amount is required', 'payer is required']],
    [{ amount: null, payer: { id: null } }, ['amount must be a number or a decimal string', `payer.id ${INTEGER}`]],
    [{ amount: Infinity, payer: { id: '1' } }, ['amount is too large a number', `payer.id ${INTEGER}`]],
  ])('of %j is true', (given, told) => {
    const { extras } = problemOf(() => parsePart(schema, given, 'body'));
    expect(extras.errors?.map(({ path, message }) => `${path} ${message}`)).toEqual(told);
  });
  test('names the part when it is wrong as a whole', () => {
    expect(problemOf(() => parsePart(schema, [], 'body')).extras.errors).toMatchObject([{ path: 'body' }]);
  });
  test('is short, however long what was sent', () => {
    const { extras } = problemOf(() => parsePart(schema, { ['k'.repeat(10_000)]: 1 }, 'body'));
    for (const { path } of extras.errors ?? []) expect(path.length).toBeLessThanOrEqual(100);
  });
});

describe('an idempotency key', () => {
  function request(...keys: string[]): IncomingMessage {
    const message = new IncomingMessage(new Socket());
    message.rawHeaders = keys.flatMap((key) => ['Idempotency-Key', key]);
    if (keys.length > 0) message.headers['idempotency-key'] = keys.join(', ');
    message.headersDistinct['idempotency-key'] = keys;
    return message;
  }
  test('is up to 255 printable ASCII characters, or absent', () => {
    expect(readIdempotencyKey(request())).toBeUndefined();
    expect(readIdempotencyKey(request('a b~!'))).toBe('a b~!');
    expect(readIdempotencyKey(request('x'.repeat(255)))).toHaveLength(255);
  });
  test.each([[''], ['x'.repeat(256)], ['ключ'], ['a\tb']])('is not %j', (key) => {
    expect(problemOf(() => readIdempotencyKey(request(key))).extras.errors).toEqual([
      { path: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' },
    ]);
  });
  test('given twice is no key', () => {
    expect(problemOf(() => readIdempotencyKey(request('a', 'b'))).extras.errors).toEqual([
      { path: 'Idempotency-Key', message: 'must be given once' },
    ]);
  });
});
