/**
 * The HTTP application: the API's routes, the pages, and what they have in common. Every request gets an id of its own,
 * every error becomes one answer in one place, and nothing is done for a request that it does not need.
 */
import express from 'express';
import type { ErrorRequestHandler, Express, Request, RequestHandler, Response } from 'express';
import type { Registry } from 'prom-client';
import { v7 as uuidv7 } from 'uuid';
import type { Dependency } from '../shared/dependency.ts';
import { requireValue } from '../shared/env.ts';
import type { Env } from '../shared/env.ts';
import type { Logger } from '../shared/logger.ts';
import type { Pool, PrismaClient } from '../shared/store/database/pool.ts';
import type { Tracing } from '../shared/telemetry/tracing.ts';
import { createAuth } from './auth/auth.ts';
import type { Auth } from './auth/auth.ts';
import type { ProvenCredentials } from './auth/provenCredentials.ts';
import type { DatabaseGuard } from './database/databaseGuard.ts';
import { mountEndpoints } from './http/endpoint.ts';
import type { Endpoint } from './http/endpoint.ts';
import { createFailures } from './http/failures.ts';
import { createApiHeaders } from './http/browser/securityHeaders.ts';
import { createRequestMetrics } from './metrics.ts';
import type { RequestMetrics } from './metrics.ts';
import type { Pay } from './kinds/operate.ts';
import { CONSOLE_PATH } from './http/paths.ts';
import type { CreateConsole } from './console/console.ts';
import { createAccountPages, createShowLogIn } from './site/accountPages.ts';
import { createSiteAssets } from './site/assets.ts';
import { showError } from './site/errorPage.ts';
import type { ErrorPageDeps } from './site/errorPage.ts';
import { createFlashes } from './site/flash.ts';
import { createHomePage } from './site/home/homePage.ts';
import { createRenderPage } from './site/render.ts';
import type { RenderPage } from './site/render.ts';
import { Problem } from './http/problem.ts';
import { createProxyWatch } from './http/server/proxyWatch.ts';
import type { Quotas } from './quotas/quotas.ts';
import { createFormReader, createJsonReader } from './http/body/readBody.ts';
import { checkHead } from './http/server/requestHead.ts';
import { requestIdOf, sendProblem, setRequestId } from './http/reply.ts';
import type { Route } from './http/route.ts';
import { createAccountRoutes } from './routes/accounts.ts';
import { createDocsPages, describeRoutes } from './site/docs/docsPages.ts';
import { createHealthRoutes } from './routes/health.ts';
import type { Readiness } from './routes/health.ts';
import { createWalletRoutes } from './routes/wallet.ts';
import { serveRoute } from './http/serveRoute.ts';
import type { ServeDeps } from './http/serveRoute.ts';
import { routeOf, watchRequests } from './http/server/watchRequests.ts';
import type { FindWallet } from './wallets/findWallet.ts';

export interface AppDeps {
  env: Env;
  logger: Logger;
  pool: Pool;
  /** For what is only looked at. */
  readPool: Pool;
  quotas: Quotas;
  prisma: PrismaClient;
  database: Dependency;
  guard: DatabaseGuard;
  findWallet: FindWallet;
  proven: ProvenCredentials;
  /** What asks the ledger: the routes, and what the form does. */
  operationRoutes: readonly Route[];
  pay: Pay;
  admit: () => void;
  createConsole: CreateConsole;
  readiness: () => Readiness;
  registry: Registry;
  tracing?: Tracing | undefined;
}

export interface App {
  handler: Express;
}

