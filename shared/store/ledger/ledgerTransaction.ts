/**
 * The one transaction of the ledger: locks the wallets, reads what is already known, lets `decide()` decide and stores the
 * result, in two round trips.
 *
 * Order matters. Wallets are locked in one global order (customers before settlement wallets, then by id), so that two
 * transactions never wait for each other in a circle, and the hottest rows are locked last and briefly. What is already
 * stored is read by a *later* statement than the one that took the locks: under READ COMMITTED it has a snapshot of its
 * own and so sees what a concurrent duplicate committed while we waited.
 */
import type { QueryConfig, QueryResult } from 'pg';
import { Fault } from '../../errors/fault.ts';
import { decide } from '../../ledger/decide.ts';
import type { Decision, LedgerState } from '../../ledger/decide.ts';
import type { Claim } from '../../ledger/claim.ts';
import type { Command, Entry, WalletKind, WalletState } from '../../ledger/command.ts';
import { KINDS } from '../../ledger/kinds.ts';
import type { Kinds } from '../../ledger/kinds.ts';
import type { EnvelopeId } from '../../queue/contracts.ts';
import { bareArray } from './bareArray.ts';
import { CLAIM_TABLES, readClaims, writeClaims } from './claimTables.ts';
import type { ClaimTables } from './claimTables.ts';
import { NotCommittedError, UnclearCommitError } from './classifyFault.ts';
import { createInsert, createUpdate } from './columns.ts';
import { TELL_HANDLED } from './handledEnvelopes.ts';
import { insertOutcomes } from './insertOutcomes.ts';
import { LOCK_DECISIONS, REFUSE_SUPERSEDED, contested } from './decisionLock.ts';
import type { Pool, PoolClient } from '../database/pool.ts';
import { heedWarnings } from '../database/replication.ts';

