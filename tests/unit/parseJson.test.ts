import { describe, expect, test } from 'vitest';
import { parseJson } from '../../api/http/body/parseJson.ts';
import { Problem, attempt } from '../../api/http/problem.ts';

/** What is told of a text: the path that `errors` names, or the code where it names none. */
function told(text: string, options?: Parameters<typeof parseJson>[1]): unknown {
  const value = attempt(() => parseJson(text, options));
  return value instanceof Problem ? (value.extras.errors?.[0]?.path ?? value.code) : value;
}

describe('JSON', () => {
  test.each([
    ['two equal keys', '{"a":1,"a":2}', 'a'],
    ['two keys with equal values', '{"a":1,"a":1}', 'a'],
    ['keys spelled in two ways', '{"a":1,"\\u0061":2}', 'a'],
    ['keys with white space before the colon', '{"a" :1,"a"\r\n\t:2}', 'a'],
    ['two empty keys', '{"":1,"":2}', ''],
    ['two __proto__', '{"__proto__":1,"__proto__":2}', '__proto__'],
    ['two keys in an object within', '{"a":{"b":1,"c":[{"d":1},{"d":1,"d":2}]}}', 'a.c.1.d'],
    ['two keys in an item of a list', '{"items":[{"x":[1,2]},{"amount":1,"note":"}","amount":2}]}', 'items.1.amount'],
    ['a key again behind an object', '{"a":{"b":1},"a":1}', 'a'],
    ['keys that end in a backslash', '{"a\\\\":1,"a\\\\":2}', 'a\\'],
  ])('with %s is refused and the key is named', (_, text, path) => {
    expect(told(text)).toBe(path);
  });

  test.each([
    '{"a":1,"b":2,"A":3}',
    '{"a":{"a":{"a":1}},"b":{"a":1}}',
    '[{"a":1},{"a":1}]',
    '{"a":"\\"a\\":1","b":"a","c":["a","a"]}',
    '{"a\\"":1,"a":2,"\\\\":3}',
    '"a"',
    ' [ ] ',
    'null',
    '-1.5e3',
  ])('%s means what JSON.parse says', (text) => {
    expect(told(text)).toEqual(JSON.parse(text));
  });

  test.each([
    '',
    '{',
    '{"a":1',
    '{"a":1,"a',
    '"',
    '"\\',
    '}}]]',
    ',,,',
    '{"a":1,"a":}',
    '{"\\u":1,"\\u":2}',
    '\ufeff{}',
  ])('%j is malformed', (text) => {
    expect(told(text)).toBe('malformed_json');
  });

  test('with more values than may be is refused before it is parsed', () => {
    expect(told('[1,2,3]', { maxValues: 4 })).toEqual([1, 2, 3]);
    expect(told('[1,2,3,4]', { maxValues: 4 })).toBe('body');
    expect(told('[[[[', { maxValues: 4 })).toBe('body');
  });
});
