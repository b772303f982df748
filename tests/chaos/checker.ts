/**
 * The judge: holds what clients sent and were told against what the database says, by its own arithmetic. It shares no
 * code with the service, so that a mistake there is not repeated here. Pure: history and rows in, violations out.
 */
import type { Books } from './books.ts';
import { checkAnswers } from './checkAnswers.ts';
import { checkBooks } from './checkBooks.ts';
import { checkCourse, takeovers } from './checkCourse.ts';
import type { Takeover } from './checkCourse.ts';
import { checkOrder } from './checkOrder.ts';
import { checkPeace, longestRecoveryMs } from './checkPeace.ts';
import { checkReasons } from './checkReasons.ts';
import { checkRequests } from './checkRequests.ts';
import { gatherEvidence } from './evidence.ts';
import type { Violation } from './evidence.ts';
import type { History } from './history.ts';

export interface Limits {
  /** How long a partition may stand still when a worker is struck and nothing else is. */
  takeoverMs: number;
  partitions: number;
  /** How many promises may be open. */
  maxPending: number;
}

export interface Verdict {
  violations: Violation[];
  takeovers: Takeover[];
  /** How long after the end of a fault somebody was still refused on account of it. */
  longestRecoveryMs: number;
}

export function check(history: History, books: Books, limits: Limits): Verdict {
  const evidence = gatherEvidence(history, books);
  const violations = [
    ...checkAnswers(evidence),
    ...checkRequests(evidence),
    ...checkReasons(evidence),
    ...checkBooks(evidence),
    ...checkOrder(evidence),
    ...checkPeace(evidence, limits),
    ...checkCourse(evidence, limits),
  ];
  return {
    violations,
    takeovers: takeovers(evidence, limits.partitions),
    longestRecoveryMs: longestRecoveryMs(evidence, limits),
  };
}
