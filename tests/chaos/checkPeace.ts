/**
 * What must not happen where nothing is broken, which is everywhere that no fault reaches (`reach.ts`): an answer that is
 * lost, refused or late, an operation that is decided late, and a request that a graceful stop cuts off. The load is
 * bounded, so it is no excuse either; a full `pending_operation` is one, for who asks to be promised at once.
 */
import type { Case, Evidence, Violation } from './evidence.ts';
import { routingWallet } from './evidence.ts';
import { isBusy, isLost } from './history.ts';
import type { Attempt, FaultRecord, Read } from './history.ts';
import { RECOVERY_MS, isFelt, isNear } from './reach.ts';
import type { Asked } from './reach.ts';

/** Far above what a loaded machine needs, far below the half minute after which only the sweep would bring it. */
export const SLOW_MS = 8_000;
/** A request waits for five seconds at most before it is promised; one that only looks, for two. */
const LATE_MS = { send: 7_500, ask: 4_500, read: 3_000 };
/** What was sent so long before a stop was certainly read before it. */
const UNDER_WAY_MS = 100;
/** A promise that came too late to be kept with its operation is cleared by the sweep, in its second round at the latest. */
const CLEARED_MS = 100_000;

interface PeaceLimits {
  partitions: number;
  maxPending: number;
}

interface Judged {
  asked: Asked;
  /** The partitions without which there is no answer: those of all the items of a list, which are answered together. */
  waitedFor?: readonly number[];
  sentAtMs: number;
  endedAtMs: number;
  result: Attempt['result'] | Read['result'];
  lateMs: number;
}

export function checkPeace(evidence: Evidence, limits: PeaceLimits): Violation[] {
  const { faults, reads } = evidence.history;
  const ofAttempts = evidence.cases.flatMap(({ operation }) =>
    operation.attempts.flatMap((attempt) => {
      const partition = routingWallet(evidence, operation, attempt.which) % limits.partitions;
      const asked: Asked = { what: attempt.what === 'send' ? 'move' : 'look', api: attempt.api, partition };
      const waitedFor = attempt.answeredWith?.map((walletId) => walletId % limits.partitions) ?? [partition];
      const found = judge(faults, { ...attempt, asked, waitedFor, lateMs: LATE_MS[attempt.what] });
      if (!found || mayBeFull(evidence, attempt, limits.maxPending)) return [];
      return [{ ...found, operation }];
    }),
  );
  const ofReads = reads.flatMap((read) => {
    const found = judge(faults, { ...read, asked: { what: 'look', api: read.api }, lateMs: LATE_MS.read });
    return found ? [{ ...found, rows: [read] }] : [];
  });
  return [...ofAttempts, ...ofReads, ...slowInPeace(evidence, limits)];
}

function judge(faults: readonly FaultRecord[], judged: Judged): Violation | undefined {
  const { asked, waitedFor = [asked.partition], result, sentAtMs, endedAtMs, lateMs } = judged;
  const isExcused = (what: Asked['what'], excuses: (fault: FaultRecord) => boolean = () => true) =>
    faults.some((fault) => isNear(fault, sentAtMs, endedAtMs) && isFelt(fault, { ...asked, what }) && excuses(fault));
  const isWaitExcused = () =>
    waitedFor.some((partition) =>
      faults.some(
        (fault) =>
          isNear(fault, sentAtMs, endedAtMs) &&
          isFelt(fault, { ...asked, ...(partition !== undefined && { partition }) }),
      ),
    );
  const where = `api${asked.api}${asked.partition === undefined ? '' : `, partition ${asked.partition}`}`;

  if (isLost(result)) {
    if (result.lost === 'timeout' ? isWaitExcused() : isExcused('connection', (fault) => breaksOff(fault, judged)))
      return undefined;
    const says = `${where}: an answer was lost (${result.lost}) and nothing was broken there`;
    return { rule: 'lost-in-peace', says };
  }
  if (isBusy(result.code)) {
    // Without a worker nothing is decided, and that is what clients are told: that it is too much would be untrue.
    if (isExcused(asked.what, ({ kind }) => kind !== 'no-worker' || result.code !== 'overloaded')) return undefined;
    const says = `${where}: ${result.status} ${result.code ?? ''} was answered and nothing was broken there`;
    return { rule: 'refused-in-peace', says };
  }
  if (endedAtMs - sentAtMs < lateMs || isWaitExcused()) return undefined;
  const says = `${where}: an answer took ${Math.round(endedAtMs - sentAtMs)} ms and nothing was broken there`;
  return { rule: 'late-in-peace', says };
}

/** How long after every fault that it could feel somebody was still refused: what goes past the promise is a violation. */
export function longestRecoveryMs(evidence: Evidence, { partitions }: Pick<PeaceLimits, 'partitions'>): number {
  const { cases, history } = evidence;
  const recoveriesMs = cases.flatMap(({ operation }) =>
    operation.attempts.flatMap(({ what, which, api, isAsync, sentAtMs, endedAtMs, result }) => {
      if (what !== 'send' || isAsync || isLost(result) || !isBusy(result.code)) return [];
      const partition = routingWallet(evidence, operation, which) % partitions;
      const felt = history.faults.filter(
        (fault) => fault.startMs < endedAtMs && isFelt(fault, { what: 'move', api, partition }),
      );
      return felt.length === 0 ? [] : [sentAtMs - Math.max(...felt.map(({ endMs }) => endMs))];
    }),
  );
  return Math.max(0, ...recoveriesMs.filter((ms) => ms < RECOVERY_MS));
}

/** A process that is stopped in good order answers what is under way. */
function breaksOff({ kind, startMs }: FaultRecord, { sentAtMs }: Judged): boolean {
  return kind !== 'api-stop' || sentAtMs > startMs - UNDER_WAY_MS;
}

/** Whether so many promises may have been open that there was no room for one more. */
function mayBeFull({ cases }: Evidence, attempt: Attempt, maxPending: number): boolean {
  const { result, sentAtMs, endedAtMs } = attempt;
  if (attempt.isAsync !== true || isLost(result) || result.code !== 'overloaded') return false;
  const open = cases.filter(({ operation, stands }) => {
    if (operation.attempts.every((other) => other.sentAtMs > endedAtMs)) return false;
    const decidedMs = stands?.row.appliedAtMs ?? Infinity;
    return decidedMs > sentAtMs || (decidedMs > sentAtMs - CLEARED_MS && operation.attempts.some(wasPromisedLate));
  });
  return open.length >= maxPending;
}

function wasPromisedLate({ what, isAsync, result }: Attempt): boolean {
  if (what !== 'send' || isAsync === true) return false;
  return isLost(result) || result.status === 202 || result.code === 'outcome_unknown';
}

function slowInPeace(evidence: Evidence, { partitions }: PeaceLimits): Violation[] {
  return evidence.cases.flatMap(({ operation, stands, firstSentMs }: Case) => {
    if (!stands) return [];
    const { row, which } = stands;
    const tookMs = row.appliedAtMs - firstSentMs;
    if (tookMs < SLOW_MS) return [];
    const partition = routingWallet(evidence, operation, which) % partitions;
    const wasHit = evidence.history.faults.some(
      (fault) =>
        isNear(fault, firstSentMs, row.appliedAtMs) &&
        operation.attempts.some(({ api }) => isFelt(fault, { what: 'move', api, partition })),
    );
    const says = `nothing was broken, and it was decided only after ${Math.round(tookMs)} ms`;
    return wasHit ? [] : [{ rule: 'slow-in-peace', says, operation, rows: [row] }];
  });
}
