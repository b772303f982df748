/** A problem as it is thrown, and as it is answered. What there is to be told is `shared/problems.ts`. */
import { Fault } from '../../shared/errors/fault.ts';
import { PROBLEMS } from '../../shared/problems.ts';
import type { Code } from '../../shared/problems.ts';

export interface FieldError {
  /** Dotted path of the field, such as `amount`. */
  path: string;
  message: string;
}

interface ProblemExtras {
  detail?: string;
  errors?: FieldError[];
  operationId?: string;
  expiresAt?: Date;
  /** Overrides the table's `Retry-After`. */
  retryAfterSeconds?: number;
  /** Sent as the `Allow` header. */
  allow?: string;
  /** The rejection was stored by an earlier request with the same key. */
  isReplay?: boolean;
}

/** Thrown by whatever finds out that a request cannot be answered; `sendProblem` alone turns it into HTTP. */
export class Problem extends Fault {
  override name = 'Problem';
  readonly code: Code;
  readonly extras: ProblemExtras;

  /** `cause` is for the log alone. */
  constructor(code: Code, extras: ProblemExtras = {}, cause?: unknown) {
    super(extras.detail ?? PROBLEMS[code].title, { cause });
    this.code = code;
    this.extras = extras;
  }
}

/** The problem as the body and headers of a response. */
export function problemReply(problem: Problem, requestId: string) {
  const { status, title, explanation, retryAfterSeconds } = PROBLEMS[problem.code];
  const { detail, errors, operationId, expiresAt, allow, isReplay } = problem.extras;
  const retryAfter = problem.extras.retryAfterSeconds ?? retryAfterSeconds;
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json; charset=utf-8' };
  if (retryAfter !== undefined) headers['Retry-After'] = String(retryAfter);
  if (allow !== undefined) headers['Allow'] = allow;
  if (isReplay) headers['Idempotency-Replayed'] = 'true';
  if (status === 401) headers['WWW-Authenticate'] = 'Basic realm="Saldo", charset="UTF-8"';
  return {
    status,
    headers,
    body: {
      type: `/problems/${problem.code}`,
      title,
      status,
      detail: detail ?? explanation,
      code: problem.code,
      request_id: requestId,
      ...(operationId !== undefined && { operation_id: operationId }),
      ...(expiresAt && { expires_at: expiresAt.toISOString() }),
      ...(errors && { errors }),
    },
  };
}

/** A refusal is a result here; anything else goes on as the fault it is. */
export async function orProblem<T>(result: Promise<T>): Promise<T | Problem> {
  try {
    return await result;
  } catch (error) {
    return asProblem(error);
  }
}

export function attempt<T>(act: () => T): T | Problem {
  try {
    return act();
  } catch (error) {
    return asProblem(error);
  }
}

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  throw error;
}
