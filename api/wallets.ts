/**
 * What never changes about a wallet, remembered in the process, so that a mistyped wallet is answered at once and a
 * known one costs no query. A wallet that is not there is not remembered: it may be made a moment later.
 */
import { LRUCache } from 'lru-cache';
import type { WalletKind } from '../shared/ledger/command.ts';
import type { PrismaClient } from '../shared/store/pool.ts';
import type { DatabaseGuard } from './databaseGuard.ts';

const MAX_REMEMBERED = 100_000;

export interface WalletFacts {
  id: bigint;
  kind: WalletKind;
  currency: string;
}

export type FindWallet = (id: bigint) => Promise<WalletFacts | undefined>;

export function createWalletFinder(prisma: PrismaClient, guard: DatabaseGuard): FindWallet {
  const remembered = new LRUCache<bigint, WalletFacts>({
    max: MAX_REMEMBERED,
    fetchMethod: async (id) => {
      const select = { id: true, kind: true, currency: true };
      const row = await guard(() => prisma.wallet.findUnique({ where: { id }, select }));
      return row ? { ...row, kind: row.kind as WalletKind } : undefined;
    },
  });
  return (id) => Promise.resolve(remembered.get(id) ?? remembered.fetch(id));
}
