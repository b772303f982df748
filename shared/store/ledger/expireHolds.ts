/**
 * Frees what is held for longer than it may be: each hold by an operation of its own, whose id is made of the hold's, so that
 * it happens once whoever is at it. At most so many in one transaction, which locks both wallets of each, in the one order
 * that all transactions have. It is asked for by nobody and waited for by nobody: a refused one, which somebody else has
 * resolved meanwhile, is not stored.
 */
import { createHash } from 'node:crypto';
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid';
import { decide } from '../../ledger/decide.ts';
import type { Command } from '../../ledger/command.ts';
import type { Pool } from '../database/pool.ts';
import { bareArray } from './bareArray.ts';
import { classifyFault } from './classifyFault.ts';
import { transactOnce } from './ledgerTransaction.ts';
import type { Decider } from './ledgerTransaction.ts';

/** Holds that one transaction frees. */
export const EXPIRY_BATCH = 500;

// The clock of the statement that finds them is behind that of the one that decides: what is due here is due there.
const DUE = `SELECT id, debit_wallet_id, credit_wallet_id, currency, initiator_id, statement_timestamp() AS now
  FROM hold WHERE state = 'open' AND expires_at <= statement_timestamp()`;
const READ_DUE = { name: 'due-holds', text: `${DUE} ORDER BY expires_at, id LIMIT $1` };
const READ_DUE_OF = {
  name: 'due-holds-of',
  text: `${DUE} AND debit_wallet_id = $2 ORDER BY expires_at, id LIMIT $1`,
};

// Exact again: what a hold sets while it is placed is only the earliest that it can be.
const NOTE_NEXT = {
  name: 'note-next-expiry',
  text: `UPDATE wallet w SET next_expiry_at = (
           SELECT h.expires_at FROM hold h WHERE h.debit_wallet_id = w.id AND h.state = 'open'
           ORDER BY h.expires_at LIMIT 1)
         WHERE w.id = ANY($1::bigint[])`,
};

interface DueRow {
  id: string;
  debit_wallet_id: bigint;
  credit_wallet_id: bigint;
  currency: string;
  initiator_id: bigint;
  now: Date;
}

/** Frees the due holds of one wallet, those first that fell due first, in up to `batches` transactions. */
export async function expireHoldsOf(pool: Pool, walletId: bigint, batches: number): Promise<void> {
  for (let batch = 0; batch < batches; batch++) {
    const { rows } = await pool.query<DueRow>({ ...READ_DUE_OF, values: [EXPIRY_BATCH, walletId] });
    await expire(pool, rows, [walletId]);
    if (rows.length < EXPIRY_BATCH) return;
  }
}

/**
 * Frees the due holds of all wallets, as many as one transaction takes, and answers how many were due. One that cannot be
 * freed keeps the others from nothing: they are tried one by one then, and what the first of them threw is thrown at the end.
 */
export async function expireDueHolds(pool: Pool): Promise<number> {
  const { rows } = await pool.query<DueRow>({ ...READ_DUE, values: [EXPIRY_BATCH] });
  if (rows.length === 0) return 0;
  try {
    await expire(pool, rows, payersOf(rows));
  } catch (error) {
    if (!['data', 'unclear'].includes(classifyFault(error))) throw error;
    await expireOneByOne(pool, rows);
  }
  return rows.length;
}

async function expireOneByOne(pool: Pool, rows: readonly DueRow[]): Promise<void> {
  const failures: unknown[] = [];
  for (const row of rows) await expire(pool, [row], payersOf([row])).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

async function expire(pool: Pool, rows: readonly DueRow[], payers: readonly bigint[]): Promise<void> {
  await transactOnce(pool, rows.map(toCommand), {
    decider: decideWithoutRefusals,
    closing: { walletIds: payers, statement: { ...NOTE_NEXT, values: [bareArray(payers)] } },
  });
}

const decideWithoutRefusals: Decider = (...given) => {
  const decision = decide(...given);
  return { ...decision, outcomes: decision.outcomes.filter(({ status }) => status === 'applied') };
};

function payersOf(rows: readonly DueRow[]): bigint[] {
  return [...new Set(rows.map((row) => row.debit_wallet_id))];
}

function toCommand(row: DueRow): Command {
  const id = uuidv5('hold_expiry', row.id);
  return {
    ...{ id, kind: 'hold_expiry', claimId: row.id },
    ...{ debitWalletId: row.debit_wallet_id, creditWalletId: row.credit_wallet_id },
    ...{ amountMinor: 0n, currency: row.currency, details: null, externalId: null },
    ...{ initiatorId: row.initiator_id, requestId: uuidv7() },
    requestHash: createHash('sha256').update(id).digest('hex'),
    ...{ acceptedAtMs: row.now.getTime(), expiresAtMs: Number.MAX_SAFE_INTEGER },
  };
}
