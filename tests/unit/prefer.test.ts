/** The `Prefer` header: RFC 7240's grammar and examples, and that nothing malformed is ever refused. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePrefer } from '../../api/http/prefer.ts';

describe('a Prefer header', () => {
  test.each<[string | undefined, { respondAsync: boolean; waitMs?: number }]>([
    [undefined, { respondAsync: false }],
    ['', { respondAsync: false }],
    ['respond-async', { respondAsync: true }],
    ['Respond-Async', { respondAsync: true }],
    ['wait=5', { respondAsync: false, waitMs: 5_000 }],
    ['WAIT = 5', { respondAsync: false, waitMs: 5_000 }],
    ['wait="5"', { respondAsync: false, waitMs: 5_000 }],
    ['wait=0', { respondAsync: false, waitMs: 0 }],
    ['wait=30', { respondAsync: false, waitMs: 30_000 }],
    ['wait=31', { respondAsync: false, waitMs: 30_000 }],
    ['wait=999999999', { respondAsync: false, waitMs: 30_000 }],
    ['respond-async, wait=10', { respondAsync: true, waitMs: 10_000 }],
    ['respond-async,wait=10', { respondAsync: true, waitMs: 10_000 }],
    [' , respond-async ,, wait=10 , ', { respondAsync: true, waitMs: 10_000 }],
    ['wait=10; foo="bar, respond-async"; baz', { respondAsync: false, waitMs: 10_000 }],
    ['respond-async; foo', { respondAsync: true }],
    ['return=minimal; foo="some \\"quoted\\" text", wait=2', { respondAsync: false, waitMs: 2_000 }],
  ])('%j is read', (header, preference) => {
    expect(parsePrefer(header)).toEqual(preference);
  });
  test.each([
    'wait',
    'wait=',
    'wait=-1',
    'wait=1.5',
    'wait=soon',
    'wait=1e3',
    'wait=9999999999',
    'waits=5',
    'x-wait=5',
  ])('%j is no wait', (header) => {
    expect(parsePrefer(header)).toEqual({ respondAsync: false });
  });
  test('counts the first of two that contradict each other', () => {
    expect(parsePrefer('wait=1, wait=2')).toEqual({ respondAsync: false, waitMs: 1_000 });
    expect(parsePrefer('wait=soon, wait=2')).toEqual({ respondAsync: false });
  });
  test('finds what is well-formed beside what is not', () => {
    expect(parsePrefer('@@@, wait=2')).toEqual({ respondAsync: false, waitMs: 2_000 });
    expect(parsePrefer('foo="open, wait=2')).toEqual({ respondAsync: false, waitMs: 2_000 });
    expect(parsePrefer('a b, respond-async')).toEqual({ respondAsync: true });
  });
  test('of any kind is read without a fault, and in time', () => {
    const piece = fc.constantFrom('wait', '=', '"', '\\', ',', ';', ' ', '5', 'respond-async', '\t', 'é', '@');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const { waitMs = 0 } = parsePrefer(pieces.join(''));
        expect(waitMs).toBeLessThanOrEqual(30_000);
      }),
    );
    const startedMs = performance.now();
    for (const text of [';a="', '; ', ' ;', '"\\', 'a;', '=', ' ', '"']) {
      for (const end of ['', '"', '@']) parsePrefer(`wait${text.repeat(900 / text.length)}${end}`);
    }
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });
});
