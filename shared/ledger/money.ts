/**
 * Money at its edges: decimal text in, decimal text out, `bigint` minor units in between.
 *
 * Nothing is ever rounded. Fifteen significant digits are the limit because they survive a double exactly, so a JSON
 * number that a client reads is the very amount that is stored (API.md, "Amounts").
 */

/** The largest magnitude of an amount or a balance, in minor units: fifteen nines. */
export const LIMIT_MINOR = 999_999_999_999_999n;
const MAX_SIGNIFICANT_DIGITS = 15;

/** ISO 4217 (list one, 2025): the active currencies by the number of their decimals. */
const CURRENCIES_BY_EXPONENT: Record<0 | 2 | 3 | 4, string> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  2:
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY ' +
    'COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS ' +
    'INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR ' +
    'MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP ' +
    'STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
};

const EXPONENTS: ReadonlyMap<string, number> = new Map(
  Object.entries(CURRENCIES_BY_EXPONENT).flatMap(([exponent, codes]) =>
    codes.split(' ').map((code): [string, number] => [code, Number(exponent)]),
  ),
);

/** Whether `code` is an active ISO 4217 currency. */
export function isCurrency(code: string): boolean {
  return EXPONENTS.has(code);
}

/** How many decimals a currency has (RUB 2, JPY 0, KWD 3). Throws on an unknown code: that is a fault, not input. */
export function currencyExponent(currency: string): number {
  const exponent = EXPONENTS.get(currency);
  if (exponent === undefined) throw new Error(`unknown currency ${currency}`);
  return exponent;
}

/** An amount in minor units, or the rule that the input broke, as a phrase that completes "amount …". */
export type ParsedAmount = { ok: true; amountMinor: bigint } | { ok: false; broke: string };

/**
 * Reads a positive decimal amount exactly. A string is taken as it stands; a number means the double it is, printed
 * shortest (ECMAScript `Number::toString`), so that `0.1` is ten kopecks and not a binary fraction.
 */
export function parseAmount(input: string | number, currency: string): ParsedAmount {
  const text = typeof input === 'number' ? printPlain(input) : input;
  const match = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?$/.exec(text);
  if (!match) return { ok: false, broke: 'must be a plain decimal, such as 115.6 or "115.60"' };
  const [, sign, whole = '', fraction = ''] = match;
  const exponent = currencyExponent(currency);
  if (fraction.length > exponent) return { ok: false, broke: `must have at most ${exponent} decimals in ${currency}` };
  const significant = (whole + fraction).replace(/^0+/, '');
  if (significant === '' || sign === '-') return { ok: false, broke: 'must be greater than zero' };
  if (significant.length > MAX_SIGNIFICANT_DIGITS) {
    return { ok: false, broke: `must have at most ${MAX_SIGNIFICANT_DIGITS} significant digits` };
  }
  const amountMinor = BigInt(whole + fraction.padEnd(exponent, '0'));
  if (amountMinor > LIMIT_MINOR) return { ok: false, broke: `must be at most ${printAmount(LIMIT_MINOR, currency)}` };
  return { ok: true, amountMinor };
}

/** A number printed shortest, without an exponent: `1e+21` is a one with 21 zeros, `1e-7` is `0.0000001`. */
function printPlain(value: number): string {
  const text = String(value);
  const [, sign = '', whole = '', fraction = '', exponent] = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text) ?? [];
  if (exponent === undefined) return text;
  const digits = whole + fraction;
  const places = Number(exponent);
  // ECMAScript uses an exponent only from 21 on, where all the digits of a double are before the point, or below -6.
  return places > 0 ? sign + digits.padEnd(places + 1, '0') : `${sign}0.${'0'.repeat(-places - 1)}${digits}`;
}

/** Minor units as exact decimal text, with all the currency's decimals: `-1110n` in RUB is `"-11.10"`. */
export function printAmount(amountMinor: bigint, currency: string): string {
  const exponent = currencyExponent(currency);
  const sign = amountMinor < 0n ? '-' : '';
  const digits = (amountMinor < 0n ? -amountMinor : amountMinor).toString().padStart(exponent + 1, '0');
  if (exponent === 0) return sign + digits;
  return `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

/** Minor units as the JSON number a client reads: exact, because fifteen digits survive a double. */
export function amountToNumber(amountMinor: bigint, currency: string): number {
  return Number(printAmount(amountMinor, currency));
}