const LOCK_WALLETS = {
  name: 'lock-wallets',
  text: `SELECT id, kind, currency, balance, held, version, is_frozen, next_expiry_at, booked_at::text FROM wallet
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

const insertEntries = createInsert<Entry>({
  name: 'insert-entries',
  table: 'entry',
  columns: [
    ['wallet_id', 'bigint', ({ walletId }) => walletId],
    ['seq', 'bigint', ({ seq }) => seq],
    ['operation_id', 'uuid', ({ operationId }) => operationId],
    ['amount', 'bigint', ({ amountMinor }) => amountMinor],
    ['balance_after', 'bigint', ({ balanceAfterMinor }) => balanceAfterMinor],
    ['held', 'bigint', ({ heldMinor }) => orNull(heldMinor)],
    ['held_after', 'bigint', ({ heldAfterMinor }) => orNull(heldAfterMinor)],
  ],
  common: ['created_at', 'timestamptz'],
  after: 'ORDER BY wallet_id, seq',
});

const updateWallets = createUpdate<WalletState>({
  name: 'update-wallets',
  table: 'wallet',
  columns: [
    ['id', 'bigint', ({ id }) => id],
    ['balance', 'bigint', ({ balanceMinor }) => balanceMinor],
    ['held', 'bigint', ({ heldMinor }) => heldMinor],
    ['version', 'bigint', ({ version }) => version],
    ['is_frozen', 'boolean', ({ isFrozen }) => isFrozen],
    ['next_expiry_at', 'bigint', ({ nextExpiryMs }) => nextExpiryMs, 'to_timestamp(t.next_expiry_at / 1000.0)'],
  ],
  common: ['booked_at', 'timestamptz'],
});

const DELETE_PROMISED = {
  name: 'delete-promised',
  text: 'DELETE FROM pending_operation WHERE id = ANY($1::uuid[])',
};

/** Turns the commands that are to be stored, and the state they meet, into what is stored. */
export type Decider = (commands: readonly Command[], state: LedgerState, nowMs: number, kinds: Kinds) => Decision;

export interface ApplyOptions {
  decider?: Decider | undefined;
  /** What the commands came in: the API processes are told that its outcomes are there. */
  envelope?: EnvelopeId;
  kinds?: Kinds;
  claimTables?: ClaimTables;
  /** Runs last, before COMMIT, on wallets that are locked with those of the commands; also where nothing is decided. */
  closing?: { walletIds: readonly bigint[]; statement: QueryConfig };
}

/**
 * Applies `commands` in one transaction and returns what it stored, once PostgreSQL has committed: nothing where the decision
 * names wallets that are due.
 */
export async function transactOnce(pool: Pool, commands: readonly Command[], options: ApplyOptions): Promise<Decision> {
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

async function transact(client: PoolClient, commands: readonly Command[], options: ApplyOptions): Promise<Decision> {
  const { decider = decide, envelope, kinds = KINDS, claimTables = CLAIM_TABLES, closing } = options;
  const named = commands.flatMap((command) => [command.debitWalletId, command.creditWalletId]);
  const walletIds = [...new Set([...named, ...(closing?.walletIds ?? [])])];
  const claimReads = readClaims(commands, kinds, claimTables);
  const [, locked, known, ...claimed] = await pipeline([
    client.query('BEGIN ISOLATION LEVEL READ COMMITTED'),
    client.query<WalletRow>({ ...LOCK_WALLETS, values: [bareArray(walletIds)] }),
    client.query<KnownRow>({ ...READ_KNOWN, values: [bareArray(commands.map(({ id }) => id))] }),
    ...claimReads.map(({ query }) => client.query(query)),
  ]);
  const claims = claimReads.flatMap(({ table }, index) => (claimed[index]?.rows ?? []).map(table.fromRow));
  const read = { locked: locked as QueryResult<WalletRow>, known: known as QueryResult<KnownRow>, claims };
  const { state, now, bookedAt } = ledgerState(read);
  const decision = decider(commands, state, now.getTime(), kinds);
  if (decision.dueWalletIds.length > 0) {
    await client.query('ROLLBACK');
    return decision;
  }
  if (decision.outcomes.length === 0 && !closing) {
    await Promise.all([client.query('ROLLBACK'), tellHandled(client, envelope)]);
    return decision;
  }
  const writes = [
    ...keeping(decision, state.promisedHashes),
    ...insertOutcomes(decision.outcomes, state.promisedHashes, bookedAt, kinds),
    ...(decision.entries.length > 0 ? [insertEntries(decision.entries, bookedAt)] : []),
    ...writeClaims(decision.claims, claimTables, bookedAt),
    ...(decision.wallets.length > 0 ? [updateWallets(decision.wallets, bookedAt)] : []),
    ...(closing ? [closing.statement] : []),
  ];
  const { warning, stop } = heedWarnings(client);
  const committing = pipeline([...writes.map((write) => client.query(write)), client.query('COMMIT')]);
  const telling = tellHandled(client, envelope);
  const results = await committing.finally(stop);
  await telling;
  // A pipelined COMMIT of a failed transaction resolves without an error; only its tag tells.
  const tag = results.at(-1)?.command;
  if (tag !== 'COMMIT') throw new NotCommittedError(`COMMIT answered ${tag ?? 'nothing'}`);
  const doubt = warning();
  if (doubt !== undefined) throw new UnclearCommitError(`COMMIT was answered with a warning: ${doubt}`);
  return decision;
}

/** What sees to it that no promise is passed by, and takes those away that are kept. */
function keeping({ outcomes }: Decision, promised: LedgerState['promisedHashes']): QueryConfig[] {
  const kept = outcomes.map(({ command }) => command.id).filter((id) => promised.has(id));
  const keyed = contested(outcomes.map(({ command }) => command));
  const keyedIds = bareArray(keyed.map(({ id }) => id));
  return [
    ...(keyed.length > 0
      ? [
          { ...LOCK_DECISIONS, values: [keyedIds] },
          { ...REFUSE_SUPERSEDED, values: [keyedIds, bareArray(keyed.map((command) => command.requestHash))] },
        ]
      : []),
    ...(kept.length > 0 ? [{ ...DELETE_PROMISED, values: [kept] }] : []),
  ];
}

/** Sent along behind the transaction. Never rejects: it decides nothing. */
async function tellHandled(client: PoolClient, envelope: EnvelopeId | undefined): Promise<void> {
  if (envelope) await client.query({ ...TELL_HANDLED, values: [envelope.jobId] }).catch(() => undefined);
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
  next_expiry_at: Date | null;
  booked_at: string;
}

interface KnownRow {
  now: Date;
  /** To the microsecond, which `Date` is not: the order of two transactions shows in it. */
  exact_now: string;
  stored: string[];
  /** Operation id (36 characters) and request hash (64), run together. */
  promised: string[];
}

/** `bookedAt` is the time of whatever is decided: now, or that of the newest row of its wallets if a clock has gone back. */
function ledgerState({
  locked,
  known,
  claims,
}: {
  locked: QueryResult<WalletRow>;
  known: QueryResult<KnownRow>;
  claims: readonly Claim[];
}): {
  state: LedgerState;
  now: Date;
  bookedAt: string;
} {
  const [found] = known.rows;
  if (!found) throw new Fault('the known-operations query answered no row');
  const wallets = new Map<bigint, WalletState>(
    locked.rows.map((row) => [
      row.id,
      {
        ...{ id: row.id, kind: row.kind, currency: row.currency, version: row.version, isFrozen: row.is_frozen },
        ...{ balanceMinor: row.balance, heldMinor: row.held, nextExpiryMs: row.next_expiry_at?.getTime() ?? null },
      },
    ]),
  );
  const promisedHashes = new Map(found.promised.map((text) => [text.slice(0, 36), text.slice(36)]));
  const state = {
    ...{ wallets, storedIds: new Set(found.stored), promisedHashes },
    claims: new Map(claims.map((claim) => [claim.id, claim])),
  };
  // As PostgreSQL writes them, all in UTC and the offset below every digit, times sort like their texts.
  const bookedAt = locked.rows.reduce((latest, { booked_at: at }) => (at > latest ? at : latest), found.exact_now);
  return { state, now: found.now, bookedAt };
}

function orNull(amountMinor: bigint): bigint | null {
  return amountMinor === 0n ? null : amountMinor;
}
