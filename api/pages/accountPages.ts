/**
 * The forms to sign up, log in and log out. Plain HTML that works without JavaScript; whatever was sent ends in a
 * redirect, so a reload sends nothing again.
 */
import type { Request, Response } from 'express';
import type { PrismaClient } from '../../shared/store/pool.ts';
import type { Auth } from '../auth/auth.ts';
import { refuseForeign } from '../csrf.ts';
import type { DatabaseGuard } from '../databaseGuard.ts';
import type { Endpoint } from '../endpoint.ts';
import { PROBLEMS, Problem } from '../problem.ts';
import type { ReadBody } from '../readBody.ts';
import { loginBody, signUp, signupBody, startFirstSession } from '../routes/accounts.ts';
import { parsePart } from '../schemas.ts';
import { errorsByField, seeOther } from './forms.ts';
import type { RenderPage } from './render.ts';

interface AccountPagesDeps {
  auth: Auth;
  prisma: PrismaClient;
  guard: DatabaseGuard;
  currency: string;
  readForm: ReadBody;
  renderPage: RenderPage;
}

interface Form {
  title: string;
  action: string;
  fields: { name: string; label: string; type: string; autocomplete: string }[];
  other: { text: string; link: string; href: string };
}

const EMAIL = { name: 'email', label: 'E-mail', type: 'email', autocomplete: 'username' };
const SIGN_UP: Form = {
  title: 'Sign up',
  action: '/signup',
  fields: [
    { name: 'name', label: 'Name', type: 'text', autocomplete: 'name' },
    EMAIL,
    { name: 'password', label: 'Password', type: 'password', autocomplete: 'new-password' },
  ],
  other: { text: 'You have an account already?', link: 'Log in', href: '/login' },
};
const LOG_IN: Form = {
  title: 'Log in',
  action: '/login',
  fields: [EMAIL, { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' }],
  other: { text: 'You have no account yet?', link: 'Sign up', href: '/signup' },
};

export function createAccountPages(deps: AccountPagesDeps): Endpoint[] {
  return [
    { method: 'get', path: '/signup', handler: (_req, res) => showForm(deps, res, SIGN_UP) },
    { method: 'post', path: '/signup', handler: formHandler(deps, SIGN_UP, submitSignUp) },
    { method: 'get', path: '/login', handler: (_req, res) => showForm(deps, res, LOG_IN) },
    { method: 'post', path: '/login', handler: formHandler(deps, LOG_IN, submitLogIn) },
    {
      method: 'get',
      path: '/logout',
      handler: (_req, res) => deps.renderPage(res, 'logout', { title: 'Log out', loggedIn: true }),
    },
    {
      method: 'post',
      path: '/logout',
      async handler(req, res) {
        refuseForeign(req);
        await deps.auth.logout(req, res);
        seeOther(res, '/login');
      },
    },
  ];
}

async function submitSignUp(deps: AccountPagesDeps, req: Request, res: Response, given: unknown): Promise<void> {
  const principal = await signUp(deps, parsePart(signupBody, given, 'body'));
  await startFirstSession(deps.auth, req, res, principal);
}

async function submitLogIn({ auth }: AccountPagesDeps, req: Request, res: Response, given: unknown): Promise<void> {
  await auth.login(req, res, parsePart(loginBody, given, 'body'));
}

/** Does what the form asks for and goes to the start page, or shows the form again with what was wrong. */
function formHandler(deps: AccountPagesDeps, form: Form, submit: typeof submitSignUp): Endpoint['handler'] {
  return async (req, res) => {
    refuseForeign(req);
    const given = (await deps.readForm(req, res)) as Record<string, unknown>;
    try {
      await submit(deps, req, res, given);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      showForm(deps, res, form, { given, problem: error });
      return;
    }
    seeOther(res, '/');
  };
}

function showForm(
  { renderPage }: AccountPagesDeps,
  res: Response,
  form: Form,
  refused?: { given: Record<string, unknown>; problem: Problem },
): void {
  const errors = refused ? errorsByField(refused.problem) : {};
  const hasField = form.fields.some(({ name }) => name in errors);
  const values = refused?.given ?? {};
  const error = refused && !hasField ? PROBLEMS[refused.problem.code].title : undefined;
  renderPage(res, 'form', { ...form, values, errors, error }, refused && PROBLEMS[refused.problem.code].status);
}
