/**
 * The HTTP application: the API's routes, the pages, and what they have in common. Every request gets an id of its own,
 * every error becomes one answer in one place, and nothing is done for a request that it does not need.
 */
import express from 'express';
import type { ErrorRequestHandler, Express, Request, RequestHandler } from 'express';
import { Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { v7 as uuidv7 } from 'uuid';
import type { Dependency } from '../shared/dependency.ts';
import type { Env } from '../shared/env.ts';
import type { Logger } from '../shared/logger.ts';
import type { Pool, PrismaClient } from '../shared/store/pool.ts';
import { createAuth } from './auth/auth.ts';
import type { Auth } from './auth/auth.ts';
import { createDatabaseGuard } from './databaseGuard.ts';
import type { DatabaseGuard } from './databaseGuard.ts';
import { mountEndpoints } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { createFailures } from './failures.ts';
import { createApiHeaders } from './headers.ts';
import type { Move } from './movements.ts';
import { createAccountPages } from './pages/accountPages.ts';
import { createHomePage } from './pages/homePage.ts';
import { createRenderPage } from './pages/render.ts';
import type { RenderPage } from './pages/render.ts';
import { PROBLEMS, Problem } from './problem.ts';
import { createFormReader, createJsonReader } from './readBody.ts';
import { requestIdOf, sendProblem, setRequestId } from './reply.ts';
import type { Route } from './route.ts';
import { createAccountRoutes } from './routes/accounts.ts';
import { createAssets, createDocsPages, createOpenApiRoute } from './routes/docs.ts';
import { createHealthRoutes } from './routes/health.ts';
import type { Readiness } from './routes/health.ts';
import { createWalletRoutes } from './routes/wallet.ts';
import { serveRoute } from './serveRoute.ts';
import type { ServeDeps } from './serveRoute.ts';

export interface AppDeps {
  env: Env;
  logger: Logger;
  pool: Pool;
  prisma: PrismaClient;
  database: Dependency;
  /** What moves money: the routes, and the same function for the form. */
  operationRoutes: readonly Route[];
  move: Move;
  admit: () => void;
  readiness: () => Promise<Readiness>;
  registry: Registry;
}

export interface App {
  handler: Express;
  /** Stops what runs in the background. Connections are the caller's. */
  close: () => void;
}

export function createApp(deps: AppDeps): App {
  const { env, prisma } = deps;
  const guard = createDatabaseGuard(deps.database);
  const auth = createAuth({ ...deps, guard });
  const renderPage = createRenderPage();
  const readForm = createFormReader();
  const routes = collectRoutes(deps, guard, auth);
  const serveDeps: ServeDeps = {
    auth,
    database: deps.database,
    readJson: createJsonReader(),
    observe: createObserver(deps.registry),
  };

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', env.TRUST_PROXY);
  app.set('case sensitive routing', true);
  app.use(beginRequest(deps.logger));
  mountEndpoints(app, [
    ...routes.map((route): Endpoint => ({
      method: route.method,
      path: route.path.replace(/\{(\w+)\}/g, ':$1'),
      handler: serveRoute(route, serveDeps),
    })),
    ...createHomePage({ ...deps, guard, auth, readForm, renderPage }),
    ...createAccountPages({ auth, prisma, guard, currency: env.CURRENCY, readForm, renderPage }),
    ...createDocsPages(renderPage),
    ...createAssets(),
  ]);
  app.use(() => {
    throw new Problem('not_found');
  });
  app.use(answerError(deps, renderPage));
  return { handler: app, close: auth.close };
}

/** The busiest first: Express tries them in order. */
function collectRoutes(deps: AppDeps, guard: DatabaseGuard, auth: Auth): Route[] {
  const { operationRoutes, readiness, registry, pool, prisma, env } = deps;
  const routes = [
    ...operationRoutes,
    ...createWalletRoutes({ pool, guard }),
    ...createAccountRoutes({ auth, prisma, guard, currency: env.CURRENCY }),
    ...createHealthRoutes({ readiness, registry }),
  ];
  return [...routes, createOpenApiRoute(routes)];
}

/** The id is never the client's: it decides what counts as a replay. */
function beginRequest(logger: Logger): RequestHandler {
  const setHeaders = createApiHeaders();
  return (req, res, next) => {
    const requestId = uuidv7();
    setRequestId(res, requestId);
    setHeaders(req, res);
    if (logger.isLevelEnabled('debug')) {
      const startedMs = performance.now();
      const { method, path } = req;
      res.once('finish', () => {
        const durationMs = Math.round(performance.now() - startedMs);
        logger.debug({ request_id: requestId, method, path, status: res.statusCode, durationMs }, 'request');
      });
    }
    next();
  };
}

function createObserver(registry: Registry): ServeDeps['observe'] {
  const duration = new Histogram({
    name: 'saldo_http_request_duration_seconds',
    help: 'Time from a request’s arrival to the end of its answer, by route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  return ({ method, path }, status, durationMs) => duration.observe({ method, route: path, status }, durationMs / 1000);
}

/** The one place where an error becomes an answer: a page for a browser that shows pages, else a problem document. */
function answerError(deps: AppDeps, renderPage: RenderPage): ErrorRequestHandler {
  const toProblem = createFailures(deps);
  return (error: unknown, req, res, next) => {
    const problem = toProblem(error, req, requestIdOf(res));
    if (res.headersSent) {
      // Half an answer is out. Express cuts it off, the only way left to say that it is not whole.
      next(error);
      return;
    }
    if (!prefersPage(req)) {
      sendProblem(res, problem);
      return;
    }
    const { title, explanation, status } = PROBLEMS[problem.code];
    const page = { title, detail: problem.extras.detail ?? explanation, requestId: requestIdOf(res) };
    renderPage(res, 'error', { ...page, login: problem.code === 'unauthenticated' }, status);
  };
}

function prefersPage(req: Request): boolean {
  return !req.path.startsWith('/api/') && req.accepts(['json', 'html']) === 'html';
}
