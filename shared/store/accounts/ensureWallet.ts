/** Gives an account a wallet in a currency if it has none yet. Safe to do from several processes at once. */
import type { WalletKind } from '../../ledger/command.ts';
import type { PrismaClient } from '../database/pool.ts';

export async function ensureWallet(
  prisma: PrismaClient,
  wallet: { ownerId: bigint; kind: WalletKind; currency: string },
): Promise<void> {
  await prisma.wallet.createMany({ data: [wallet], skipDuplicates: true });
}
