/**
 * Keeps apart a decision on one body and a 202 for another under the same key, sent at the same moment: each holds the
 * id's lock from its look at the other until its COMMIT.
 *
 *     worker: lock the ids, waiting ─▶ refuse if another body is promised ─▶ write the outcomes ─▶ COMMIT, which unlocks
 *     api:    lock the ids that are free ─▶ promise what is not decided ─▶ COMMIT, which unlocks ─▶ read what stands
 *
 * So a promise that can be seen is one that no decision under way passes by: the next one looks after it has the lock,
 * and sees it. A promise whose id is being decided is not made but refused, and tried again by the API: the decision may
 * be about to be stored. All of the API's side is one statement to PostgreSQL (`insert_promises` in
 * prisma/migrations/), so the locks that a worker may have to wait for are never held by a process that freezes. The
 * worker holds its own only while one pipeline of statements runs in which it waits for nothing else. Promises share
 * their locks and wait for none; decisions take theirs in the order of ids: no two wait for each other.
 */
import type { Command } from '../../ledger/command.ts';

export const LOCK_DECISIONS = {
  name: 'lock-decisions',
  text: 'SELECT count(pg_advisory_xact_lock(decision_key(id))) FROM unnest($1::uuid[]) AS t(id)',
};

export const REFUSE_SUPERSEDED = {
  name: 'refuse-superseded',
  text: 'SELECT refuse_superseded($1::uuid[], $2::text[])',
};

/** Where a UUID tells its version: 5 is made of what a client has chosen, 7 is new with every request. */
const VERSION_DIGIT = 14;

/**
 * Those of `commands` whose id a client has fixed, in the order in which they are locked. The other ids are fresh for
 * every request, so no second body can meet them.
 */
export function contested(commands: readonly Command[]): Command[] {
  const keyed = commands.filter(({ id }) => id[VERSION_DIGIT] === '5');
  return keyed.sort((one, other) => (one.id < other.id ? -1 : 1));
}

/** Whether nobody but the request that made it knows the command by a name of their own. */
export function isFresh({ id, externalId }: Command): boolean {
  return id[VERSION_DIGIT] === '7' && externalId === null;
}
