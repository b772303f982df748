/**
 * The state that every target starts from: the bank, and ten thousand people with a session and money, deposited through
 * the ledger's own write path, so that the books are sound from the first row on.
 */
import { ensureAccounts } from '../../api/auth/ensureAccounts.ts';
import { createProvenCredentials } from '../../api/auth/provenCredentials.ts';
import { readEnv } from '../../shared/env.ts';
import { createLogger } from '../../shared/logger.ts';
import { MAX_ENVELOPE_COMMANDS } from '../../shared/queue/contracts.ts';
import { applyCommands } from '../../shared/store/ledger/applyCommands.ts';
import { migrate } from '../../shared/store/database/migrate.ts';
import { createApplyPool, createPrisma } from '../../shared/store/database/pool.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { createPeople } from '../../tests/support/people.ts';
import type { Person } from '../../tests/support/people.ts';
import { BANK_ACCOUNT } from '../../tests/support/service.ts';
import { makeCommand } from '../commands.ts';

export const PARTITIONS = 4;
export const WALLETS = 10_000;
/** Ten thousand roubles: more than anybody can spend in the time, a kopeck at a time. */
const FUNDS_MINOR = 1_000_000n;

/** Leaves no connection behind, as a template must not have any. */
export async function seed(databaseUrl: string): Promise<Person[]> {
  await migrate({ databaseUrl, partitions: PARTITIONS, queueInPostgres: true });
  const pool = createApplyPool({ databaseUrl, role: 'seed', maxConnections: 2 });
  try {
    const bank = await ensureBank(pool);
    const people = await createPeople(databaseUrl, WALLETS);
    const deposits = people.map(({ walletId }) =>
      makeCommand({
        kind: 'deposit',
        initiatorId: bank.userId,
        debitWalletId: bank.walletId,
        creditWalletId: BigInt(walletId),
        amountMinor: FUNDS_MINOR,
      }),
    );
    for (let at = 0; at < deposits.length; at += MAX_ENVELOPE_COMMANDS) {
      await applyCommands(pool, deposits.slice(at, at + MAX_ENVELOPE_COMMANDS));
    }
    await pool.query('VACUUM (ANALYZE)');
    return people;
  } finally {
    await pool.end();
  }
}

/** As every API process does when it starts, so that later starts find it there. */
async function ensureBank(pool: Pool): Promise<{ userId: bigint; walletId: bigint }> {
  const env = readEnv({ BANK_EMAIL: BANK_ACCOUNT.email, BANK_PASS: BANK_ACCOUNT.password, OPERATOR_PASS: 'not used' });
  const prisma = createPrisma(pool);
  await ensureAccounts({ env, prisma, logger: createLogger('seed', 'warn'), proven: createProvenCredentials() });
  await prisma.$disconnect();
  const { rows } = await pool.query<{ id: bigint; owner_id: bigint }>(
    `SELECT id, owner_id FROM wallet WHERE kind = 'settlement'`,
  );
  if (!rows[0]) throw new Error('the bank has no wallet');
  return { userId: rows[0].owner_id, walletId: rows[0].id };
}
