/**
 * Between which wallets a hold is, which never changes, remembered in the process. One that is not there is not remembered:
 * it may be placed a moment later.
 */
import { LRUCache } from 'lru-cache';
import { readHoldSides } from '../../shared/store/ledger/readHolds.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';

const MAX_REMEMBERED = 20_000;

interface HoldSides {
  debitWalletId: bigint;
  creditWalletId: bigint;
}

/** By its id, in lower case. */
export type FindHold = (id: string) => Promise<HoldSides | undefined>;

export function createHoldFinder(pool: Pool, guard: DatabaseGuard): FindHold {
  const remembered = new LRUCache<string, HoldSides>({
    max: MAX_REMEMBERED,
    fetchMethod: (id) => guard(() => readHoldSides(pool, id)),
  });
  return (id) => remembered.fetch(id);
}
