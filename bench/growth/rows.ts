/** What must not get slower as the books grow: paying, and looking at a wallet, also at what is long ago in it. */
import type { Person } from '../../tests/support/people.ts';
import type { Row } from '../rows.ts';
import { connectClient } from '../../shared/store/database/connection.ts';

export interface GrowthRow extends Pick<Row, 'connections' | 'ask'> {
  label: string;
  /** Least quotient of the rates, on the grown books over the empty ones, where one is required. */
  atLeast: number | undefined;
}

const PAYERS = 128;
const READERS = 32;

/** `middle`: the number of an entry in the middle of the merchant's history. */
export function growthRows(merchant: Person, middle: number): GrowthRow[] {
  const cookie = merchant.headers.Cookie;
  const look = (path: string) => () => ({ kind: 'get', path, cookie }) as const;
  return [
    {
      label: 'transfers',
      connections: PAYERS,
      ask: () => ({ kind: 'transfer', isKeyed: false }),
      atLeast: 0.9,
    },
    {
      label: 'transfers, idempotency keys',
      connections: PAYERS,
      ask: () => ({ kind: 'transfer', isKeyed: true }),
      atLeast: 0.9,
    },
    { label: 'GET /api/wallet, first page', connections: READERS, ask: look('/api/wallet'), atLeast: undefined },
    {
      label: 'GET /api/wallet, deep page',
      connections: READERS,
      ask: look(`/api/wallet?before=${middle}`),
      atLeast: undefined,
    },
  ];
}

export async function middleOfHistory(databaseUrl: string, { walletId }: Person): Promise<number> {
  const client = await connectClient(databaseUrl, 'bench');
  try {
    const { rows } = await client.query<{ version: string }>('SELECT version FROM wallet WHERE id = $1', [walletId]);
    return Math.ceil(Number(rows[0]?.version) / 2);
  } finally {
    await client.end();
  }
}
