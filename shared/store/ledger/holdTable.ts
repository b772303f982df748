/** `hold`: what is spoken for, and what has become of it. Its guard is the wallet that is debited. */
import type { Claim } from '../../ledger/claim.ts';
import type { Hold, HoldState } from '../../ledger/kinds/holds.ts';
import type { ClaimTable } from './claimTable.ts';
import { createInsert } from './columns.ts';

interface HoldRow {
  id: string;
  debit_wallet_id: bigint;
  credit_wallet_id: bigint;
  currency: string;
  initiator_id: bigint;
  state: HoldState;
  amount: bigint;
  captured: bigint;
  released: bigint;
  expires_at: Date;
}

const write = createInsert<Hold>({
  name: 'write-holds',
  table: 'hold',
  columns: [
    ['id', 'uuid', ({ id }) => id],
    ['debit_wallet_id', 'bigint', ({ debitWalletId }) => debitWalletId],
    ['credit_wallet_id', 'bigint', ({ creditWalletId }) => creditWalletId],
    ['currency', 'text', ({ currency }) => currency],
    ['initiator_id', 'bigint', ({ initiatorId }) => initiatorId],
    ['state', 'text', ({ state }) => state],
    ['amount', 'bigint', ({ amountMinor }) => amountMinor],
    ['captured', 'bigint', ({ capturedMinor }) => capturedMinor],
    ['released', 'bigint', ({ releasedMinor }) => releasedMinor],
    ['expires_at', 'bigint', ({ expiresAtMs }) => expiresAtMs, 'to_timestamp(expires_at / 1000.0)'],
  ],
  common: ['changed_at', 'timestamptz'],
  after: `ORDER BY id ON CONFLICT (id) DO UPDATE SET state = excluded.state, captured = excluded.captured,
    released = excluded.released, changed_at = excluded.changed_at`,
});

export const HOLD_TABLE: ClaimTable = {
  read: {
    name: 'read-holds',
    text: `SELECT id, debit_wallet_id, credit_wallet_id, currency, initiator_id, state, amount, captured, released, expires_at
           FROM hold WHERE id = ANY($1::uuid[])`,
  },
  fromRow: (row) => toHold(row as HoldRow),
  write: (claims: readonly Claim[], bookedAt) => write(claims as readonly Hold[], bookedAt),
};

function toHold(row: HoldRow): Hold {
  return {
    ...{ type: 'hold', id: row.id, guardWalletId: row.debit_wallet_id },
    ...{ debitWalletId: row.debit_wallet_id, creditWalletId: row.credit_wallet_id },
    ...{ state: row.state, amountMinor: row.amount, capturedMinor: row.captured, releasedMinor: row.released },
    ...{ currency: row.currency, initiatorId: row.initiator_id, expiresAtMs: row.expires_at.getTime() },
  };
}
