/**
 * The one write path of the ledger: locks the wallets, reads what is already known, lets `decide()` decide and stores
 * the result, in one transaction of two round trips.
 *
 * Order matters. Wallets are locked in one global order (customers before settlement wallets, then by id), so that two
 * transactions never wait for each other in a circle, and the hottest rows are locked last and briefly. What is already
 * stored is read by a *later* statement than the one that took the locks: under READ COMMITTED it has a snapshot of its
 * own and so sees what a concurrent duplicate committed while we waited.
 */
import type { QueryResult } from 'pg';
import { Fault } from '../../errors/fault.ts';
import { decide } from '../../ledger/decide.ts';
import type { Decision, LedgerState } from '../../ledger/decide.ts';
import type { Command, Outcome, WalletKind, WalletState } from '../../ledger/command.ts';
import { bareArray } from './bareArray.ts';
import { NotCommittedError, UnclearCommitError } from './classifyFault.ts';
import { TELL_HANDLED } from './handledEnvelopes.ts';
import { insertOutcomes } from './insertOutcomes.ts';
import { LOCK_DECISIONS, REFUSE_SUPERSEDED, contested } from './decisionLock.ts';
import type { Pool, PoolClient } from '../database/pool.ts';
import { heedWarnings } from '../database/replication.ts';

const LOCK_WALLETS = {
  name: 'lock-wallets',
  text: `SELECT id, kind, currency, balance, held, version, is_frozen FROM wallet
         WHERE id = ANY($1::bigint[]) ORDER BY kind, id FOR NO KEY UPDATE`,
};

const READ_KNOWN = {
  name: 'read-known',
  text: `SELECT t.now, t.now::text AS exact_now,
           ARRAY(SELECT id::text FROM outcome WHERE id = ANY($1::uuid[])) AS stored,
           ARRAY(SELECT id::text || encode(request_hash, 'hex') FROM pending_operation
                 WHERE id = ANY($1::uuid[])) AS promised
         FROM (SELECT clock_timestamp() AS now) AS t`,
};

const INSERT_ENTRIES = {
  name: 'insert-entries',
  text: `INSERT INTO entry (wallet_id, seq, operation_id, amount, balance_after, created_at)
         SELECT wallet_id, seq, operation_id, amount, balance_after, $6::timestamptz
         FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[])
           AS t(wallet_id, seq, operation_id, amount, balance_after)
         ORDER BY wallet_id, seq`,
};

const UPDATE_WALLETS = {
  name: 'update-wallets',
  text: `UPDATE wallet SET balance = t.balance, held = t.held, version = t.version, is_frozen = t.is_frozen
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[])
           AS t(id, balance, held, version, is_frozen)
         WHERE wallet.id = t.id`,
};

const DELETE_PROMISED = {
  name: 'delete-promised',
  text: 'DELETE FROM pending_operation WHERE id = ANY($1::uuid[])',
};

/** Turns the commands that are to be stored, and the state they meet, into what is stored. */
type Decider = (commands: readonly Command[], state: LedgerState, nowMs: number) => Decision;

interface ApplyOptions {
  decider?: Decider | undefined;
  /** Of what the commands came in: the API processes are told that its outcomes are there. */
  envelopeId?: string;
}

/**
 * Applies `commands` in one transaction and returns what it stored; commands that have an outcome already leave no
 * trace, and a promise leaves in the transaction that keeps it. Resolves only when PostgreSQL has committed. Throws what
 * `pg` throws: see `classifyFault.ts`.
 */
export async function applyCommands(
  pool: Pool,
  commands: readonly Command[],
  options: ApplyOptions = {},
): Promise<Decision> {
  const client = await pool.connect();
  try {
    const decision = await transact(client, commands, options);
    client.release();
    return decision;
  } catch (error) {
    // Whatever went wrong, this session's state is unknown: closing it rolls back and frees its locks.
    client.release(error instanceof Error ? error : true);
    throw error;
  }
}

/**
 * Stores one command that cannot be applied as rejected `internal_error`. Its free texts may be what PostgreSQL
 * refused, so they are left out.
 */
export function rejectCommand(pool: Pool, command: Command): Promise<Decision> {
  const bare = { ...command, details: null, externalId: null };
  const decider: Decider = (_commands, state) => {
    const promisedHash = state.promisedHashes.get(bare.id);
    const isOthers = state.storedIds.has(bare.id) || (promisedHash !== undefined && promisedHash !== bare.requestHash);
    const outcomes: Outcome[] = isOthers ? [] : [{ command: bare, status: 'rejected', reason: 'internal_error' }];
    return { outcomes, entries: [], wallets: [] };
  };
  return applyCommands(pool, [bare], { decider });
}

