/**
 * The accounts that come from the environment: the bank, with its settlement wallet, and the operator. Run at every
 * start. The environment wins: a password that was changed there replaces the stored one. Several processes may start
 * at once; unique indexes decide who makes what. Both count as proven from then on: the bank's first deposit after a start
 * does not wait behind everybody who logs in.
 */
import { Fault } from '../../shared/errors/fault.ts';
import { ConfigurationError, requireValue } from '../../shared/env.ts';
import type { Env } from '../../shared/env.ts';
import type { Logger } from '../../shared/logger.ts';
import { createAccount } from '../../shared/store/accounts/createAccount.ts';
import { ensureWallet } from '../../shared/store/accounts/ensureWallet.ts';
import { findUserByEmail } from '../../shared/store/accounts/findUserByEmail.ts';
import type { PrismaClient } from '../../shared/store/database/pool.ts';
import { replacePassword } from '../../shared/store/accounts/replacePassword.ts';
import { normaliseEmail } from './email.ts';
import { hashPassword, isPassword } from './passwords.ts';
import type { ProvenCredentials } from './provenCredentials.ts';

interface EnsureDeps {
  env: Env;
  prisma: PrismaClient;
  logger: Logger;
  /** Is told of both. */
  proven: Pick<ProvenCredentials, 'remember'>;
}

export async function ensureAccounts(deps: EnsureDeps): Promise<void> {
  const { env, prisma } = deps;
  const bank = {
    role: 'bank' as const,
    name: 'Bank',
    variable: 'BANK_EMAIL',
    email: normaliseEmail(env.BANK_EMAIL),
    password: requireValue(env, 'BANK_PASS'),
  };
  const operator = {
    role: 'operator' as const,
    name: 'Operator',
    variable: 'OPERATOR_EMAIL',
    email: normaliseEmail(env.OPERATOR_EMAIL),
    password: requireValue(env, 'OPERATOR_PASS'),
  };
  if (bank.email === operator.email) {
    throw new ConfigurationError('BANK_EMAIL and OPERATOR_EMAIL are the same, and one account has one role.');
  }
  const bankId = await ensureAccount(bank, deps);
  await ensureWallet(prisma, { ownerId: bankId, kind: 'settlement', currency: env.CURRENCY });
  await ensureAccount(operator, deps);
}

interface Wanted {
  role: 'bank' | 'operator';
  name: string;
  /** The variable that named the account, for an error. */
  variable: string;
  email: string;
  password: string;
}

async function ensureAccount(wanted: Wanted, { env, prisma, logger, proven }: EnsureDeps): Promise<bigint> {
  const { role, name, email, password } = wanted;
  const found = await findUserByEmail(prisma, email, env.CURRENCY);
  if (!found) {
    const passwordHash = await hashPassword(password);
    const wallet = { kind: 'settlement' as const, currency: env.CURRENCY };
    const created = await createAccount(prisma, {
      ...{ name, email, passwordHash, role },
      ...(role === 'bank' && { wallet }),
    });
    if (created) logger.info({ role, email, user_id: String(created.userId) }, `the ${role} account was created`);
  }
  // Not created after all: another process was faster, or someone has just signed up with the e-mail.
  const user = found ?? (await findUserByEmail(prisma, email, env.CURRENCY));
  if (!user) throw new Fault(`the ${role} account is neither there nor could it be created`);
  if (user.role !== role) {
    throw new ConfigurationError(`${wanted.variable} is the e-mail of a ${user.role} account: choose another one.`);
  }
  let { passwordHash } = user;
  if (!(await isPassword(passwordHash, password))) {
    passwordHash = await hashPassword(password);
    await replacePassword(prisma, user.id, passwordHash);
    logger.info({ role, email }, `the ${role} password was replaced by the environment's`);
  }
  proven.remember({ email, password }, passwordHash);
  return user.id;
}
