/** The words of the question about an equal payment. */
import { expect, test } from 'vitest';
import { shortName } from '../../api/site/payment/shortName.ts';
import { printAgo } from '../../api/site/wordings.ts';

test.each([
  ['Bob Smith', 'Bob S.'],
  ['  Anna   Maria  de Souza ', 'Anna S.'],
  ['Боб Иванов', 'Боб И.'],
  ['Bob', 'Bob'],
  ['Bob 2', 'Bob'],
  ['Bob \u{202e}(Smith)', 'Bob S.'],
  ['x'.repeat(31), `${'x'.repeat(30)}…`],
  [' \u{200f} ', undefined],
])('of %j people are told %j', (name, told) => {
  expect(shortName(name)).toBe(told);
});

test.each([
  [0, 'just now'],
  [29_000, 'just now'],
  [60_000, 'one minute ago'],
  [121_000, 'two minutes ago'],
  [600_000, 'ten minutes ago'],
  [720_000, '12 minutes ago'],
])('%i ms are %j', (agoMs, told) => {
  expect(printAgo(agoMs)).toBe(told);
});
