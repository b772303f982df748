/**
 * Everything a client can be told went wrong: one closed table from code to HTTP status (RFC 9457). `Record<Code, …>`
 * makes a missing code a type error, and nothing else in the service knows an error's status.
 */
import { Fault } from '../../shared/errors/fault.ts';
import type { RejectionReason } from '../../shared/ledger/command.ts';

export const CODES = [
  'malformed_json',
  'invalid_request',
  'unauthenticated',
  'invalid_credentials',
  'forbidden',
  'csrf',
  'not_found',
  'wallet_not_found',
  'operation_not_found',
  'method_not_allowed',
  'request_timeout',
  'email_taken',
  'external_id_reused',
  'body_too_large',
  'unsupported_media_type',
  'expectation_failed',
  'insufficient_funds',
  'same_wallet',
  'currency_mismatch',
  'wallet_frozen',
  'balance_limit_exceeded',
  'list_rejected',
  'idempotency_key_reused',
  'expired',
  'internal_error',
  'rate_limited',
  'headers_too_large',
  'internal',
  'overloaded',
  'outcome_unknown',
  'unavailable',
] as const;
export type Code = (typeof CODES)[number];

interface ProblemType {
  status: number;
  title: string;
  /** What it means and what to do, for the page under /problems/ and the OpenAPI document. */
  explanation: string;
  /** `Retry-After` in seconds, on the codes that ask the client to come back. */
  retryAfterSeconds?: number;
}

/** Every ledger rejection is a code here: one that is missing does not compile. */
export const PROBLEMS: Record<Code | RejectionReason, ProblemType> = {
  malformed_json: {
    status: 400,
    title: 'The body is not valid JSON',
    explanation: 'Send one JSON value in UTF-8. Nothing was changed.',
  },
  invalid_request: {
    status: 400,
    title: 'The request is not valid',
    explanation:
      '`errors` names each field and the rule it broke. Unknown fields are refused too. Nothing was changed.',
  },
  unauthenticated: {
    status: 401,
    title: 'Please say who you are',
    explanation: 'Log in at /api/login and send the session cookie, or send HTTP Basic credentials.',
  },
  invalid_credentials: {
    status: 401,
    title: 'E-mail or password is wrong',
    explanation: 'The answer is the same whether the e-mail is unknown or the password is wrong.',
  },
  forbidden: {
    status: 403,
    title: 'Your role may not do this',
    explanation: 'Deposits are made by banks, transfers by customers; what operators see is for operators.',
  },
  csrf: {
    status: 403,
    title: 'The request came from another site',
    explanation:
      'A browser sent this request from a page of another origin. Send it from this service’s own pages, or without a browser.',
  },
  not_found: {
    status: 404,
    title: 'There is nothing here',
    explanation: 'No route has this path. /docs lists them all.',
  },
  wallet_not_found: {
    status: 404,
    title: 'There is no such wallet',
    explanation: 'The `wallet_id` names no customer wallet. Nothing was changed, and no idempotency key was claimed.',
  },
  operation_not_found: {
    status: 404,
    title: 'There is no such operation',
    explanation:
      'No operation with this id is visible to you. Before the `expires_at` of an `outcome_unknown` answer this proves nothing: it may still arrive.',
  },
  method_not_allowed: {
    status: 405,
    title: 'This path does not take that method',
    explanation: '`Allow` lists the methods it takes.',
  },
  request_timeout: {
    status: 408,
    title: 'The request took too long to come',
    explanation: 'A head has to come within a minute, a body within five. Nothing was changed.',
  },
  email_taken: {
    status: 409,
    title: 'This e-mail has an account already',
    explanation: 'E-mails are compared without regard to case. Log in instead.',
  },
  external_id_reused: {
    status: 409,
    title: 'This external_id belongs to another deposit',
    explanation:
      'Your bank has used this `external_id` with another wallet, amount or details. The first deposit stands.',
  },
  body_too_large: { status: 413, title: 'The body is too large', explanation: 'A body may have 100 kB.' },
  unsupported_media_type: {
    status: 415,
    title: 'The body must be JSON in UTF-8',
    explanation: 'Send `Content-Type: application/json`.',
  },
  expectation_failed: {
    status: 417,
    title: 'There is no such expectation',
    explanation: 'Of the header `Expect` only `100-continue` is known. Nothing was changed.',
  },
  wallet_frozen: {
    status: 422,
    title: 'The wallet is frozen',
    explanation:
      'An operator has frozen the wallet that pays. It can still be paid. This outcome is final: use a new key.',
  },
  insufficient_funds: {
    status: 422,
    title: 'The wallet does not hold that much',
    explanation: 'The available balance is less than the amount. This outcome is final: to try again, use a new key.',
  },
  same_wallet: {
    status: 422,
    title: 'A wallet cannot pay itself',
    explanation: 'Sender and recipient are the same wallet.',
  },
  currency_mismatch: {
    status: 422,
    title: 'The wallets have different currencies',
    explanation: 'Both wallets of a transfer must have the same currency.',
  },
  balance_limit_exceeded: {
    status: 422,
    title: 'A balance would pass fifteen digits',
    explanation: 'Balances are kept to fifteen significant digits, so that a JSON number is always exact.',
  },
  list_rejected: {
    status: 422,
    title: 'Another item of the list was refused',
    explanation:
      'An atomic list is applied whole or not at all. See the items that have another code. This outcome is final: send the mended list with new keys.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'This Idempotency-Key belongs to another request',
    explanation: 'You have used the key with another body. The first request’s outcome stands; use a new key.',
  },
  expired: {
    status: 422,
    title: 'The request expired before it was applied',
    explanation:
      'It could not be applied within ten minutes and had not been promised by a 202. Nothing moved; use a new key.',
  },
  internal_error: {
    status: 422,
    title: 'The request could not be applied',
    explanation: 'It failed alone for a reason of ours, was stored as rejected, and moved nothing. Please report it.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many attempts',
    explanation:
      'Wait for `Retry-After` seconds. This attempt changed nothing; an earlier one with the same key may have.',
    retryAfterSeconds: 60,
  },
  headers_too_large: {
    status: 431,
    title: 'The head of the request is too large',
    explanation: 'The path and all headers together may have 16 kB. Nothing was changed.',
  },
  internal: {
    status: 500,
    title: 'Something went wrong on our side',
    explanation:
      'The log has the cause under the same `request_id`. A request with an Idempotency-Key is safe to send again.',
  },
  overloaded: {
    status: 503,
    title: 'More is waiting than can be done in time',
    explanation:
      'This attempt changed nothing. An earlier one with the same key may have, so send it again with the same key, after `Retry-After` seconds.',
    retryAfterSeconds: 1,
  },
  outcome_unknown: {
    status: 503,
    title: 'The outcome is not known yet',
    explanation:
      'The request may or may not have been applied. Ask for `operation_id`, or send the same key again: neither moves money twice. After `expires_at` an operation that is still not found never will be.',
    retryAfterSeconds: 1,
  },
  unavailable: {
    status: 503,
    title: 'A part we depend on is away',
    explanation:
      'This attempt changed nothing. An earlier one with the same key may have, so send it again with the same key, after `Retry-After` seconds.',
    retryAfterSeconds: 1,
  },
};

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
