/**
 * Who asks cheaply, and how many at once. Each was once seen to stop those who pay; none of them needs money, and most
 * not even an account.
 */
import type { Person } from '../../tests/support/people.ts';
import type { HarmAsk } from './harmLoad.ts';

export interface Harm {
  id: string;
  label: string;
  connections: number;
  ask: HarmAsk;
  /** Whoever proves a password is measured as well. */
  provesPasswords?: true;
}

/** `greedy` has a long statement, `poor` has nothing. */
export function listHarms({ greedy, poor, to }: { greedy: Person; poor: Person; to: Person }): Harm[] {
  const { Cookie: cookie } = greedy.headers;
  const get = (path: string, connections: number, isAnonymous = true): Harm => ({
    id: `${isAnonymous ? 'anonymous' : 'customer'}-${path.split('?', 1)[0]?.replaceAll('/', '') || 'home'}-${connections}`,
    label: `${isAnonymous ? 'anonymous' : 'one customer'}: GET ${path}`,
    connections,
    ask: { kind: 'get', path, ...(!isAnonymous && { cookie }) },
  });
  const lines = (connections: number): Harm => ({
    id: `lines-${connections}`,
    label: 'one customer: a megabyte of lines that are not JSON',
    connections,
    ask: { kind: 'lines', cookie },
  });
  return [
    ...[lines(1), lines(16)],
    ...[get('/readyz', 64), get('/readyz', 400), get('/docs', 64), get('/docs', 400), get('/', 64), get('/', 400)],
    {
      id: 'sign-up-320',
      label: 'anonymous: sign-ups',
      connections: 320,
      ask: { kind: 'sign-up' },
      provesPasswords: true,
    },
    ...[get('/api/wallet?limit=200', 100, false), get('/api/wallet?limit=200', 400, false)],
    ...[get('/', 100, false), get('/', 400, false)],
    {
      id: 'overdraw-16',
      label: 'one customer without money: payments',
      connections: 16,
      ask: { kind: 'overdraw', cookie: poor.headers.Cookie, to: to.walletId },
    },
  ];
}
