/** The API's own description: the OpenAPI document, a page made of it, and a page for every problem. */
import { createRequire } from 'node:module';
import { z } from 'zod';
import type { Endpoint } from '../../http/endpoint.ts';
import { createOpenApi } from '../../http/openapi.ts';
import { createReference } from './reference.ts';
import type { OpenApi } from './reference.ts';
import type { PageData, RenderShared } from '../render.ts';
import { Problem } from '../../http/problem.ts';
import { CODES, PROBLEMS } from '../../../shared/problems.ts';
import { route } from '../../http/route.ts';
import type { Route } from '../../http/route.ts';

const JSON_TYPE = 'application/json; charset=utf-8';
const require = createRequire(import.meta.url);

interface Description {
  /** Those that are described, and the document's own. */
  routes: Route[];
  /** Of all these routes. It is made when it is first asked for. */
  readDocument: () => Record<string, unknown>;
}

export function describeRoutes(others: readonly Route[]): Description {
  let document: Record<string, unknown> | undefined;
  let text: string | undefined;
  const readDocument = (): Record<string, unknown> => (document ??= createOpenApi(routes, readVersion()));
  const self: Route = route({
    method: 'get',
    path: '/openapi.json',
    summary: 'This document',
    roles: 'anyone',
    answers: { 200: { description: 'OpenAPI 3.1', schema: z.record(z.string(), z.unknown()) } },
    problems: [],
    handle: () => {
      text ??= JSON.stringify(readDocument());
      return Promise.resolve({ status: 200, headers: { 'Content-Type': JSON_TYPE }, body: text });
    },
  });
  const routes = [...others, self];
  return { routes, readDocument };
}

function readVersion(): string {
  const { version } = require('../../../package.json') as { version: string };
  return version;
}

export function createDocsPages(renderShared: RenderShared, readDocument: Description['readDocument']): Endpoint[] {
  let docs: PageData | undefined;
  const list: PageData = { title: 'Problems', problems: PROBLEMS, codes: CODES };
  const explanations = new Map(
    CODES.map((code): [string, PageData] => [code, { title: PROBLEMS[code].title, code, problem: PROBLEMS[code] }]),
  );
  return [
    {
      method: 'get',
      path: '/docs',
      handler: (_req, res) => {
        docs ??= { title: 'API', reference: createReference(readDocument() as unknown as OpenApi) };
        renderShared(res, 'docs', docs);
      },
    },
    {
      method: 'get',
      path: '/problems/',
      handler: (_req, res) => renderShared(res, 'problems', list),
    },
    {
      method: 'get',
      path: '/problems/:code',
      handler: (req, res) => {
        const explanation = explanations.get(String(req.params['code']));
        if (!explanation) throw new Problem('not_found');
        renderShared(res, 'problem', explanation);
      },
    },
  ];
}
