/**
 * A route as data: who may call it, what it takes, what it answers. `app.ts` serves the list and `openapi.ts` documents
 * it, from the same zod schemas, so that the two cannot drift.
 */
import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { Code } from '../../shared/problems.ts';
import type { ReadBody } from './body/readBody.ts';

export type Role = 'customer' | 'bank' | 'operator';

/** Who is asking, as proven by a session or by HTTP Basic. Fixed for the life of the account. */
export interface Principal {
  userId: bigint;
  role: Role;
  /** Null for an operator. */
  walletId: bigint | null;
}

export interface Reply {
  status: number;
  /** Sent as JSON, unless `headers` has another `Content-Type` and it is text, or a stream of texts. */
  body: unknown;
  headers?: Record<string, string>;
}

interface Answer {
  description: string;
  schema: z.ZodType;
  /** Where it is not JSON. */
  contentType?: string;
  /** Response headers that matter, for the documentation. */
  headers?: Record<string, string>;
}

/** What a handler is given: every part parsed by the route's own schema. */
export interface Call<Body = unknown, Query = unknown, Params = unknown> {
  body: Body;
  query: Query;
  params: Params;
  /** Present on every route whose `roles` is not `anyone`. */
  principal: Principal;
  /** UUID, fresh for every HTTP request, also sent as `X-Request-Id`. */
  requestId: string;
  req: Request;
  res: Response;
}

export interface Route<
  Body extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Params extends z.ZodType = z.ZodType,
> {
  method: 'get' | 'post';
  /** OpenAPI form: `/api/operations/{id}`. */
  path: string;
  /** One line for the documentation. */
  summary: string;
  description?: string;
  roles: 'anyone' | readonly Role[];
  body?: Body;
  /** How the body is read where it is not plain JSON. */
  readBody?: ReadBody;
  query?: Query;
  params?: Params;
  /** Request headers that matter, for the documentation. */
  headers?: Record<string, string>;
  /** Successful answers by status. */
  answers: Record<number, Answer>;
  /** The problems this route adds to those that every route has. */
  problems: readonly Code[];
  /** Runs before the body is read and before the client is authenticated: refuses with a `Problem` what cannot be served. */
  admit?: () => void;
  handle: (call: Call<z.infer<Body>, z.infer<Query>, z.infer<Params>>) => Promise<Reply>;
}

/** Infers a route's schemas for its handler, and forgets them so that routes of different shapes make one list. */
export function route<Body extends z.ZodType, Query extends z.ZodType, Params extends z.ZodType>(
  definition: Route<Body, Query, Params>,
): Route {
  return definition;
}
