/** The marks in our texts, and what only looks like one. */
import { expect, test } from 'vitest';
import { readProse } from '../../api/site/docs/prose.ts';

test('code and links are told from the text around them', () => {
  expect(readProse('Send `a`, see [the codes](/problems/) or [RFC](https://example.org/x).')).toEqual([
    { kind: 'text', text: 'Send ' },
    { kind: 'code', text: 'a' },
    { kind: 'text', text: ', see ' },
    { kind: 'link', text: 'the codes', href: '/problems/' },
    { kind: 'text', text: ' or ' },
    { kind: 'link', text: 'RFC', href: 'https://example.org/x' },
    { kind: 'text', text: '.' },
  ]);
});

test('a link inside code is code', () => {
  expect(readProse('`[a](/b)`')).toEqual([{ kind: 'code', text: '[a](/b)' }]);
});

test.each(['[a](javascript:alert(1))', '[a](http://example.org)', 'one ` alone', '[a] (/b)', '<b>bold</b>'])(
  '%s stays as it is',
  (text) => {
    expect(readProse(text)).toEqual([{ kind: 'text', text }]);
  },
);
