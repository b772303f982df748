/** Looks an account up for an operator: who it is and which wallets it has. */
import type { PrismaClient } from '../database/pool.ts';

export interface Person {
  id: bigint;
  name: string;
  email: string;
  role: string;
  createdAt: Date;
  wallets: PersonsWallet[];
}

interface PersonsWallet {
  id: bigint;
  kind: string;
  currency: string;
  balanceMinor: bigint;
  heldMinor: bigint;
  isFrozen: boolean;
}

/** By number, or by e-mail in its normalised form. */
export async function findPerson(
  prisma: PrismaClient,
  key: { id: bigint } | { email: string },
): Promise<Person | undefined> {
  const found = await prisma.appUser.findUnique({
    where: key,
    select: {
      ...{ id: true, name: true, email: true, role: true, createdAt: true },
      wallets: {
        select: { id: true, kind: true, currency: true, balance: true, held: true, isFrozen: true },
        orderBy: { id: 'asc' },
      },
    },
  });
  if (!found) return undefined;
  return {
    ...found,
    wallets: found.wallets.map(({ balance, held, ...wallet }) => ({
      ...wallet,
      balanceMinor: balance,
      heldMinor: held,
    })),
  };
}
