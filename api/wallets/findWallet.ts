/**
 * What never changes about a wallet, remembered in the process, so that a mistyped wallet is answered at once and a
 * known one costs no query. A wallet that is not there is not remembered: it may be made a moment later.
 */
import { LRUCache } from 'lru-cache';
import type { WalletFacts, WalletKind } from '../../shared/ledger/command.ts';
import type { PrismaClient } from '../../shared/store/database/pool.ts';
import { createBatcher } from '../../shared/batcher.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';

const MAX_REMEMBERED = 100_000;

export type FindWallet = (id: bigint) => Promise<WalletFacts | undefined>;

/** Wallets that are wanted at the same moment are read together: after a start everybody's are new at once. */
export function createWalletFinder(prisma: PrismaClient, guard: DatabaseGuard): FindWallet {
  const read = createBatcher(async (ids: bigint[]) => {
    const where = { id: { in: [...new Set(ids)] } };
    const select = { id: true, kind: true, currency: true };
    const rows = await guard(() => prisma.wallet.findMany({ where, select }));
    const found = new Map(rows.map((row): [bigint, WalletFacts] => [row.id, { ...row, kind: row.kind as WalletKind }]));
    return ids.map((id) => found.get(id));
  });
  const remembered = new LRUCache<bigint, WalletFacts>({ max: MAX_REMEMBERED, fetchMethod: read });
  return (id) => Promise.resolve(remembered.get(id) ?? remembered.fetch(id));
}
