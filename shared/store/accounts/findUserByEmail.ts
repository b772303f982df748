/** Looks an account up for a proof of its password. */
import type { PrismaClient } from '../database/pool.ts';

export interface StoredUser {
  id: bigint;
  name: string;
  role: 'customer' | 'bank' | 'operator';
  passwordHash: string;
  /** The account's wallet in `currency`, or else its oldest; an operator has none. */
  walletId: bigint | null;
}

/** `email` in its normalised form. */
export async function findUserByEmail(
  prisma: PrismaClient,
  email: string,
  currency: string,
): Promise<StoredUser | undefined> {
  const user = await prisma.appUser.findUnique({
    where: { email },
    include: { wallets: { select: { id: true, currency: true }, orderBy: { id: 'asc' } } },
  });
  if (!user) return undefined;
  const wallet = user.wallets.find((each) => each.currency === currency) ?? user.wallets[0];
  return {
    id: user.id,
    name: user.name,
    role: user.role as StoredUser['role'],
    passwordHash: user.passwordHash,
    walletId: wallet?.id ?? null,
  };
}
