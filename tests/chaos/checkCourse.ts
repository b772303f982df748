/**
 * How the run went: processes that died by themselves, answers that were lost or late although nothing was broken, and
 * how long a partition stood still when a worker was struck.
 */
import type { OperationRow } from './books.ts';
import type { Evidence, Violation } from './evidence.ts';
import { isLost } from './history.ts';
import type { Attempt, FaultRecord } from './history.ts';

/** After a fault is healed, connections and leaderships are still made anew for a while. */
const RECOVERY_MS = 10_000;
/** Far above what a loaded machine needs, far below the half minute after which only the sweep would bring it. */
const SLOW_MS = 12_000;
/** A blow to an API process, or to its clients' way to it, breaks connections; nothing else may. */
const BREAKS_CONNECTIONS = /^(api-|blackout|net-.* clients-)/;
const WORKER_FAULT = /^worker-/;
/** A takeover is judged where no other fault was near. */
const NEAR_MS = { before: 5_000, after: 6_000 };

export interface Takeover {
  fault: FaultRecord;
  /** The longest time in which a partition had work and decided nothing. */
  stoodStillMs: number;
  isAlone: boolean;
}

export function checkCourse(evidence: Evidence, limits: { takeoverMs: number; partitions: number }): Violation[] {
  const { history } = evidence;
  return [
    ...history.deaths.map(({ who, said }) => ({ rule: 'died', says: `${who}: ${said}` })),
    ...evidence.cases.flatMap(({ operation }) =>
      lostInPeace(evidence, operation.attempts).map((violation) => ({ ...violation, operation })),
    ),
    ...slowInPeace(evidence),
    ...takeovers(evidence, limits.partitions)
      .filter(({ isAlone, stoodStillMs }) => isAlone && stoodStillMs > limits.takeoverMs)
      .map(({ fault, stoodStillMs }) => ({
        rule: 'takeover',
        says: `after ${fault.kind} of ${fault.target} a partition stood still for ${Math.round(stoodStillMs)} ms`,
        rows: [fault],
      })),
  ];
}

function lostInPeace({ history }: Evidence, attempts: readonly Attempt[]): Violation[] {
  return attempts.flatMap((attempt) => {
    if (!isLost(attempt.result)) return [];
    const { lost } = attempt.result;
    const excused = history.faults.some(
      (fault) =>
        (lost === 'timeout' || BREAKS_CONNECTIONS.test(`${fault.kind} ${fault.target}`)) &&
        fault.startMs < attempt.endedAtMs &&
        fault.endMs + RECOVERY_MS > attempt.sentAtMs,
    );
    return excused ? [] : [{ rule: 'lost-in-peace', says: `an answer was lost (${lost}) and nothing was broken` }];
  });
}

/** `refuse` excuses nothing: what PostgreSQL refuses now and then is simply done again. */
function slowInPeace({ cases, history }: Evidence): Violation[] {
  const faults = history.faults.filter(({ kind }) => kind !== 'refuse');
  return cases.flatMap(({ operation, stands, firstSentMs }) => {
    if (!stands) return [];
    const tookMs = stands.row.appliedAtMs - firstSentMs;
    const wasHit = faults.some(
      (fault) => fault.startMs < stands.row.appliedAtMs && fault.endMs + RECOVERY_MS > firstSentMs,
    );
    if (tookMs < SLOW_MS || wasHit) return [];
    const says = `nothing was broken, and it was decided only after ${Math.round(tookMs)} ms`;
    return [{ rule: 'slow-in-peace', says, operation, rows: [stands.row] }];
  });
}

/** One per fault of a worker, in the order in which they struck. */
export function takeovers({ books, history }: Evidence, partitions: number): Takeover[] {
  const standstills = Array.from({ length: partitions }, (_, partition) =>
    findStandstills(books.operations.filter((row) => routingWallet(row) % partitions === partition)),
  ).flat();
  return history.faults
    .filter(({ kind }) => WORKER_FAULT.test(kind))
    .map((fault) => ({
      fault,
      stoodStillMs: Math.max(
        0,
        ...standstills
          .filter(({ fromMs, toMs }) => fromMs < fault.endMs && toMs > fault.startMs)
          .map(({ fromMs, toMs }) => toMs - Math.max(fromMs, fault.startMs)),
      ),
      isAlone: !history.faults.some(
        (other) =>
          other !== fault &&
          other.startMs < fault.startMs + NEAR_MS.after &&
          other.endMs > fault.startMs - NEAR_MS.before,
      ),
    }));
}

function routingWallet(row: OperationRow): number {
  return row.kind === 'deposit' ? row.creditWalletId : row.debitWalletId;
}

/** Spans in which at least one operation had been accepted and none was decided. What only the sweep brought is left out. */
function findStandstills(rows: readonly OperationRow[]): { fromMs: number; toMs: number }[] {
  const ordinary = rows.filter(({ acceptedAtMs, appliedAtMs }) => appliedAtMs - acceptedAtMs < 2 * SLOW_MS);
  const decided = [...ordinary].sort((one, other) => one.appliedAtMs - other.appliedAtMs);
  const standstills: { fromMs: number; toMs: number }[] = [];
  let waitingSinceMs = Infinity;
  for (let index = decided.length - 1; index > 0; index--) {
    waitingSinceMs = Math.min(waitingSinceMs, decided[index]!.acceptedAtMs);
    const fromMs = Math.max(decided[index - 1]!.appliedAtMs, waitingSinceMs);
    const toMs = decided[index]!.appliedAtMs;
    if (toMs > fromMs) standstills.push({ fromMs, toMs });
  }
  return standstills;
}
