/**
 * Whether an error means that the database cannot do now what it was asked, whatever that is or because somebody was in
 * the way: the client may come again in a moment. By the table of `shared/store/database/faults.ts`; what is not in it is
 * no matter of the database's, because here an error may have come from anywhere. `pg` reports a fault by SQLSTATE, by
 * Node's code or by a message alone; Prisma wraps any of them, under a code of its own or as the `cause`.
 */
import { meaningOfCode, meaningOfMessage } from '../../shared/store/database/faults.ts';
import type { FaultMeaning } from '../../shared/store/database/faults.ts';

const AWAY: ReadonlySet<FaultMeaning | undefined> = new Set(['away', 'retry']);

const MAX_DEPTH = 5;

export function isDatabaseAway(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > MAX_DEPTH) return false;
  const { code, originalCode, message, cause, meta } = error as Record<string, unknown>;
  for (const given of [code, originalCode]) {
    if (typeof given === 'string' && AWAY.has(meaningOfCode(given))) return true;
  }
  if (typeof message === 'string' && AWAY.has(meaningOfMessage(message))) return true;
  const wrapped = typeof meta === 'object' && meta !== null && 'driverAdapterError' in meta && meta.driverAdapterError;
  return isDatabaseAway(cause, depth + 1) || isDatabaseAway(wrapped, depth + 1);
}
