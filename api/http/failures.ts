/**
 * What becomes of an error: the one place that turns whatever was thrown into a `Problem`. A client is told only what
 * a `Problem` says; the cause of anything else is in the log, under the same request id.
 */
import type { Request } from 'express';
import type { Dependency } from '../../shared/dependency.ts';
import type { Logger } from '../../shared/logger.ts';
import { isDatabaseAway } from '../database/databaseAway.ts';
import { Problem } from './problem.ts';
import { PROBLEMS } from '../../shared/problems.ts';
import type { Code } from '../../shared/problems.ts';
import { routeOf } from './server/watchRequests.ts';

/** What Express and its body parser throw at input they cannot read. */
const BODY_PROBLEMS: Record<string, Code> = {
  'entity.parse.failed': 'malformed_json',
  'entity.verify.failed': 'malformed_json',
  'request.size.invalid': 'malformed_json',
  'entity.too.large': 'body_too_large',
  'parameters.too.many': 'body_too_large',
  'encoding.unsupported': 'unsupported_media_type',
  'charset.unsupported': 'unsupported_media_type',
};

/** The client went away while its body was read: nobody is there to hear an answer. */
const CLIENT_GONE = 'request.aborted';

export type ToProblem = (error: unknown, req: Request, requestId: string) => Problem;

export function createFailures({ logger, database }: { logger: Logger; database: Dependency }): ToProblem {
  return (error, req, requestId) => {
    const known = knownProblem(error);
    if (known) {
      if (PROBLEMS[known.code].means === 'fault') logFault(error);
      return known;
    }
    if (isDatabaseAway(error)) {
      database.reportFailure(error);
      return new Problem('unavailable');
    }
    logFault(error);
    return new Problem('internal');

    function logFault(fault: unknown): void {
      const operationId = fault instanceof Problem ? fault.extras.operationId : undefined;
      const ids = { request_id: requestId, operation_id: operationId };
      logger.error({ err: fault, ...ids, method: req.method, route: routeOf(req) }, 'a request failed');
    }
  };
}

/** Undefined for what nobody has expected. */
export function knownProblem(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (error instanceof URIError) return new Problem('invalid_request', { detail: 'The path cannot be decoded.' });
  if (typeof error !== 'object' || error === null) return undefined;
  const { type, status } = error as { type?: unknown; status?: unknown };
  // The parser gives no type to what is wrong with a compressed body, only the status.
  if (typeof type !== 'string') return status === 400 ? new Problem('malformed_json') : undefined;
  if (type === CLIENT_GONE) return new Problem('malformed_json');
  const code = BODY_PROBLEMS[type];
  return code && new Problem(code);
}