export function createApp(deps: AppDeps): App {
  const { env } = deps;
  const auth = createAuth(deps);
  const assets = createSiteAssets();
  const { renderPage, renderShared } = createRenderPage(assets.url);
  const { routes, readDocument } = describeRoutes(collectRoutes(deps, auth));
  const serveDeps: ServeDeps = {
    auth,
    database: deps.database,
    quotas: deps.quotas,
    readJson: createJsonReader(),
  };

  const metrics = createRequestMetrics(deps.registry);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', env.TRUST_PROXY);
  app.set('case sensitive routing', true);
  app.use(beginRequest(deps));
  app.use(watchRequests(metrics, deps.tracing));
  app.use(checkHead());
  mountEndpoints(app, [
    ...routes.map((route): Endpoint => ({
      method: route.method,
      path: route.path.replace(/\{(\w+)\}/g, ':$1'),
      handler: serveRoute(route, serveDeps),
    })),
    ...createPages(deps, { auth, renderPage }),
    ...createDocsPages(renderShared, readDocument),
    ...assets.endpoints,
  ]);
  app.use(CONSOLE_PATH, deps.createConsole({ auth, assetUrl: assets.url }));
  app.use(() => {
    throw new Problem('not_found');
  });
  app.use(answerError(deps, metrics, { auth, renderPage }));
  return { handler: app };
}

/** What customers and banks see. */
function createPages(deps: AppDeps, { auth, renderPage }: { auth: Auth; renderPage: RenderPage }): Endpoint[] {
  const { env, guard, prisma } = deps;
  const shared = {
    ...{ guard, auth, renderPage },
    readForm: createFormReader(),
    flashes: createFlashes(requireValue(env, 'SESSION_SECRET')),
  };
  const showLogIn = createShowLogIn(renderPage);
  return [
    ...createHomePage({ ...deps, ...shared, showLogIn }),
    ...createAccountPages({ ...shared, prisma, currency: env.CURRENCY }),
  ];
}

/** The busiest first: Express tries them in order. */
function collectRoutes(deps: AppDeps, auth: Auth): Route[] {
  const { operationRoutes, readiness, registry, readPool, guard, quotas, prisma, env } = deps;
  return [
    ...operationRoutes,
    ...createWalletRoutes({ readPool, guard, quotas }),
    ...createAccountRoutes({ auth, prisma, guard, currency: env.CURRENCY }),
    ...createHealthRoutes({ readiness, registry, pool: readPool, guard }),
  ];
}

/** The id is never the client's: it decides what counts as a replay. */
function beginRequest({ env, logger }: AppDeps): RequestHandler {
  const setHeaders = createApiHeaders();
  const watchProxy = createProxyWatch({ env, logger });
  return (req, res, next) => {
    const requestId = uuidv7();
    setRequestId(res, requestId);
    setHeaders(req, res);
    watchProxy(req);
    if (logger.isLevelEnabled('debug')) {
      const startedMs = performance.now();
      res.once('finish', () => {
        const durationMs = Math.round(performance.now() - startedMs);
        const { method } = req;
        logger.debug(
          { request_id: requestId, method, route: routeOf(req), status: res.statusCode, durationMs },
          'request',
        );
      });
    }
    next();
  };
}

/** The one place where an error becomes an answer: a page for a browser that shows pages, else a problem document. */
function answerError(deps: AppDeps, metrics: RequestMetrics, errorPage: ErrorPageDeps): ErrorRequestHandler {
  const toProblem = createFailures(deps);
  const answer = async (error: unknown, req: Request, res: Response, mayShowPage: boolean): Promise<void> => {
    const problem = toProblem(error, req, requestIdOf(res));
    metrics.onProblem(problem.code);
    // Half an answer is out. Cutting it off is the only way left to say that it is not whole.
    if (res.headersSent) req.socket.destroy();
    else if (mayShowPage && prefersPage(req)) await showError(errorPage, req, res, problem);
    else sendProblem(res, problem);
  };
  // Nothing reaches Express's own last handler: it writes errors to stderr as they are.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- Express knows a handler of errors by its four arguments
  return (error: unknown, req, res, _next) =>
    answer(error, req, res, true).catch((fault: unknown) => answer(fault, req, res, false));
}

function prefersPage(req: Request): boolean {
  return !req.path.startsWith('/api/') && req.accepts(['json', 'html']) === 'html';
}
