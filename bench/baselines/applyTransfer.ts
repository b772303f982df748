/**
 * One transfer as one transaction of its own: what both baselines do, and what the service does not. Same tables, same
 * idempotency, same promises as the service's own write path; done as well as one transfer at a time can be: prepared
 * statements, and what need not wait for an answer is sent together, so that there are two round trips.
 */
import type { QueryResult } from 'pg';
import type { Command } from '../../shared/ledger/command.ts';
import type { Pool, PoolClient } from '../../shared/store/database/pool.ts';

export type Applied = { state: 'applied'; balanceMinor: bigint } | { state: 'rejected' | 'reused'; reason: string };

const LOCK_WALLETS = {
  name: 'lock',
  text: `SELECT id, kind, currency, balance, held, version FROM wallet WHERE id IN ($1, $2)
         ORDER BY kind, id FOR NO KEY UPDATE`,
};

/** In a later statement than the one that takes the locks, so that it sees what a twin committed meanwhile. */
const READ_KNOWN = {
  name: 'known',
  text: `SELECT o.status, o.reason, encode(o.request_hash, 'hex') AS hash, e.balance_after
         FROM operation o LEFT JOIN entry e ON (e.wallet_id, e.seq) = (o.debit_wallet_id, o.debit_seq)
         WHERE o.id = $1`,
};

const INSERT_OPERATION = {
  name: 'operation',
  text: `INSERT INTO operation (id, kind, status, reason, debit_wallet_id, credit_wallet_id, amount, currency, details,
           initiator_id, request_id, request_hash, debit_seq, credit_seq, accepted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, decode($12, 'hex'), $13, $14, now())`,
};

const INSERT_ENTRIES = {
  name: 'entries',
  text: `INSERT INTO entry (wallet_id, seq, operation_id, amount, balance_after, created_at)
         VALUES ($1, $2, $3, $4, $5, clock_timestamp()), ($6, $7, $3, $8, $9, clock_timestamp())`,
};

const UPDATE_WALLETS = {
  name: 'wallets',
  text: `UPDATE wallet SET balance = t.balance, version = t.version, booked_at = clock_timestamp()
         FROM (VALUES ($1::bigint, $2::bigint, $3::bigint), ($4, $5, $6)) AS t (id, balance, version)
         WHERE wallet.id = t.id`,
};

interface Wallet {
  id: bigint;
  kind: string;
  currency: string;
  balance: bigint;
  held: bigint;
  version: bigint;
}

interface Known {
  status: 'applied' | 'rejected';
  reason: string | null;
  hash: string;
  balance_after: bigint;
}

/** Resolves when PostgreSQL has committed. */
export async function applyTransfer(pool: Pool, command: Command): Promise<Applied> {
  const client = await pool.connect();
  try {
    const applied = await transact(client, command);
    client.release();
    return applied;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

async function transact(client: PoolClient, command: Command): Promise<Applied> {
  const [, locked, known] = await together<[QueryResult, QueryResult<Wallet>, QueryResult<Known>]>([
    client.query('BEGIN'),
    client.query({ ...LOCK_WALLETS, values: [command.debitWalletId, command.creditWalletId] }),
    client.query({ ...READ_KNOWN, values: [command.id] }),
  ]);
  if (known.rows[0]) {
    await client.query('ROLLBACK');
    return replay(known.rows[0], command);
  }
  const debit = locked.rows.find(({ id }) => id === command.debitWalletId);
  const credit = locked.rows.find(({ id }) => id === command.creditWalletId);
  const reason = refusal(command, debit, credit);
  if (!debit || !credit || reason !== undefined) {
    await together([client.query(insertOperation(command, reason ?? 'wallet_not_found')), client.query('COMMIT')]);
    return { state: 'rejected', reason: reason ?? 'wallet_not_found' };
  }
  return post(client, command, debit, credit);
}

async function post(client: PoolClient, command: Command, debit: Wallet, credit: Wallet): Promise<Applied> {
  const { amountMinor } = command;
  const paid = { ...debit, balance: debit.balance - amountMinor, version: debit.version + 1n };
  const got = { ...credit, balance: credit.balance + amountMinor, version: credit.version + 1n };
  const results = await together<QueryResult[]>([
    client.query(insertOperation(command, null, [paid.version, got.version])),
    client.query({
      ...INSERT_ENTRIES,
      values: [
        ...[paid.id, paid.version, command.id, -amountMinor, paid.balance],
        ...[got.id, got.version, amountMinor, got.balance],
      ],
    }),
    client.query({
      ...UPDATE_WALLETS,
      values: [paid.id, paid.balance, paid.version, got.id, got.balance, got.version],
    }),
    client.query('COMMIT'),
  ]);
  // A pipelined COMMIT of a transaction that failed answers ROLLBACK, without an error.
  if (results.at(-1)?.command !== 'COMMIT') throw new Error('the transfer was not committed');
  return { state: 'applied', balanceMinor: paid.balance };
}

function refusal({ amountMinor }: Command, debit?: Wallet, credit?: Wallet): string | undefined {
  if (debit?.kind !== 'customer' || credit?.kind !== 'customer') return 'wallet_not_found';
  if (debit.currency !== credit.currency) return 'currency_mismatch';
  return debit.balance - debit.held < amountMinor ? 'insufficient_funds' : undefined;
}

function insertOperation(command: Command, reason: string | null, seqs: [bigint, bigint] | [] = []) {
  const { id, kind, debitWalletId, creditWalletId, amountMinor, currency, details } = command;
  const status = reason === null ? 'applied' : 'rejected';
  const [debitSeq = null, creditSeq = null] = seqs;
  return {
    ...INSERT_OPERATION,
    values: [
      ...[id, kind, status, reason, debitWalletId, creditWalletId, amountMinor, currency, details],
      ...[command.initiatorId, command.requestId, command.requestHash, debitSeq, creditSeq],
    ],
  };
}

function replay({ status, reason, hash, balance_after }: Known, command: Command): Applied {
  if (hash !== command.requestHash) return { state: 'reused', reason: 'idempotency_key_reused' };
  if (status === 'applied') return { state: 'applied', balanceMinor: balance_after };
  return { state: 'rejected', reason: reason ?? '' };
}

/** All are waited for; the first failure is the telling one, the later ones only say "aborted". */
async function together<Results extends QueryResult[]>(queries: Promise<QueryResult>[]): Promise<Results> {
  const settled = await Promise.allSettled(queries);
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
  return settled.map((result) => (result as PromiseFulfilledResult<QueryResult>).value) as Results;
}
