/**
 * What a failed transaction of the ledger means for whoever made it, by the table of `shared/store/database/faults.ts`. Where
 * that says nothing:
 *
 * - What the database said itself is `unclear`.
 * - What it did not say is `away`: sockets, name look-ups, TLS, file descriptors, time limits and `pg` have more ways to
 *   fail than a table could name. Only a fault of our own program is not, and that is `unclear`.
 *
 * Only `data` may be held against a command for good.
 */
import pg from 'pg';
import { Fault } from '../../errors/fault.ts';
import { meaningOfCode } from '../database/faults.ts';
import type { FaultMeaning } from '../database/faults.ts';

/** The command tag of COMMIT said something else: the transaction had failed and nothing is stored. */
export class NotCommittedError extends Fault {
  override name = 'NotCommittedError';
}

/** COMMIT succeeded with a warning: a synchronous replica may not have it. Done again, it is found stored. */
export class UnclearCommitError extends Fault {
  override name = 'UnclearCommitError';
}

/** Their rows are worked out of what is stored: a constraint that objects says that something is wrong there, or with us. */
const OUR_TABLES = new Set(['wallet', 'entry', 'hold']);

const UNIQUE_VIOLATION = '23505';
/** Where a second delivery meets what is stored: it committed while we were at it. */
const OUTCOME_KEYS = new Set(['operation_pkey', 'refused_operation_pkey']);

/** What a program throws that is wrong, rather than what befalls it. */
const OWN_FAULTS = [TypeError, RangeError, ReferenceError, SyntaxError];

export function classifyFault(error: unknown): FaultMeaning {
  if (error instanceof NotCommittedError || error instanceof UnclearCommitError) return 'retry';
  if (!(error instanceof pg.DatabaseError)) return OWN_FAULTS.some((own) => error instanceof own) ? 'unclear' : 'away';
  const { code = '', constraint = '', table = '' } = error;
  if (code === UNIQUE_VIOLATION && OUTCOME_KEYS.has(constraint)) return 'retry';
  const meaning = meaningOfCode(code) ?? 'unclear';
  return meaning === 'data' && OUR_TABLES.has(table) ? 'unclear' : meaning;
}
