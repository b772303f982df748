/**
 * Money at its edges: what is read is exactly what was written, what is printed reads back as itself, and every input
 * that API.md's "Amounts" refuses is refused with the rule it broke. A failing property prints its seed and path; give
 * both to `fc.assert` to see the same case again.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  LIMIT_MINOR,
  amountToNumber,
  currencyExponent,
  isCurrency,
  parseAmount,
  printAmount,
} from '../../shared/ledger/money.ts';

/** One currency for every number of decimals that ISO 4217 has. */
const CURRENCIES = [
  ['JPY', 0],
  ['RUB', 2],
  ['KWD', 3],
  ['CLF', 4],
] as const;

const PLAIN = /must be a plain decimal/;
const POSITIVE = /must be greater than zero/;
const DIGITS = /must have at most 15 significant digits/;
const decimals = (count: number) => new RegExp(`must have at most ${count} decimals`);

const positiveMinor = fc.bigInt(1n, LIMIT_MINOR);
const anyMinor = fc.bigInt(-LIMIT_MINOR, LIMIT_MINOR);

function expectRefused(input: string | number, currency: string, rule: RegExp): void {
  const parsed = parseAmount(input, currency);
  expect(parsed, JSON.stringify(input)).toMatchObject({ ok: false, broke: expect.stringMatching(rule) as string });
}

describe.each(CURRENCIES)('an amount in %s, which has %i decimals', (currency, exponent) => {
  test('has the exponent that ISO 4217 gives its currency', () => {
    expect(currencyExponent(currency)).toBe(exponent);
  });

  test('that is printed and read again as a string is the same amount', () => {
    fc.assert(
      fc.property(positiveMinor, (amountMinor) => {
        expect(parseAmount(printAmount(amountMinor, currency), currency)).toEqual({ ok: true, amountMinor });
      }),
    );
  });

  test('that is sent as a JSON number and read again is the same amount', () => {
    fc.assert(
      fc.property(positiveMinor, (amountMinor) => {
        const received = JSON.parse(JSON.stringify(amountToNumber(amountMinor, currency))) as number;
        expect(parseAmount(received, currency)).toEqual({ ok: true, amountMinor });
      }),
    );
  });

  test('is printed as an optional minus, a whole part without leading zeros, and all its decimals', () => {
    const form = exponent === 0 ? /^-?(0|[1-9]\d*)$/ : new RegExp(`^-?(0|[1-9]\\d*)\\.\\d{${exponent}}$`);
    fc.assert(
      fc.property(anyMinor, (amountMinor) => {
        const text = printAmount(amountMinor, currency);
        expect(text).toMatch(form);
        expect(BigInt(text.replace('.', ''))).toBe(amountMinor);
        expect(text.startsWith('-')).toBe(amountMinor < 0n);
      }),
    );
  });

  test('means the same with fewer decimals written out', () => {
    fc.assert(
      fc.property(positiveMinor, (amountMinor) => {
        const full = printAmount(amountMinor, currency);
        const short = full.includes('.') ? full.replace(/\.?0+$/, '') : full;
        expect(parseAmount(short, currency)).toEqual({ ok: true, amountMinor });
      }),
    );
  });

  test('with one decimal more than the currency has is refused, even if that decimal is zero', () => {
    const unit = exponent === 0 ? '1.' : `1.${'0'.repeat(exponent)}`;
    expectRefused(`${unit}0`, currency, decimals(exponent));
    expectRefused(`${unit}1`, currency, decimals(exponent));
    expectRefused(10 ** -(exponent + 1), currency, decimals(exponent));
  });

  test('of one minor unit is the least that is taken', () => {
    const least = printAmount(1n, currency);
    expect(parseAmount(least, currency)).toEqual({ ok: true, amountMinor: 1n });
    expect(parseAmount(Number(least), currency)).toEqual({ ok: true, amountMinor: 1n });
    expectRefused(printAmount(0n, currency), currency, POSITIVE);
  });

  test('of fifteen nines is taken, and one minor unit more is refused', () => {
    const most = printAmount(LIMIT_MINOR, currency);
    expect(parseAmount(most, currency)).toEqual({ ok: true, amountMinor: LIMIT_MINOR });
    expect(parseAmount(Number(most), currency)).toEqual({ ok: true, amountMinor: LIMIT_MINOR });
    expectRefused(printAmount(LIMIT_MINOR + 1n, currency), currency, DIGITS);
    expectRefused(Number(printAmount(LIMIT_MINOR + 1n, currency)), currency, /must (have|be) at most/);
  });

  test('beyond the limit is always refused, as a string and as a number', () => {
    fc.assert(
      fc.property(fc.bigInt(LIMIT_MINOR + 1n, LIMIT_MINOR * LIMIT_MINOR), (amountMinor) => {
        const text = printAmount(amountMinor, currency);
        expect(parseAmount(text, currency).ok).toBe(false);
        expect(parseAmount(Number(text), currency).ok).toBe(false);
      }),
    );
  });

  test('below zero says that it must be greater than zero', () => {
    fc.assert(
      fc.property(positiveMinor, (amountMinor) => {
        const text = printAmount(-amountMinor, currency);
        expectRefused(text, currency, POSITIVE);
        expectRefused(Number(text), currency, POSITIVE);
      }),
    );
  });
});

