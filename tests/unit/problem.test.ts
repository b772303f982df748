/** The table of problems against the contract, written out a second time: a status must not change by accident. */
import { describe, expect, test } from 'vitest';
import { Problem, problemReply } from '../../api/http/problem.ts';
import { CODES, PROBLEMS, isSettled } from '../../shared/problems.ts';
import type { Code } from '../../shared/problems.ts';
import { REJECTION_REASONS } from '../../shared/ledger/command.ts';

const CONTRACT: Record<number, string[]> = {
  400: ['malformed_json', 'invalid_request'],
  401: ['unauthenticated', 'invalid_credentials'],
  403: ['forbidden', 'csrf'],
  404: ['not_found', 'wallet_not_found', 'operation_not_found', 'hold_not_found'],
  405: ['method_not_allowed'],
  408: ['request_timeout'],
  409: ['email_taken', 'external_id_reused', 'hold_not_open', 'hold_expired'],
  413: ['body_too_large'],
  415: ['unsupported_media_type'],
  417: ['expectation_failed'],
  422: [
    ...['insufficient_funds', 'same_wallet', 'currency_mismatch', 'balance_limit_exceeded', 'idempotency_key_reused'],
    ...['amount_exceeds_remaining'],
    ...['wallet_frozen', 'list_rejected'],
    ...['expired', 'internal_error'],
  ],
  429: ['rate_limited'],
  431: ['headers_too_large'],
  500: ['internal'],
  503: ['overloaded', 'outcome_unknown', 'unavailable'],
};

/** What clients, pages and the audit log act by: refused before anything, stored, may still happen, nobody knows. */
const MEANING: Record<Code, string> = {
  malformed_json: 'nothing_changed',
  invalid_request: 'nothing_changed',
  unauthenticated: 'nothing_changed',
  invalid_credentials: 'nothing_changed',
  forbidden: 'nothing_changed',
  csrf: 'nothing_changed',
  not_found: 'nothing_changed',
  wallet_not_found: 'nothing_changed',
  operation_not_found: 'nothing_changed',
  hold_not_found: 'nothing_changed',
  method_not_allowed: 'nothing_changed',
  request_timeout: 'nothing_changed',
  email_taken: 'nothing_changed',
  external_id_reused: 'nothing_changed',
  hold_not_open: 'final',
  hold_expired: 'final',
  body_too_large: 'nothing_changed',
  unsupported_media_type: 'nothing_changed',
  expectation_failed: 'nothing_changed',
  insufficient_funds: 'final',
  same_wallet: 'nothing_changed',
  currency_mismatch: 'nothing_changed',
  wallet_frozen: 'final',
  balance_limit_exceeded: 'final',
  amount_exceeds_remaining: 'final',
  list_rejected: 'final',
  idempotency_key_reused: 'nothing_changed',
  expired: 'final',
  internal_error: 'final',
  rate_limited: 'open',
  headers_too_large: 'nothing_changed',
  internal: 'fault',
  overloaded: 'open',
  outcome_unknown: 'open',
  unavailable: 'open',
};

describe('the table of problems', () => {
  test('has the statuses of the contract, and no code more or less', () => {
    const expected = Object.entries(CONTRACT).flatMap(([status, codes]) => codes.map((code) => [code, Number(status)]));
    expect(Object.fromEntries(Object.entries(PROBLEMS).map(([code, { status }]) => [code, status]))).toEqual(
      Object.fromEntries(expected),
    );
    expect([...CODES].sort()).toEqual(Object.keys(PROBLEMS).sort());
  });
  test('says of every code what it means for the operation', () => {
    const told = Object.fromEntries(Object.entries(PROBLEMS).map(([code, { means }]) => [code, means]));
    expect(told).toEqual(MEANING);
    const settled = CODES.filter(isSettled);
    expect(settled).toEqual(CODES.filter((code) => MEANING[code] === 'nothing_changed' || MEANING[code] === 'final'));
  });
  test('has a code for every reason the ledger may give', () => {
    for (const reason of REJECTION_REASONS) expect(PROBLEMS[reason].status, reason).toBeGreaterThanOrEqual(404);
  });
  test('explains every code in a sentence', () => {
    for (const { title, explanation } of Object.values(PROBLEMS)) {
      expect(title).toMatch(/^[A-Z]/);
      expect(explanation).toMatch(/^[A-Z`].*\.$/);
    }
  });
  test('asks to come back after a while, wherever coming back can help', () => {
    const retried = CODES.filter((code) => PROBLEMS[code].retryAfterSeconds !== undefined);
    expect(retried).toEqual(['rate_limited', 'overloaded', 'outcome_unknown', 'unavailable']);
  });
});

describe('a problem as a response', () => {
  test('says no more than the table when it has no more to say', () => {
    expect(problemReply(new Problem('csrf'), 'r')).toEqual({
      status: 403,
      headers: { 'Content-Type': 'application/problem+json; charset=utf-8' },
      body: {
        type: '/problems/csrf',
        title: PROBLEMS.csrf.title,
        status: 403,
        detail: PROBLEMS.csrf.explanation,
        code: 'csrf',
        request_id: 'r',
      },
    });
  });
  test('has the detail, the fields, the operation and the headers that it was given', () => {
    const errors = [{ path: 'amount', message: 'must be greater than zero' }];
    const expiresAt = new Date('2026-01-02T03:04:05.678Z');
    const problem = new Problem('outcome_unknown', { detail: 'So it is.', errors, operationId: 'o', expiresAt });
    expect(problemReply(problem, 'r')).toMatchObject({
      headers: { 'Retry-After': '1' },
      body: { detail: 'So it is.', errors, operation_id: 'o', expires_at: '2026-01-02T03:04:05.678Z' },
    });
    expect(problemReply(new Problem('rate_limited', { retryAfterSeconds: 7 }), 'r').headers['Retry-After']).toBe('7');
    expect(problemReply(new Problem('method_not_allowed', { allow: 'GET' }), 'r').headers['Allow']).toBe('GET');
    expect(problemReply(new Problem('unauthenticated'), 'r').headers['WWW-Authenticate']).toMatch(/^Basic realm=/);
    expect(problemReply(new Problem('expired', { isReplay: true }), 'r').headers['Idempotency-Replayed']).toBe('true');
  });
  test('never tells its cause', () => {
    const reply = problemReply(new Problem('unavailable', {}, new Error('secret')), 'r');
    expect(JSON.stringify(reply)).not.toContain('secret');
  });
});
