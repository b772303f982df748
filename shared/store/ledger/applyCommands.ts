/**
 * The one write path of the ledger: a transaction (`ledgerTransaction.ts`), and before it, where a command needs money whose
 * hold is over by then, those that free it (`expireHolds.ts`).
 *
 *     transact ──nothing is due──▶ committed
 *        │ what is due makes a difference: nothing is stored
 *        ▼
 *     expire what is due, in transactions of their own, twice as many as the last time ──▶ transact again
 */
import { Fault } from '../../errors/fault.ts';
import type { Decision } from '../../ledger/decide.ts';
import type { Command, Outcome } from '../../ledger/command.ts';
import type { Pool } from '../database/pool.ts';
import { expireHoldsOf } from './expireHolds.ts';
import { transactOnce } from './ledgerTransaction.ts';
import type { ApplyOptions, Decider } from './ledgerTransaction.ts';

/** Before the last of them 2,047 transactions have freed up to 500 holds each of every wallet that was due. */
const MAX_ROUNDS = 12;

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
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const decision = await transactOnce(pool, commands, options);
    if (decision.dueWalletIds.length === 0) return decision;
    for (const walletId of decision.dueWalletIds) await expireHoldsOf(pool, walletId, 2 ** round);
  }
  throw new Fault('holds fall due faster than they are freed');
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
    return { outcomes, entries: [], wallets: [], claims: [], dueWalletIds: [] };
  };
  return transactOnce(pool, [bare], { decider });
}
