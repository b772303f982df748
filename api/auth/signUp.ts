/** How an account comes to be, and what is asked of whoever makes one or logs in: the same for the API and for the pages. */
import type { Request, Response } from 'express';
import { z } from 'zod';
import { createAccount } from '../../shared/store/accounts/createAccount.ts';
import type { PrismaClient } from '../../shared/store/database/pool.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';
import { Problem } from '../http/problem.ts';
import type { Principal } from '../http/route.ts';
import { claimedEmailField, claimedPasswordField, emailField, nameField, passwordField } from '../http/schemas.ts';
import type { Auth } from './auth.ts';

export const signupBody = z.strictObject({ name: nameField, email: emailField, password: passwordField });
export const loginBody = z.strictObject({ email: claimedEmailField, password: claimedPasswordField });

export interface AccountDeps {
  auth: Auth;
  prisma: PrismaClient;
  guard: DatabaseGuard;
  currency: string;
}

/** Makes a customer with an empty wallet. Throws `email_taken`, `rate_limited` or `overloaded`. */
export async function signUp(
  { auth, prisma, guard, currency }: AccountDeps,
  req: Request,
  { name, email, password }: z.infer<typeof signupBody>,
): Promise<Principal> {
  const passwordHash = await auth.hashNewPassword(req, password);
  const wallet = { kind: 'customer' as const, currency };
  const created = await guard(
    () => createAccount(prisma, { name, email, passwordHash, role: 'customer', wallet }),
    'The account may or may not have been made: try to log in.',
  );
  if (!created) throw new Problem('email_taken');
  return { ...created, role: 'customer' };
}

/** The account is there by now, so a session that cannot be started is no reason to sign up again. */
export async function startFirstSession(auth: Auth, req: Request, res: Response, principal: Principal): Promise<void> {
  await auth.startSession(req, res, principal).catch((error: unknown) => {
    if (!(error instanceof Problem)) throw error;
    throw new Problem(error.code, { ...error.extras, detail: 'The account was made: log in, do not sign up again.' });
  });
}
