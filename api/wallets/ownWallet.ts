/** What an account may read of its own wallet, for the API and for the pages. */
import type { Pool } from '../../shared/store/database/pool.ts';
import { readWalletPage } from '../../shared/store/ledger/readWalletPage.ts';
import type { WalletPage } from '../../shared/store/ledger/readWalletPage.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';
import { Problem } from '../http/problem.ts';
import type { Principal } from '../http/route.ts';
import type { Quotas } from '../quotas/quotas.ts';

export interface OwnWalletDeps {
  readPool: Pool;
  guard: DatabaseGuard;
  quotas: Quotas;
}

/** The principal's own wallet. Throws `unauthenticated` for a session that outlived its database. */
export async function readOwnWallet(
  { readPool, guard, quotas }: OwnWalletDeps,
  principal: Principal,
  { before, ...bounds }: { limit: number; before?: number | undefined; refusals?: number },
): Promise<WalletPage> {
  const { walletId } = principal;
  if (walletId === null) throw new Problem('forbidden');
  const bound = before === undefined ? undefined : BigInt(before);
  const page = await quotas.read(principal, bounds.limit, () =>
    guard(() => readWalletPage(readPool, walletId, { ...bounds, before: bound })),
  );
  if (page?.ownerId !== principal.userId) throw new Problem('unauthenticated');
  return page;
}

/** Where the next page begins; null at the end. */
export function nextBefore({ entries, hasMore }: WalletPage): number | null {
  const oldest = entries.at(-1);
  return oldest && hasMore ? Number(oldest.seq) : null;
}
