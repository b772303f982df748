/** Amounts as people type them. What could mean two things is refused, never guessed at. */
import { describe, expect, it } from 'vitest';
import { readTypedAmount } from '../../api/site/payment/typedAmount.ts';

describe('a typed amount', () => {
  it.each([
    ['250', '250'],
    ['10.50', '10.50'],
    ['10,50', '10.50'],
    ['10,5', '10.5'],
    [' 7 ', '7'],
    ['1 000', '1000'],
    ['1\u00a0234\u202f567,89', '1234567.89'],
    ['007', '7'],
    ['0', '0'],
    ['.5', '0.5'],
    [',5', '0.5'],
    ['5.', '5'],
    ['1.000', '1.000'],
    ['123456789012345678', '123456789012345678'],
  ])('%j reads as %j', (typed, amount) => {
    expect(readTypedAmount(typed)).toBe(amount);
  });

  it.each([
    '',
    ' ',
    '.',
    ',',
    '1,000',
    '1,000.50',
    '1.000,50',
    '10 50',
    '1 0000',
    '-5',
    '+5',
    '1e3',
    '10 RUB',
    'ten',
    '1..5',
  ])('%j is none', (typed) => {
    expect(readTypedAmount(typed)).toBeUndefined();
  });
});
