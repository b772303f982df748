/**
 * Keeps apart a decision on one body and a 202 for another under the same key, sent at the same moment.
 *
 *     worker: lock the ids ─▶ refuse if another body is promised ─▶ write the outcomes ─▶ COMMIT, which unlocks
 *     api:    commit the promise ─▶ wait until nobody has the id locked ─▶ read what stands
 *
 * Whichever comes first, the other sees it: a promise that is committed before the worker's look is seen by it, and one
 * that comes later waits for the worker's COMMIT and then reads the outcome instead of answering 202. The worker holds
 * the locks only while one pipeline of statements runs in which it waits for nothing, so a promise never waits for a
 * wallet. Locks are taken in the order of ids, so that no two wait for each other.
 */
import type { Command } from '../ledger/command.ts';

/** The seed keeps these keys apart from other advisory locks. */
const LOCK_KEY = 'uuid_hash_extended(id, 72707372)';

export const LOCK_DECISIONS = {
  name: 'lock-decisions',
  text: `SELECT count(pg_advisory_xact_lock(${LOCK_KEY})) FROM unnest($1::uuid[]) AS t(id)`,
};

export const REFUSE_SUPERSEDED = {
  name: 'refuse-superseded',
  text: 'SELECT refuse_superseded($1::uuid[], $2::text[])',
};

export const AWAIT_DECISIONS = {
  name: 'await-decisions',
  text: `SELECT count(pg_advisory_xact_lock_shared(${LOCK_KEY})) FROM unnest($1::uuid[]) AS t(id)`,
};

const VERSION_DIGIT = 14;

/**
 * Those of `commands` whose id a client has fixed, in the order in which they are locked. The other ids are fresh for
 * every request, so no second body can meet them.
 */
export function contested(commands: readonly Command[]): Command[] {
  const keyed = commands.filter(({ id }) => id[VERSION_DIGIT] === '5');
  return keyed.sort((one, other) => (one.id < other.id ? -1 : 1));
}
