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

/** The document describes every route, itself included. */
export function createOpenApiRoute(others: readonly Route[]): Route {
  let document: Record<string, unknown> | undefined;
  const self: Route = route({
    method: 'get',
    path: '/openapi.json',
    summary: 'This document',
    roles: 'anyone',
    answers: { 200: { description: 'OpenAPI 3.1', schema: z.record(z.string(), z.unknown()) } },
    problems: [],
    handle: () =>
      Promise.resolve({ status: 200, body: (document ??= createOpenApi([...others, self], readVersion())) }),
  });
  return self;
}

function readVersion(): string {
  const { version } = require('../../package.json') as { version: string };
  return version;
}

/** `routes` are those of the document, with its own. */
export function createDocsPages(renderPage: RenderPage, routes: readonly Route[]): Endpoint[] {
  let reference: Reference | undefined;
  return [
    {
      method: 'get',
      path: '/docs',
      handler: (_req, res) => {
        reference ??= createReference(createOpenApi(routes, readVersion()) as unknown as OpenApi);
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
