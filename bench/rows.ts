/** What is measured, a row of the table each: which target is asked for what, over how many connections. */
import type { Ask } from './load/load.ts';
import type { Person } from '../tests/support/people.ts';
import type { Target, TargetName } from './targets/target.ts';

type Asking = (target: Target, people: readonly Person[]) => Ask;

export interface Row {
  /** Unique, and what `--only` and the ratios name. */
  id: string;
  label: string;
  target: TargetName;
  /** HTTP connections; for pgbench its clients. */
  connections: number;
  /** Over HTTP; nothing for pgbench, which makes its own transfers. */
  ask?: Asking;
}

/** A transfer from a random person to another one. */
const uniform: Asking = () => ({ kind: 'transfer', isKeyed: false });
const keyed: Asking = () => ({ kind: 'transfer', isKeyed: true });
const toMerchant: Asking = (_target, people) => ({ kind: 'transfer', isKeyed: false, to: people[0]?.walletId ?? 0 });
const byBank: Asking = ({ bankCookie }) => ({ kind: 'deposit', cookie: bankCookie });
const livez: Asking = () => ({ kind: 'get', path: '/livez' });

/** How many lists are under way: together they stay below the commands that one API process keeps waiting. */
const LISTS_OF_100 = 64;
const LISTS_OF_1000 = 8;
const USUAL = 128;

export const ROWS: readonly Row[] = [
  ...over([1, 32, USUAL, 512, 1024], 'saldo', 'saldo', uniform),
  ...over([1, 32, USUAL, 512, 1024], 'embedded', 'saldo, embedded queue', uniform),
  ...over([1, 32, USUAL, 1024], 'locks', 'locks', uniform),
  ...over([1, USUAL], 'one-worker', 'one worker', uniform),
  ...over([16, 32], 'pgbench', 'pgbench'),
  onSaldo('keyed', 'saldo, idempotency keys', USUAL, keyed),
  onSaldo('bulk-100', 'saldo bulk of 100', LISTS_OF_100, () => ({ kind: 'bulk', items: 100 })),
  onSaldo('bulk-1000', 'saldo bulk of 1000', LISTS_OF_1000, () => ({ kind: 'bulk', items: 1_000 })),
  onSaldo('hot-merchant', 'saldo, hot merchant', USUAL, toMerchant),
  onSaldo('hot-bank', 'saldo, hot bank', USUAL, byBank),
  onSaldo('livez', 'saldo, GET /livez', USUAL, livez),
];

function over(counts: readonly number[], target: TargetName, label: string, ask?: Asking): Row[] {
  return counts.map((connections) => ({
    id: `${target}-${connections}`,
    label,
    target,
    connections,
    ...(ask && { ask }),
  }));
}

function onSaldo(id: string, label: string, connections: number, ask: Asking): Row {
  return { id, label, target: 'saldo', connections, ask };
}

/** The best of a target's uniform rows is the target's best. */
export function isUniform({ ask }: Row): boolean {
  return ask === uniform;
}

/** Rows whose id or target is named, or all. Throws a `RangeError` for a name that nothing has. */
export function selectRows(names: readonly string[] | undefined): readonly Row[] {
  if (!names) return ROWS;
  const unknown = names.find((name) => !ROWS.some(({ id, target }) => name === id || name === target));
  if (unknown !== undefined) throw new RangeError(`there is nothing called ${unknown}`);
  return ROWS.filter(({ id, target }) => names.includes(id) || names.includes(target));
}
