/**
 * Who may see the console: operators, and nobody else, whatever lies below /ops/. This comes before anything there that
 * could answer, so that a path which does not exist is as closed as one that does.
 */
import type { RequestHandler, Response } from 'express';
import { Fault } from '../../shared/errors/fault.ts';
import type { Auth } from '../auth/auth.ts';
import { refuseForeign } from '../http/browser/csrf.ts';
import { Problem } from '../http/problem.ts';
import type { Principal } from '../http/route.ts';

const operators = new WeakMap<Response, Principal>();

/** Throws `csrf`, `unauthenticated` or `forbidden`. */
export function operatorsOnly(auth: Pick<Auth, 'identify'>): RequestHandler {
  return async (req, res, next) => {
    refuseForeign(req);
    const principal = await auth.identify(req, res);
    if (!principal) throw new Problem('unauthenticated');
    if (principal.role !== 'operator') throw new Problem('forbidden');
    operators.set(res, principal);
    next();
  };
}

/** Whom `operatorsOnly` has let in. */
export function operatorOf(res: Response): Principal {
  const operator = operators.get(res);
  if (!operator) throw new Fault('a page of the console is reachable past operatorsOnly');
  return operator;
}
