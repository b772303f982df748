/** Signing up, in and out. */
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { PrismaClient } from '../../shared/store/pool.ts';
import { createAccount } from '../../shared/store/createAccount.ts';
import type { Auth } from '../auth/auth.ts';
import type { DatabaseGuard } from '../databaseGuard.ts';
import { Problem } from '../problem.ts';
import { route } from '../route.ts';
import type { Principal, Route } from '../route.ts';
import { claimedEmailField, claimedPasswordField, emailField, nameField, passwordField } from '../schemas.ts';

export const signupBody = z.strictObject({ name: nameField, email: emailField, password: passwordField });
export const loginBody = z.strictObject({ email: claimedEmailField, password: claimedPasswordField });

const account = z.object({
  status: z.literal('OK'),
  user_id: z.int(),
  wallet_id: z.int().nullable().meta({ description: 'Null for an operator.' }),
});

const SESSION_COOKIE = {
  'Set-Cookie': 'The session: `saldo.sid`, HttpOnly, SameSite=Lax; behind TLS `__Host-saldo.sid`, and Secure.',
};

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

export function createAccountRoutes(deps: AccountDeps): Route[] {
  return [
    route({
      method: 'post',
      path: '/api/signup',
      summary: 'Sign up: makes an account with an empty wallet and starts a session',
      roles: 'anyone',
      body: signupBody,
      answers: { 201: { description: 'The new account', schema: account, headers: SESSION_COOKIE } },
      problems: ['email_taken', 'rate_limited', 'overloaded'],
      async handle({ body, req, res }) {
        const principal = await signUp(deps, req, body);
        await startFirstSession(deps.auth, req, res, principal);
        return { status: 201, body: accountReply(principal) };
      },
    }),
    route({
      method: 'post',
      path: '/api/login',
      summary: 'Log in: starts a session',
      roles: 'anyone',
      body: loginBody,
      answers: { 200: { description: 'The account', schema: account, headers: SESSION_COOKIE } },
      problems: ['invalid_credentials', 'rate_limited', 'overloaded'],
      async handle({ body, req, res }) {
        return { status: 200, body: accountReply(await deps.auth.login(req, res, body)) };
      },
    }),
    route({
      method: 'post',
      path: '/api/logout',
      summary: 'Log out: ends the session',
      roles: ['customer', 'bank', 'operator'],
      answers: { 200: { description: 'The session is over', schema: z.object({ status: z.literal('OK') }) } },
      problems: [],
      async handle({ req, res }) {
        await deps.auth.logout(req, res);
        return { status: 200, body: { status: 'OK' } };
      },
    }),
  ];
}

function accountReply({ userId, walletId }: Principal) {
  return { status: 'OK', user_id: Number(userId), wallet_id: walletId === null ? null : Number(walletId) };
}
