/** The page that says what went wrong, for whoever came with a browser. */
import type { Response } from 'express';
import { PROBLEMS } from '../problem.ts';
import type { Problem } from '../problem.ts';
import { requestIdOf } from '../reply.ts';
import type { RenderPage } from './render.ts';
import { wordsFor } from './words.ts';

export function showError(renderPage: RenderPage, res: Response, problem: Problem): void {
  const { title, text } = wordsFor(problem);
  const mustLogIn = problem.code === 'unauthenticated';
  renderPage(res, 'error', { title, text, mustLogIn, requestId: requestIdOf(res) }, PROBLEMS[problem.code].status);
}
