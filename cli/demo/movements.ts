/**
 * Moving money as a careful client does: one idempotency key per movement, the same key again when the service was busy
 * or no answer came, and a 202 followed until its outcome is known.
 */
import { randomUUID } from 'node:crypto';
import { createHistogram } from 'node:perf_hooks';
import type { RecordableHistogram } from 'node:perf_hooks';
import { asCode, isSettled } from '../../shared/problems.ts';
import type { Answer } from './http.ts';
import { retriedSafely } from './pacing.ts';
import type { Session } from './sessions.ts';

/** `unknown` when the service could not be brought to say: then no sum can be checked. */
export type Settled = 'applied' | 'rejected' | 'unknown';

export interface Tally {
  settled: Record<Settled, number>;
  /** Every answer by status and code, those that were followed by another attempt included. */
  answers: Map<string, number>;
  /** Microseconds from the first attempt until the outcome was known. */
  latency: RecordableHistogram;
}

/** A long poll is 30 s, so an outcome is awaited for some ten minutes: longer than a command lives. */
const MAX_POLLS = 20;
const POLL_WAIT_S = 30;

export function createTally(): Tally {
  return { settled: { applied: 0, rejected: 0, unknown: 0 }, answers: new Map(), latency: createHistogram() };
}

/** Sends one movement until its outcome is known, and counts it. */
export async function move(
  from: Session,
  path: '/api/external_to_wallet' | '/api/wallet_to_wallet',
  body: Record<string, unknown>,
  tally: Tally,
): Promise<Settled> {
  const startedAtMs = performance.now();
  const headers = { 'Idempotency-Key': randomUUID() };
  const count = (answer: Answer | undefined): void => {
    const name = nameOf(answer);
    tally.answers.set(name, (tally.answers.get(name) ?? 0) + 1);
  };
  const answer = await retriedSafely(() => from.send({ method: 'POST', path, body, headers }), count);
  const settled = await outcomeOf(from, answer, count);
  tally.settled[settled] += 1;
  tally.latency.record(Math.max(1, Math.round((performance.now() - startedAtMs) * 1000)));
  return settled;
}

async function outcomeOf(
  from: Session,
  answer: Answer | undefined,
  count: (answer: Answer | undefined) => void,
): Promise<Settled> {
  if (answer?.status === 200) return 'applied';
  if (answer?.status !== 202) {
    // Whether a command was made of it or not; after anything that settles nothing the movement may still happen.
    const code = asCode(answer?.body?.['code']);
    return code !== undefined && isSettled(code) ? 'rejected' : 'unknown';
  }
  const path = `/api/operations/${String(answer.body?.['operation_id'])}`;
  for (let poll = 1; poll <= MAX_POLLS; poll += 1) {
    const headers = { Prefer: `wait=${POLL_WAIT_S}` };
    const found = await retriedSafely(() => from.send({ method: 'GET', path, headers }), count);
    if (found?.body?.['status'] === 'OK') return 'applied';
    if (found?.body?.['status'] === 'REJECTED') return 'rejected';
  }
  return 'unknown';
}

function nameOf(answer: Answer | undefined): string {
  if (!answer) return 'no answer';
  const code = answer.body?.['code'];
  return typeof code === 'string' ? `${answer.status} ${code}` : String(answer.status);
}
