/**
 * What operators may do to the queues on the board, as a closed list: what is not named here is refused, whatever the
 * board offers.
 *
 * All of it is safe by design: a queue is a hint with an order, an operation is applied at most once whatever is retried,
 * and what was promised comes back by the sweep. What is left out could forge a command (add a job, change its data), or
 * break the order for nothing (concurrency, priority, rate limits, emptying a queue with what waits in it).
 */
import type { OperatorActionKind } from '../../../shared/store/accounts/operatorActions.ts';

export interface QueueAction {
  action: OperatorActionKind;
  /** For the audit log. */
  target: string;
  details?: string;
}

interface Allowed {
  action: OperatorActionKind;
  /** Of the path below the board. Named groups: `queue`, `job`, `state`. */
  path: RegExp;
}

const QUEUE = '/api/queues/(?<queue>[^/]+)';
const JOB = `${QUEUE}/(?<job>[^/]+)`;

/** All are PUT. Where two match, the first is what the board's own routes choose as well. */
const ALLOWED: readonly Allowed[] = [
  { action: 'queue_pause', path: /^\/api\/queues\/pause$/ },
  { action: 'queue_resume', path: /^\/api\/queues\/resume$/ },
  { action: 'queue_retry', path: new RegExp(`^${QUEUE}/retry/(?<state>failed)$`) },
  { action: 'queue_promote', path: new RegExp(`^${QUEUE}/promote$`) },
  { action: 'queue_clean', path: new RegExp(`^${QUEUE}/clean/(?<state>completed|failed)$`) },
  { action: 'queue_pause', path: new RegExp(`^${QUEUE}/pause$`) },
  { action: 'queue_resume', path: new RegExp(`^${QUEUE}/resume$`) },
  { action: 'queue_retry', path: new RegExp(`^${JOB}/retry$`) },
  { action: 'queue_promote', path: new RegExp(`^${JOB}/promote$`) },
  { action: 'queue_clean', path: new RegExp(`^${JOB}/clean$`) },
];

/** Undefined for what is not allowed. `path` is as the router sees it, still encoded. */
export function queueActionOf(method: string, path: string): QueueAction | undefined {
  if (method !== 'PUT') return undefined;
  for (const { action, path: pattern } of ALLOWED) {
    const match = pattern.exec(path);
    if (!match) continue;
    const { queue, job, state } = match.groups ?? {};
    const target = queue === undefined ? 'all queues' : `queue ${decodeURIComponent(queue)}`;
    const which = job === undefined ? state && `all ${state}` : `job ${decodeURIComponent(job)}`;
    return { action, target, ...(which && { details: which }) };
  }
  return undefined;
}
