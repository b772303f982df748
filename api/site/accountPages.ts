/**
 * The forms to sign up, log in and log out. Plain HTML that works without JavaScript; whatever was sent ends in a
 * redirect, so a reload sends nothing again.
 */
import type { Request, Response } from 'express';
import type { PrismaClient } from '../../shared/store/database/pool.ts';
import type { Auth } from '../auth/auth.ts';
import { refuseForeign } from '../http/browser/csrf.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { Problem } from '../http/problem.ts';
import { PROBLEMS } from '../../shared/problems.ts';
import type { ReadBody } from '../http/body/readBody.ts';
import { loginBody, signUp, signupBody, startFirstSession } from '../auth/signUp.ts';
import { parsePart } from '../http/schemas.ts';
import type { Principal } from '../http/route.ts';
import { hiddenFields, splitDraft } from './payment/draft.ts';
import type { Draft } from './payment/draft.ts';
import type { Flashes } from './flash.ts';
import { labelsOf, seeOther } from '../html/forms.ts';
import type { Field, FormView, Refused } from '../html/forms.ts';
import type { RenderPage } from './render.ts';
import { readReturnPath } from './returnPath.ts';
import { errorsByField, formWordsFor } from './words.ts';

interface AccountPagesDeps {
  auth: Auth;
  prisma: PrismaClient;
  guard: DatabaseGuard;
  currency: string;
  readForm: ReadBody;
  renderPage: RenderPage;
  flashes: Flashes;
}

/** Asks somebody to log in who has sent a payment without being logged in. */
export type ShowLogIn = (res: Response, draft: Draft) => void;

interface Form {
  title: string;
  action: string;
  fields: readonly Field[];
  other: { text: string; link: string; href: string };
}

const EMAIL: Field = { name: 'email', label: 'E-mail', type: 'email', autocomplete: 'username' };
const PASSWORD: Field = { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' };
const SIGN_UP: Form = {
  title: 'Sign up',
  action: '/signup',
  fields: [
    { name: 'name', label: 'Name', type: 'text', autocomplete: 'name' },
    EMAIL,
    { ...PASSWORD, autocomplete: 'new-password', hint: 'At least 8 characters.' },
  ],
  other: { text: 'You have an account already?', link: 'Log in', href: '/login' },
};
const LOG_IN: Form = {
  title: 'Log in',
  action: '/login',
  fields: [EMAIL, PASSWORD],
  other: { text: 'You have no account yet?', link: 'Sign up', href: '/signup' },
};

export function createAccountPages(deps: AccountPagesDeps): Endpoint[] {
  return [
    { method: 'get', path: '/signup', handler: (req, res) => offerForm(deps, req, res, SIGN_UP) },
    { method: 'post', path: '/signup', handler: formHandler(deps, SIGN_UP, submitSignUp) },
    { method: 'get', path: '/login', handler: (req, res) => offerForm(deps, req, res, LOG_IN) },
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
        deps.flashes.clear(req, res);
        seeOther(res, '/login');
      },
    },
  ];
}

const LOGGED_OUT =
  'You had been logged out, so nothing was sent just now. Log in, and the form is there again as you filled it in; or, if you had sent it before, what became of it.';

export function createShowLogIn(renderPage: RenderPage): ShowLogIn {
  return (res, draft) => {
    showForm({ renderPage }, res, LOG_IN, { returnPath: undefined, draft, loggedOut: LOGGED_OUT });
  };
}

async function submitSignUp(deps: AccountPagesDeps, req: Request, res: Response, given: unknown): Promise<Principal> {
  const body = parsePart(signupBody, given, 'body');
  try {
    const principal = await signUp(deps, req, body);
    await startFirstSession(deps.auth, req, res, principal);
    return principal;
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'email_taken') throw error;
    // The second click of a double click finds the account that the first one made. Whoever proves to be its owner is in.
    return deps.auth.login(req, res, body).catch(() => {
      throw error;
    });
  }
}

function submitLogIn({ auth }: AccountPagesDeps, req: Request, res: Response, given: unknown): Promise<Principal> {
  return auth.login(req, res, parsePart(loginBody, given, 'body'));
}

/** Whoever is logged in has no use for the form. Whether someone is may be unknown, which is no reason to withhold it. */
async function offerForm(deps: AccountPagesDeps, req: Request, res: Response, form: Form): Promise<void> {
  const principal = await deps.auth.identify(req, res).catch(() => undefined);
  const returnPath = readReturnPath(req.query['to']);
  if (principal) seeOther(res, returnPath ?? '/');
  else showForm(deps, res, form, { returnPath });
}

/** Does what the form asks for and goes where its user was going, or shows the form again with what was wrong. */
function formHandler(deps: AccountPagesDeps, form: Form, submit: typeof submitSignUp): Endpoint['handler'] {
  return async (req, res) => {
    refuseForeign(req);
    const { to, ...fields } = (await deps.readForm(req, res)) as Record<string, unknown>;
    const { draft, given } = splitDraft(fields);
    const returnPath = readReturnPath(to);
    try {
      const principal = await submit(deps, req, res, given);
      if (draft) deps.flashes.leave(req, res, principal, { draft });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      showForm(deps, res, form, { returnPath, draft, refused: { given, problem: error } });
      return;
    }
    seeOther(res, returnPath ?? '/');
  };
}

interface Shown {
  returnPath: string | undefined;
  draft?: Draft | undefined;
  refused?: Refused;
  /** Said above the form to whoever comes here with a payment. */
  loggedOut?: string;
}

function showForm(
  { renderPage }: Pick<AccountPagesDeps, 'renderPage'>,
  res: Response,
  { title, action, fields, other }: Form,
  { returnPath, draft, refused, loggedOut }: Shown,
): void {
  const errors = refused ? errorsByField(refused.problem, labelsOf(fields)) : {};
  const wrong = fields.find(({ name }) => name in errors);
  const form: FormView = {
    ...{ action, fields, errors, submit: title },
    hidden: { ...(returnPath !== undefined && { to: returnPath }), ...(draft && hiddenFields(draft)) },
    values: refused?.given ?? {},
    error: refused && !wrong ? formWordsFor(refused.problem) : loggedOut,
    focus: (wrong ?? fields[0])?.name,
  };
  const page = { title: refused ? `Error: ${title}` : title, heading: title, form, other };
  renderPage(res, 'account', page, statusOf(refused, loggedOut));
}

function statusOf(refused: Refused | undefined, loggedOut: string | undefined): number | undefined {
  const code = refused?.problem.code ?? (loggedOut === undefined ? undefined : 'unauthenticated');
  return code && PROBLEMS[code].status;
}
