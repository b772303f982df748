/** Signing up, in and out. */
import { z } from 'zod';
import { loginBody, signUp, signupBody, startFirstSession } from '../auth/signUp.ts';
import type { AccountDeps } from '../auth/signUp.ts';
import { route } from '../http/route.ts';
import type { Principal, Route } from '../http/route.ts';

const account = z.object({
  status: z.literal('OK'),
  user_id: z.int(),
  wallet_id: z.int().nullable().meta({ description: 'Null for an operator.' }),
});

const SESSION_COOKIE = {
  'Set-Cookie': 'The session: `saldo.sid`, HttpOnly, SameSite=Lax; behind TLS `__Host-saldo.sid`, and Secure.',
};

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
