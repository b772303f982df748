/** What a path answers to, whether it is a route of the API, a page or a file. */
import type { Express, RequestHandler, Response } from 'express';
import { Problem } from './problem.ts';

export interface Endpoint {
  method: 'get' | 'post';
  /** Express form: `/api/operations/:id`. */
  path: string;
  handler: RequestHandler;
}

/** Adds the endpoints to `app`. A path that is known answers OPTIONS, and any other method with 405. */
export function mountEndpoints(app: Express, endpoints: readonly Endpoint[]): void {
  const methodsByPath = new Map<string, string[]>();
  for (const { method, path, handler } of endpoints) {
    app[method](path, handler);
    const methods = methodsByPath.get(path) ?? [];
    methodsByPath.set(path, [...methods, ...(method === 'get' ? ['GET', 'HEAD'] : ['POST'])]);
  }
  for (const [path, methods] of methodsByPath) {
    const allow = [...methods, 'OPTIONS'].join(', ');
    app.all(path, (req, res: Response) => {
      if (req.method !== 'OPTIONS') throw new Problem('method_not_allowed', { allow });
      res.setHeader('Allow', allow);
      res.statusCode = 204;
      res.end();
    });
  }
}
