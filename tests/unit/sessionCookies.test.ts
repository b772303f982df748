import { describe, expect, test } from 'vitest';
import { readSessionCookies } from '../../api/auth/sessions/sessionCookies.ts';

describe('the session cookies of a request', () => {
  test.each([
    ['none', undefined, []],
    ['other cookies', 'theme=dark; sid=s%3Aa.b; xsaldo.sid=s%3Aa.b; saldo.open.1=1', []],
    ['one', 'saldo.sid=s%3Aanna.x%2By%3D', ['anna.x+y=']],
    ['one among others', 'a=1; saldo.sid=s%3Aanna.x; b=2', ['anna.x']],
    ['one without a space before it', 'a=1;saldo.sid=s%3Aanna.x;b=2', ['anna.x']],
    ['one in another spelling', 'saldo.sid="s:anna.x"', ['anna.x']],
    ['several, in their order', 'saldo.sid=s%3Afirst.x; saldo.sid=s%3Asecond.y', ['first.x', 'second.y']],
    ['the stronger name first', 'saldo.sid=s%3Aplain.x; __Host-saldo.sid=s%3Ahost.y', ['host.y', 'plain.x']],
    ['what nobody has signed', 'saldo.sid=anna; saldo.sid=s%3Aanna; saldo.sid=; saldo.sid; saldo.sid=%', []],
    // A neighbouring host may set names that only a careless reader takes for ours.
    ['a name behind odd white space', '\u00a0__Host-saldo.sid=s%3Aevil.x; \u0085saldo.sid=s%3Aevil.x', []],
    ['a name in capitals', '__host-saldo.sid=s%3Aevil.x; SALDO.SID=s%3Aevil.x', []],
  ])('%s', (_, header, signed) => {
    expect(readSessionCookies(header)).toEqual(signed);
  });

  test('are no more than eight, however many come', () => {
    expect(readSessionCookies('saldo.sid=s%3Aa.b; '.repeat(100))).toHaveLength(8);
  });
});
