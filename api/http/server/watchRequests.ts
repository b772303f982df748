/**
 * Every request as it is watched from outside: how long it took and what it was answered, by the pattern of its route,
 * and its span while traces are on.
 */
import type { Request, RequestHandler } from 'express';
import type { Tracing } from '../../../shared/telemetry/tracing.ts';
import type { RequestMetrics } from '../../metrics.ts';
import { CONSOLE_PATH } from '../paths.ts';
import { requestIdOf } from '../reply.ts';

/** Of requests that are answered before they reach a route, or that match none: the path is the client's own. */
const NO_ROUTE = 'none';

/** To be used before all routes and after the request has its id. */
export function watchRequests(metrics: RequestMetrics, tracing: Tracing | undefined): RequestHandler {
  return (req, res, next) => {
    const startedMs = performance.now();
    res.once('finish', () => {
      metrics.onAnswer(req.method, routeOf(req), res.statusCode, performance.now() - startedMs);
    });
    if (tracing) {
      const traceparent = req.headers['traceparent'];
      const end = tracing.startRequest({
        requestId: requestIdOf(res),
        method: req.method,
        traceparent: typeof traceparent === 'string' ? traceparent : undefined,
      });
      // Also when the client goes away before its answer.
      res.once('close', () => end(routeOf(req), res.statusCode));
    }
    next();
  };
}

/** As the route is declared: what a client has put into its path is its own. */
export function routeOf(req: Request): string {
  const route = req.route as { path: unknown } | undefined;
  if (!route) return NO_ROUTE;
  // An error of the console is answered outside of it, where Express has forgotten whose route it was.
  const isForgotten = req.baseUrl === '' && req.originalUrl.startsWith(`${CONSOLE_PATH}/`);
  return (isForgotten ? CONSOLE_PATH : req.baseUrl) + String(route.path);
}
