/** JSON Schemas in words: those that zod makes of our fields, and what else the document is built of. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { exampleOf, readShape } from '../../api/site/docs/shape.ts';
import type { Schema } from '../../api/site/docs/shape.ts';
import { amountField, detailsField, idempotencyKeyField, walletIdField } from '../../api/http/schemas.ts';

const made = (schema: z.ZodType): Schema => z.toJSONSchema(schema, { io: 'input' }) as Schema;
const read = (schema: Schema, named: Record<string, Schema> = {}) => readShape(schema, { named });
const inWords = (schema: z.ZodType) => {
  const { type, rules } = read(made(schema));
  return [type, ...rules].join(', ');
};

describe('a field in words', () => {
  test.each<[string, z.ZodType]>([
    ['integer', z.int()],
    ['integer, 1 to 200', z.int().min(1).max(200)],
    ['integer, at least 1, such as `3`', walletIdField],
    ['number or string, such as `115.6`', amountField],
    ['string, at most 500 characters', detailsField],
    [
      String.raw`string, matches ${'`^[\\x20-\\x7e]{1,255}$`'}, such as ${'`"a-key-of-your-own"`'}`,
      idempotencyKeyField,
    ],
    ['string (uuid)', z.uuid()],
    ['string (date-time) or null', z.iso.datetime().nullable()],
    ['string or null', z.string().nullable()],
    ['`"OK"`', z.literal('OK')],
    ['`true`', z.literal(true)],
    ['`"a"`, `"b"` or `"c"`', z.enum(['a', 'b', 'c'])],
    ['boolean, `false` if not given', z.boolean().default(false)],
    ['array of strings, at most 3 items, each at least 2 characters', z.array(z.string().min(2)).max(3)],
    ['array of (string (uuid))', z.array(z.uuid())],
    ['object of booleans by name', z.record(z.string(), z.boolean())],
    ['object', z.record(z.string(), z.unknown())],
    ['object, may have other fields', z.looseObject({ code: z.string() })],
    ['any value', z.unknown()],
  ])('%s', (words, schema) => {
    expect(inWords(schema)).toBe(words);
  });
});

describe('the fields of a schema', () => {
  test('are named with what is said of them, in arrays and in what may be null as well', () => {
    const item = z.object({ id: z.int(), note: z.string().meta({ description: 'Free.' }).optional() });
    for (const schema of [item, z.array(item), item.nullable()]) {
      expect(read(made(schema)).fields).toMatchObject([
        { name: 'id', type: 'integer', isRequired: true, description: undefined },
        { name: 'note', type: 'string', isRequired: false, description: 'Free.' },
      ]);
    }
    expect(read(made(item.nullable())).type).toBe('object or null');
  });
  test('are told for each form of a union', () => {
    const { type, fields, forms } = read(made(z.array(z.union([z.object({ a: z.int() }), z.object({ b: z.int() })]))));
    expect([type, fields]).toEqual(['array of objects', []]);
    expect(forms.map((form) => form.fields.map(({ name }) => name))).toEqual([['a'], ['b']]);
  });
  test('are those of what is referred to, narrowed by what stands beside it', () => {
    const named = {
      Problem: { type: 'object', properties: { code: { type: 'string', enum: ['a', 'b'] }, at: { type: 'integer' } } },
    };
    const { fields } = read({ allOf: [{ $ref: '#/x/Problem' }, { properties: { code: { enum: ['b'] } } }] }, named);
    expect(fields).toMatchObject([
      { name: 'code', type: '`"b"`' },
      { name: 'at', type: 'integer' },
    ]);
  });
  test('of a schema that holds itself are told once', () => {
    const named = {
      Node: {
        type: 'object',
        required: ['next'],
        properties: { next: { $ref: '#/x/Node' }, all: { type: 'array', items: { allOf: [{ $ref: '#/x/Node' }] } } },
      },
    };
    const { fields } = read({ $ref: '#/x/Node' }, named);
    expect(fields).toMatchObject([
      { name: 'next', type: 'Node', fields: [] },
      { name: 'all', type: 'array of (Node)', fields: [] },
    ]);
    expect(exampleOf({ $ref: '#/x/Node' }, { named })).toBeUndefined();
  });
  test('of a reference that leads nowhere are none', () => {
    expect(read({ $ref: '#/x/Gone' })).toMatchObject({ type: 'Gone', fields: [] });
  });
});

describe('an example', () => {
  const example = (schema: z.ZodType) => exampleOf(made(schema), { named: {} });
  test('has what is required, out of the examples of the fields', () => {
    const item = z.object({ wallet_id: walletIdField, kind: z.literal('x'), details: detailsField.optional() });
    expect(example(z.object({ items: z.array(z.union([item, z.string()])) }))).toEqual({
      items: [{ wallet_id: 3, kind: 'x' }],
    });
  });
  test('is not made up', () => {
    expect(example(z.object({ wallet_id: walletIdField, details: detailsField }))).toBeUndefined();
    expect(example(z.array(z.string()))).toBeUndefined();
  });
});
