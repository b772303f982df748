/** The API's own description: the OpenAPI document, a page made of it, and a page for every problem. */
import { createRequire } from 'node:module';
import { z } from 'zod';
import type { Endpoint } from '../endpoint.ts';
import { createOpenApi } from '../openapi.ts';
import { createReference } from '../pages/reference.ts';
import type { OpenApi, Reference } from '../pages/reference.ts';
import type { RenderPage } from '../pages/render.ts';
import { CODES, PROBLEMS, Problem } from '../problem.ts';
import { route } from '../route.ts';
import type { Route } from '../route.ts';

const require = createRequire(import.meta.url);

interface Description {
  /** Those that are described, and the document's own. */
  routes: Route[];
  /** Of all these routes. It is made when it is first asked for. */
  readDocument: () => Record<string, unknown>;
}

export function describeRoutes(others: readonly Route[]): Description {
  let document: Record<string, unknown> | undefined;
  const readDocument = (): Record<string, unknown> => (document ??= createOpenApi(routes, readVersion()));
  const self: Route = route({
    method: 'get',
    path: '/openapi.json',
    summary: 'This document',
    roles: 'anyone',
    answers: { 200: { description: 'OpenAPI 3.1', schema: z.record(z.string(), z.unknown()) } },
    problems: [],
    handle: () => Promise.resolve({ status: 200, body: readDocument() }),
  });
  const routes = [...others, self];
  return { routes, readDocument };
}

function readVersion(): string {
  const { version } = require('../../package.json') as { version: string };
  return version;
}

export function createDocsPages(renderPage: RenderPage, readDocument: Description['readDocument']): Endpoint[] {
  let reference: Reference | undefined;
  return [
    {
      method: 'get',
      path: '/docs',
      handler: (_req, res) => {
        reference ??= createReference(readDocument() as unknown as OpenApi);
        renderPage(res, 'docs', { title: 'API', reference });
      },
    },
    {
      method: 'get',
      path: '/problems/',
      handler: (_req, res) => renderPage(res, 'problems', { title: 'Problems', problems: PROBLEMS, codes: CODES }),
    },
    {
      method: 'get',
      path: '/problems/:code',
      handler: (req, res) => {
        const code = CODES.find((each) => each === req.params['code']);
        if (!code) throw new Problem('not_found');
        renderPage(res, 'problem', { title: PROBLEMS[code].title, code, problem: PROBLEMS[code] });
      },
    },
  ];
}
