/** What a path answers to, whether it is a route of the API, a page or a file. */
import type { Express, RequestHandler, Response } from 'express';
import { Problem } from './problem.ts';

export interface Endpoint {
  method: 'get' | 'post';
  /** Express form: `/api/operations/:id`. */
  path: string;
  handler: RequestHandler;
}

/**
 * Adds the endpoints to `app`. A path that is known answers OPTIONS, and any other method with 405. A path that is spelled
 * out comes before one with a parameter in that place: `/bulk` is never somebody's `/:id`.
 */
export function mountEndpoints(app: Express, endpoints: readonly Endpoint[]): void {
  const paths = new Set(endpoints.map(({ path }) => path));
  for (const path of [...paths].sort((one, other) => Number(hasParameter(one)) - Number(hasParameter(other)))) {
    const here = endpoints.filter((each) => each.path === path);
    const route = app.route(path);
    for (const { method, handler } of here) route[method](handler);
    route.all(refuseOthers(here));
  }
}

function hasParameter(path: string): boolean {
  return path.includes(':');
}

function refuseOthers(here: readonly Endpoint[]): RequestHandler {
  const methods = here.flatMap(({ method }) => (method === 'get' ? ['GET', 'HEAD'] : ['POST']));
  const allow = [...methods, 'OPTIONS'].join(', ');
  return (req, res: Response) => {
    if (req.method !== 'OPTIONS') throw new Problem('method_not_allowed', { allow });
    res.setHeader('Allow', allow);
    res.statusCode = 204;
    res.end();
  };
}
