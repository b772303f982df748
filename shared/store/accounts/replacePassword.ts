/** Replaces an account's password, and ends every session that the old one started. */
import type { PrismaClient } from '../database/pool.ts';

export async function replacePassword(prisma: PrismaClient, userId: bigint, passwordHash: string): Promise<void> {
  await prisma.$transaction([
    prisma.appUser.update({ where: { id: userId }, data: { passwordHash } }),
    prisma.$executeRaw`DELETE FROM session WHERE sess #>> '{principal,userId}' = ${String(userId)}`,
  ]);
}
