/**
 * How the run went: processes that died by themselves, and how long a partition stood still when a worker was struck.
 */
import type { OperationRow } from './books.ts';
import { SLOW_MS } from './checkPeace.ts';
import type { Evidence, Violation } from './evidence.ts';
import { routingWallet } from './evidence.ts';
import type { FaultRecord } from './history.ts';
import { isFrame } from './reach.ts';

/** What took so long was brought back by the sweep. */
const SWEPT_MS = 3 * SLOW_MS;
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
    ...takeovers(evidence, limits.partitions)
      .filter(({ isAlone, stoodStillMs }) => isAlone && stoodStillMs > limits.takeoverMs)
      .map(({ fault, stoodStillMs }) => ({
        rule: 'takeover',
        says: `after ${fault.kind} of ${fault.target} a partition stood still for ${Math.round(stoodStillMs)} ms`,
        rows: [fault],
      })),
  ];
}

/** One per fault of a worker, in the order in which they struck. */
export function takeovers(evidence: Evidence, partitions: number): Takeover[] {
  const { books, history } = evidence;
  const standstills = Array.from({ length: partitions }, (_, partition) =>
    findStandstills(books.operations.filter((row) => partitionOf(evidence, row, partitions) === partition)),
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
          !isFrame(other) &&
          other.startMs < fault.startMs + NEAR_MS.after &&
          other.endMs > fault.startMs - NEAR_MS.before,
      ),
    }));
}

function partitionOf(evidence: Evidence, row: OperationRow, partitions: number): number | undefined {
  const found = evidence.caseOfRow.get(row.id);
  if (!found) return undefined;
  return routingWallet(evidence, found.operation, found.rows.own.includes(row) ? 'own' : 'clash') % partitions;
}

/** Spans in which at least one operation had been accepted and none was decided. What only the sweep brought is left out. */
function findStandstills(rows: readonly OperationRow[]): { fromMs: number; toMs: number }[] {
  const ordinary = rows.filter(({ acceptedAtMs, appliedAtMs }) => appliedAtMs - acceptedAtMs < SWEPT_MS);
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
