/** Makes an account and its wallet in one transaction: there is never one without the other. */
import type { WalletKind } from '../../ledger/command.ts';
import type { StoredUser } from './findUserByEmail.ts';
import type { PrismaClient } from '../database/pool.ts';

interface NewAccount {
  name: string;
  /** In its normalised form. */
  email: string;
  passwordHash: string;
  role: StoredUser['role'];
  /** Absent for an operator. */
  wallet?: { kind: WalletKind; currency: string };
}

/** The new ids, or nothing when the e-mail has an account: the unique index decides, also between two at once. */
export async function createAccount(
  prisma: PrismaClient,
  { wallet, ...user }: NewAccount,
): Promise<{ userId: bigint; walletId: bigint | null } | undefined> {
  try {
    const created = await prisma.appUser.create({
      data: { ...user, ...(wallet && { wallets: { create: wallet } }) },
      select: { id: true, wallets: { select: { id: true } } },
    });
    return { userId: created.id, walletId: created.wallets[0]?.id ?? null };
  } catch (error) {
    if (isUniqueViolation(error)) return undefined;
    throw error;
  }
}

/** Prisma's code for a unique index that refused a row. */
const UNIQUE_VIOLATION = 'P2002';

function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === UNIQUE_VIOLATION;
}
