/** The page that says what went wrong, for whoever came with a browser. */
import type { Request, Response } from 'express';
import type { Auth } from '../auth/auth.ts';
import { PROBLEMS } from '../../shared/problems.ts';
import type { Problem } from '../http/problem.ts';
import { requestIdOf } from '../http/reply.ts';
import { logInUrl } from './returnPath.ts';
import type { RenderPage } from './render.ts';
import { wordsFor } from './words.ts';

export interface ErrorPageDeps {
  auth: Pick<Auth, 'identify'>;
  renderPage: RenderPage;
}

export async function showError(
  { auth, renderPage }: ErrorPageDeps,
  req: Request,
  res: Response,
  problem: Problem,
): Promise<void> {
  const { code } = problem;
  // For the sake of the page's head no password is proved once more, and a database that hangs is not waited for again.
  const mayAsk = req.headers.authorization === undefined && code !== 'unavailable';
  const viewer = mayAsk ? await auth.identify(req, res).catch(() => undefined) : undefined;
  const page = {
    ...wordsFor(problem, { isLook: req.method === 'GET' }),
    loggedIn: viewer !== undefined,
    logInUrl: code === 'unauthenticated' ? logInUrl(req) : undefined,
    requestId: requestIdOf(res),
  };
  renderPage(res, 'error', page, PROBLEMS[code].status);
}