describe('an amount that breaks a rule is refused with that rule', () => {
  const zero = [0, -0, '0', '0.0', '0.00', '-0', '-0.00'];
  const negative = [-1, '-1', -0.01, '-0.01', '-115.60'];
  const tooPrecise = [0.001, '0.001', 1.005, '115.600', 0.1 + 0.2, 1e-6, 1e-7, 1.5e-7, Number.MIN_VALUE];
  const tooLong = [
    '12345678901234567.00',
    '1000000000000000',
    123456789012345680000,
    '9'.repeat(10_000),
    1e21,
    1.5e30,
    1e300,
    Number.MAX_VALUE,
  ];
  const notDecimal = [
    ...['1e3', '1E3', '1e-2', '0x10', '0b1', '1_000', '1,5', '1 000', '1,000.00', 'NaN', 'Infinity', 'ten', ''],
    ...[' ', ' 1', '1 ', '1\n', '\t1', '+1', '--1', '-', '.', '.5', '5.', '1.2.3', '00', '01', '007.10', '-01'],
    ...['١٢', '１', '1\u00a0', '1\u2212', '\u22121', '1\u0000', '100₽', '1n'],
    ...[NaN, Infinity, -Infinity],
  ];

  test.each(zero)('%j: zero', (input) => expectRefused(input, 'RUB', POSITIVE));
  test.each(negative)('%j: negative', (input) => expectRefused(input, 'RUB', POSITIVE));
  test.each(tooPrecise)('%j: more decimals than roubles have', (input) => expectRefused(input, 'RUB', decimals(2)));
  test.each(tooLong)('%j: more digits than a double keeps', (input) => expectRefused(input, 'RUB', DIGITS));
  test.each(notDecimal)('%j: not a plain decimal', (input) => expectRefused(input, 'RUB', PLAIN));

  test('a short number that is too large names the largest amount, not its digits', () => {
    expectRefused('10000000000000', 'RUB', /must be at most 9999999999999\.99/);
    expectRefused(1e13, 'RUB', /must be at most 9999999999999\.99/);
    expectRefused('1000000000000', 'KWD', /must be at most 999999999999\.999/);
  });

  test('text that is anything but digits with one point is never an amount', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!/^(0|[1-9][0-9]*)(\.[0-9]+)?$/.test(text));
        expect(parseAmount(text, 'RUB').ok).toBe(false);
      }),
    );
  });
});

describe('the amounts of the starting document', () => {
  test.each([
    [115.6, 11560n],
    ['115.60', 11560n],
    ['115.6', 11560n],
    [11.1, 1110n],
    [104.51, 10451n],
    [0.07, 7n],
    [0.1, 10n],
    [1, 100n],
    ['1', 100n],
  ])('%j in roubles is %s kopecks', (input, amountMinor) => {
    expect(parseAmount(input, 'RUB')).toEqual({ ok: true, amountMinor });
  });

  test('a number is taken as the shortest text of its double: 1.005 has three decimals, 4.35 has two', () => {
    expectRefused(1.005, 'RUB', decimals(2));
    expect(parseAmount(4.35, 'RUB')).toEqual({ ok: true, amountMinor: 435n });
    expect(parseAmount(1.15, 'RUB')).toEqual({ ok: true, amountMinor: 115n });
  });
});

describe('printing', () => {
  test.each([
    [-1110n, 'RUB', '-11.10', -11.1],
    [-1n, 'RUB', '-0.01', -0.01],
    [0n, 'RUB', '0.00', 0],
    [7n, 'RUB', '0.07', 0.07],
    [100n, 'JPY', '100', 100],
    [-5n, 'JPY', '-5', -5],
    [1n, 'KWD', '0.001', 0.001],
    [-12345n, 'CLF', '-1.2345', -1.2345],
    [LIMIT_MINOR, 'RUB', '9999999999999.99', 9999999999999.99],
    [-LIMIT_MINOR, 'JPY', '-999999999999999', -999999999999999],
  ])('%s minor units in %s is %s', (amountMinor, currency, text, number) => {
    expect(printAmount(amountMinor, currency)).toBe(text);
    expect(amountToNumber(amountMinor, currency)).toBe(number);
  });
});

describe('currencies', () => {
  test.each(['RUB', 'USD', 'EUR', 'JPY', 'KWD', 'CLF', 'UYW', 'XCG'])('%s is one', (code) => {
    expect(isCurrency(code)).toBe(true);
  });

  test.each(['', 'rub', 'RUR', 'ANG', 'XXX', 'XAU', 'RU', 'RUBB', '__proto__', 'constructor', 'toString'])(
    '%j is not, and asking for its decimals is a fault',
    (code) => {
      expect(isCurrency(code)).toBe(false);
      expect(() => currencyExponent(code)).toThrow(/unknown currency/);
    },
  );
});
