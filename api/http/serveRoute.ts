/**
 * One route of the API as an Express handler. What refuses a request comes in the order of what it costs: overload,
 * another site's form, who is asking, their role; only then is the body read and validated.
 */
import type { Request, RequestHandler, Response } from 'express';
import type { z } from 'zod';
import type { Dependency } from '../../shared/dependency.ts';
import type { Auth } from '../auth/auth.ts';
import { refuseForeign } from './browser/csrf.ts';
import { knownProblem } from './failures.ts';
import { Problem } from './problem.ts';
import { isSettled } from '../../shared/problems.ts';
import type { Quotas } from '../quotas/quotas.ts';
import type { ReadBody } from './body/readBody.ts';
import { requestIdOf, sendReply } from './reply.ts';
import type { Call, Principal, Route } from './route.ts';
import { parsePart } from './schemas.ts';

export interface ServeDeps {
  auth: Auth;
  database: Dependency;
  quotas: Quotas;
  readJson: ReadBody;
}

export function serveRoute(route: Route, deps: ServeDeps): RequestHandler {
  return async (req, res) => {
    await sendReply(res, await answer(route, deps, req, res));
  };
}

async function answer(route: Route, deps: ServeDeps, req: Request, res: Response) {
  // While the database is known to be away nothing under /api can be done, and trying would cost the client seconds.
  if (deps.database.isAway() && route.path.startsWith('/api/')) throw new Problem('unavailable');
  route.admit?.();
  refuseForeign(req);
  if (route.roles === 'anyone') return handle(route, deps, undefined, req, res);
  const principal = await deps.auth.identify(req, res);
  if (!principal) throw new Problem('unauthenticated');
  try {
    if (!route.roles.includes(principal.role)) throw new Problem('forbidden');
    return await handle(route, deps, principal, req, res);
  } catch (error) {
    if (isMistake(error)) await deps.quotas.afterMistake(principal);
    throw error;
  }
}

/** What is the client's own doing, and cost us reading it. */
function isMistake(error: unknown): boolean {
  const known = knownProblem(error);
  return known !== undefined && isSettled(known.code);
}

/** Reads the body and lets the route answer. */
async function handle(route: Route, deps: ServeDeps, principal: Principal | undefined, req: Request, res: Response) {
  const body = route.body && parsePart(route.body, await (route.readBody ?? deps.readJson)(req, res), 'body');
  const call: Omit<Call, 'principal'> = {
    body,
    query: parseUrl(route.query, req.query, 'query'),
    params: parseUrl(route.params, req.params, 'path'),
    requestId: requestIdOf(res),
    req,
    res,
  };
  return route.handle({ ...call, principal: principal as Principal });
}

/** A route that takes no query ignores one, as every web server does. */
function parseUrl(schema: z.ZodType | undefined, given: unknown, part: 'query' | 'path'): unknown {
  return schema && parsePart(schema, { ...(given as object) }, part);
}
