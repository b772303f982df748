/**
 * Everything a client can be told went wrong: one closed table from code to what it means and to its HTTP status (RFC
 * 9457). `Record<Code, …>` makes a missing code a type error. It is a client's to read too, and so belongs to nobody.
 */
import type { RejectionReason } from './ledger/command.ts';

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
  'hold_not_found',
  'method_not_allowed',
  'request_timeout',
  'email_taken',
  'external_id_reused',
  'hold_not_open',
  'hold_expired',
  'body_too_large',
  'unsupported_media_type',
  'expectation_failed',
  'insufficient_funds',
  'same_wallet',
  'currency_mismatch',
  'wallet_frozen',
  'balance_limit_exceeded',
  'amount_exceeds_remaining',
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

/**
 * What a code says about the operation that its caller wants, which is the one its key names:
 *
 * - `nothing_changed`: the request was refused as it stands, before anything was done;
 * - `final`: the ledger has refused it, and that outcome is stored;
 * - `open`: not now. An earlier attempt may have done it, or the same request may yet: it is safe to send again;
 * - `fault`: ours, and nothing is known of it.
 */
type Meaning = 'nothing_changed' | 'final' | 'open' | 'fault';

interface ProblemType {
  /** For the answer's head alone: what follows from a problem, follows from what it means. */
  status: number;
  means: Meaning;
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
    means: 'nothing_changed',
    title: 'The body is not valid JSON',
    explanation: 'Send one JSON value in UTF-8. Nothing was changed.',
  },
  invalid_request: {
    status: 400,
    means: 'nothing_changed',
    title: 'The request is not valid',
    explanation:
      '`errors` names each field and the rule it broke. Unknown fields are refused too. Nothing was changed.',
  },
  unauthenticated: {
    status: 401,
    means: 'nothing_changed',
    title: 'Please say who you are',
    explanation: 'Log in at /api/login and send the session cookie, or send HTTP Basic credentials.',
  },
  invalid_credentials: {
    status: 401,
    means: 'nothing_changed',
    title: 'E-mail or password is wrong',
    explanation: 'The answer is the same whether the e-mail is unknown or the password is wrong.',
  },
  forbidden: {
    status: 403,
    means: 'nothing_changed',
    title: 'Your role may not do this',
    explanation: 'Deposits are made by banks, transfers by customers; what operators see is for operators.',
  },
  csrf: {
    status: 403,
    means: 'nothing_changed',
    title: 'The request came from another site',
    explanation:
      'A browser sent this request from a page of another origin. Send it from this service’s own pages, or without a browser.',
  },
  not_found: {
    status: 404,
    means: 'nothing_changed',
    title: 'There is nothing here',
    explanation: 'No route has this path. /docs lists them all.',
  },
  wallet_not_found: {
    status: 404,
    means: 'nothing_changed',
    title: 'There is no such wallet',
    explanation: 'The `wallet_id` names no customer wallet. Nothing was changed, and no idempotency key was claimed.',
  },
  operation_not_found: {
    status: 404,
    means: 'nothing_changed',
    title: 'There is no such operation',
    explanation:
      'No operation with this id is visible to you. Before the `expires_at` of an `outcome_unknown` answer this proves nothing: it may still arrive.',
  },
  hold_not_found: {
    status: 404,
    means: 'nothing_changed',
    title: 'There is no such hold',
    explanation: 'No hold with this id is yours, as the payer or as the payee. Nothing was changed.',
  },
  method_not_allowed: {
    status: 405,
    means: 'nothing_changed',
    title: 'This path does not take that method',
    explanation: '`Allow` lists the methods it takes.',
  },
  request_timeout: {
    status: 408,
    means: 'nothing_changed',
    title: 'The request took too long to come',
    explanation: 'A head has to come within a minute, a body within five. Nothing was changed.',
  },
  email_taken: {
    status: 409,
    means: 'nothing_changed',
    title: 'This e-mail has an account already',
    explanation: 'E-mails are compared without regard to case. Log in instead.',
  },
  external_id_reused: {
    status: 409,
    means: 'nothing_changed',
    title: 'This external_id belongs to another deposit',
    explanation:
      'Your bank has used this `external_id` with another wallet, amount or details. The first deposit stands.',
  },
  hold_not_open: {
    status: 409,
    means: 'final',
    title: 'The hold is not open any more',
    explanation: 'It has been captured or released to the end. This outcome is final.',
  },
  hold_expired: {
    status: 409,
    means: 'final',
    title: 'The hold has expired',
    explanation: 'What remained of it is the payer’s again. This outcome is final.',
  },
  body_too_large: {
    status: 413,
    means: 'nothing_changed',
    title: 'The body is too large',
    explanation: 'A body may have 100 kB.',
  },
  unsupported_media_type: {
    status: 415,
    means: 'nothing_changed',
    title: 'The body must be JSON in UTF-8',
    explanation: 'Send `Content-Type: application/json`.',
  },
  expectation_failed: {
    status: 417,
    means: 'nothing_changed',
    title: 'There is no such expectation',
    explanation: 'Of the header `Expect` only `100-continue` is known. Nothing was changed.',
  },
  wallet_frozen: {
    status: 422,
    means: 'final',
    title: 'The wallet is frozen',
    explanation:
      'An operator has frozen the wallet that pays. It can still be paid. This outcome is final: use a new key.',
  },
  insufficient_funds: {
    status: 422,
    means: 'final',
    title: 'The wallet does not hold that much',
    explanation: 'The available balance is less than the amount. This outcome is final: to try again, use a new key.',
  },
  same_wallet: {
    status: 422,
    means: 'nothing_changed',
    title: 'A wallet cannot pay itself',
    explanation: 'Sender and recipient are the same wallet.',
  },
  currency_mismatch: {
    status: 422,
    means: 'nothing_changed',
    title: 'The wallets have different currencies',
    explanation: 'Both wallets of a transfer must have the same currency.',
  },
  balance_limit_exceeded: {
    status: 422,
    means: 'final',
    title: 'A balance would pass fifteen digits',
    explanation: 'Balances are kept to fifteen significant digits, so that a JSON number is always exact.',
  },
  amount_exceeds_remaining: {
    status: 422,
    means: 'final',
    title: 'Less than that remains',
    explanation: 'The amount is above what is still held. This outcome is final: to try again, use a new key.',
  },
  list_rejected: {
    status: 422,
    means: 'final',
    title: 'Another item of the list was refused',
    explanation:
      'An atomic list is applied whole or not at all. See the items that have another code. This outcome is final: send the mended list with new keys.',
  },
  idempotency_key_reused: {
    status: 422,
    means: 'nothing_changed',
    title: 'This Idempotency-Key belongs to another request',
    explanation: 'You have used the key with another body. The first request’s outcome stands; use a new key.',
  },
  expired: {
    status: 422,
    means: 'final',
    title: 'The request expired before it was applied',
    explanation:
      'It could not be applied within ten minutes and had not been promised by a 202. Nothing moved; use a new key.',
  },
  internal_error: {
    status: 422,
    means: 'final',
    title: 'The request could not be applied',
    explanation: 'It failed alone for a reason of ours, was stored as rejected, and moved nothing. Please report it.',
  },
  rate_limited: {
    status: 429,
    means: 'open',
    title: 'Too many attempts',
    explanation:
      'Wait for `Retry-After` seconds. This attempt changed nothing; an earlier one with the same key may have.',
    retryAfterSeconds: 60,
  },
  headers_too_large: {
    status: 431,
    means: 'nothing_changed',
    title: 'The head of the request is too large',
    explanation: 'The path and all headers together may have 16 kB. Nothing was changed.',
  },
  internal: {
    status: 500,
    means: 'fault',
    title: 'Something went wrong on our side',
    explanation:
      'The log has the cause under the same `request_id`. A request with an Idempotency-Key is safe to send again.',
  },
  overloaded: {
    status: 503,
    means: 'open',
    title: 'More is waiting than can be done in time',
    explanation:
      'This attempt changed nothing. An earlier one with the same key may have, so send it again with the same key, after `Retry-After` seconds.',
    retryAfterSeconds: 1,
  },
  outcome_unknown: {
    status: 503,
    means: 'open',
    title: 'The outcome is not known yet',
    explanation:
      'The request may or may not have been applied. Ask for `operation_id`, or send the same key again: neither moves money twice. After `expires_at` an operation that is still not found never will be.',
    retryAfterSeconds: 1,
  },
  unavailable: {
    status: 503,
    means: 'open',
    title: 'A part we depend on is away',
    explanation:
      'This attempt changed nothing. An earlier one with the same key may have, so send it again with the same key, after `Retry-After` seconds.',
    retryAfterSeconds: 1,
  },
};

/** Whether the request has got all the answer it will ever get: sent again as it stands, it changes nothing more. */
export function isSettled(code: Code): boolean {
  const { means } = PROBLEMS[code];
  return means === 'nothing_changed' || means === 'final';
}

/** As a client reads a code. Undefined for what is none. */
export function asCode(text: unknown): Code | undefined {
  return CODES.find((code) => code === text);
}