async function transact(
  client: PoolClient,
  commands: readonly Command[],
  { decider = decide, envelopeId }: ApplyOptions,
): Promise<Decision> {
  const walletIds = [...new Set(commands.flatMap((command) => [command.debitWalletId, command.creditWalletId]))];
  const [, locked, known] = await pipeline([
    client.query('BEGIN ISOLATION LEVEL READ COMMITTED'),
    client.query<WalletRow>({ ...LOCK_WALLETS, values: [bareArray(walletIds)] }),
    client.query<KnownRow>({ ...READ_KNOWN, values: [bareArray(commands.map(({ id }) => id))] }),
  ]);
  const { state, now, exactNow } = ledgerState(locked as QueryResult<WalletRow>, known as QueryResult<KnownRow>);
  const decision = decider(commands, state, now.getTime());
  if (decision.outcomes.length === 0) {
    await Promise.all([client.query('ROLLBACK'), tellHandled(client, envelopeId)]);
    return decision;
  }
  const kept = decision.outcomes.map(({ command }) => command.id).filter((id) => state.promisedHashes.has(id));
  const keyed = contested(decision.outcomes.map(({ command }) => command));
  const keyedIds = bareArray(keyed.map(({ id }) => id));
  const { warning, stop } = heedWarnings(client);
  const committing = pipeline([
    ...(keyed.length > 0
      ? [
          client.query({ ...LOCK_DECISIONS, values: [keyedIds] }),
          client.query({ ...REFUSE_SUPERSEDED, values: [keyedIds, bareArray(keyed.map((c) => c.requestHash))] }),
        ]
      : []),
    ...insertOutcomes(decision.outcomes, state.promisedHashes, exactNow).map((insert) => client.query(insert)),
    ...(kept.length > 0 ? [client.query({ ...DELETE_PROMISED, values: [kept] })] : []),
    ...(decision.entries.length > 0
      ? [client.query({ ...INSERT_ENTRIES, values: entryColumns(decision, exactNow) })]
      : []),
    ...(decision.wallets.length > 0 ? [client.query({ ...UPDATE_WALLETS, values: walletColumns(decision) })] : []),
    client.query('COMMIT'),
  ]);
  const telling = tellHandled(client, envelopeId);
  const results = await committing.finally(stop);
  await telling;
  // A pipelined COMMIT of a failed transaction resolves without an error; only its tag tells.
  const tag = results.at(-1)?.command;
  if (tag !== 'COMMIT') throw new NotCommittedError(`COMMIT answered ${tag ?? 'nothing'}`);
  const doubt = warning();
  if (doubt !== undefined) throw new UnclearCommitError(`COMMIT was answered with a warning: ${doubt}`);
  return decision;
}

/** Sent along behind the transaction. Never rejects: it decides nothing. */
async function tellHandled(client: PoolClient, envelopeId: string | undefined): Promise<void> {
  if (envelopeId !== undefined) await client.query({ ...TELL_HANDLED, values: [envelopeId] }).catch(() => undefined);
}

/** Waits for every statement of a pipeline and throws the first failure: the later ones only say "aborted". */
async function pipeline(queries: Promise<QueryResult>[]): Promise<QueryResult[]> {
  const settled = await Promise.allSettled(queries);
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason as Error;
    return result.value;
  });
}

interface WalletRow {
  id: bigint;
  kind: WalletKind;
  currency: string;
  balance: bigint;
  held: bigint;
  version: bigint;
  is_frozen: boolean;
}

interface KnownRow {
  now: Date;
  /** To the microsecond, which `Date` is not: the order of two transactions shows in it. */
  exact_now: string;
  stored: string[];
  /** Operation id (36 characters) and request hash (64), run together. */
  promised: string[];
}

function ledgerState(
  locked: QueryResult<WalletRow>,
  known: QueryResult<KnownRow>,
): {
  state: LedgerState;
  now: Date;
  exactNow: string;
} {
  const row = known.rows[0];
  if (!row) throw new Fault('the known-operations query answered no row');
  const wallets = new Map<bigint, WalletState>(
    locked.rows.map(({ id, kind, currency, balance, held, version, is_frozen: isFrozen }) => [
      id,
      { id, kind, currency, balanceMinor: balance, heldMinor: held, version, isFrozen },
    ]),
  );
  const promisedHashes = new Map(row.promised.map((text) => [text.slice(0, 36), text.slice(36)]));
  return { state: { wallets, storedIds: new Set(row.stored), promisedHashes }, now: row.now, exactNow: row.exact_now };
}

function entryColumns({ entries }: Decision, now: string): unknown[] {
  return [
    bareArray(entries.map((entry) => entry.walletId)),
    bareArray(entries.map((entry) => entry.seq)),
    bareArray(entries.map((entry) => entry.operationId)),
    bareArray(entries.map((entry) => entry.amountMinor)),
    bareArray(entries.map((entry) => entry.balanceAfterMinor)),
    now,
  ];
}

function walletColumns({ wallets }: Decision): unknown[] {
  return [
    bareArray(wallets.map((wallet) => wallet.id)),
    bareArray(wallets.map((wallet) => wallet.balanceMinor)),
    bareArray(wallets.map((wallet) => wallet.heldMinor)),
    bareArray(wallets.map((wallet) => wallet.version)),
    bareArray(wallets.map((wallet) => wallet.isFrozen)),
  ];
}
