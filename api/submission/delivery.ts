/**
 * What happens to one envelope between leaving for the queue and having its outcomes: add it, look in PostgreSQL for
 * what became of its commands, look in the queue when that takes long. `coalescer.ts` decides when.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from '../../shared/ledger/command.ts';
import { toEnvelope } from '../../shared/queue/contracts.ts';
import type { LedgerQueue } from '../../shared/queue/ledgerQueue.ts';
import type { KnownOutcome } from '../../shared/store/ledger/readOutcomes.ts';
import { withDeadline } from '../../shared/time.ts';
import { Problem } from '../http/problem.ts';

/** A queue call that takes longer than this says nothing about whether it happened. */
const QUEUE_DEADLINE_MS = 2_000;
/** An envelope without an outcome for this long is looked up in the queue. */
const LOOK_UP_AFTER_MS = 500;
const STRAGGLER_PAUSE_MS = 500;

/**
 * The stored outcome; or, when a 202 has promised another request under the same id, that promise (`pending` with another
 * hash); or `unavailable`, when the command certainly never left this process.
 */
export type End = KnownOutcome | Problem;

/** A command on its way, and the one who waits for it. */
export interface CommandUnderWay {
  command: Command;
  arrivedAtMs: number;
  state: 'waiting' | 'sent' | 'settled';
  hasWaiter: boolean;
  onEnd: (end: End) => void;
}

export interface SentEnvelope {
  jobId: string;
  commands: CommandUnderWay[];
  /** When its oldest command arrived. */
  arrivedAtMs: number;
  sentAtMs: number;
  lookedUpAtMs: number;
  /** A worker has told that it is handled, perhaps before the answer of `add`. */
  isHandled: boolean;
  /** Ends the wait for that word, if one is under way. */
  ring: () => void;
}

/** The queue and the store, and who to tell that the queue is away. */
export interface DeliveryDeps {
  queue: LedgerQueue;
  /** Whether an `add` would certainly not leave this process now. */
  isQueueAway: () => boolean;
  /** Whether a failed `add` certainly never left this process. */
  neverSent: (error: unknown) => boolean;
  reportQueueFailure: (error: unknown) => void;
  readOutcomes: (ids: readonly string[]) => Promise<Map<string, KnownOutcome>>;
  /** A command's outcome is handed out, so long after the command arrived. */
  onOutcome?: (waitedMs: number, command: Command, outcome: KnownOutcome) => void;
}

export interface Delivery {
  /** `never sent` is certain; `in doubt` means that the queue did not say, and the job may exist. */
  add: (envelope: SentEnvelope) => Promise<'added' | 'in doubt' | 'never sent'>;
  /** Hands out the outcomes that are known by now; true when none is missing. Never throws. */
  settle: (envelope: SentEnvelope) => Promise<boolean>;
  /** After half a second without an outcome, and every half second: adds again what the queue does not know. */
  lookUpWhenLate: (envelope: SentEnvelope) => Promise<void>;
  /** Resolves when the envelope is settled, or the queue has forgotten it or given it up. */
  untilOver: (envelope: SentEnvelope) => Promise<void>;
  /** As of the last look: looks are taken only while an envelope is late. */
  isPaused: () => boolean;
}

export function createDelivery(deps: DeliveryDeps): Delivery {
  let paused = false;

  const add: Delivery['add'] = async (envelope) => {
    if (deps.isQueueAway()) return 'never sent';
    try {
      const data = toEnvelope(envelope.commands.map(({ command }) => command));
      await withDeadline(deps.queue.add(envelope.jobId, data), QUEUE_DEADLINE_MS, 'the queue did not take it in time');
      return 'added';
    } catch (error) {
      deps.reportQueueFailure(error);
      return deps.neverSent(error) ? 'never sent' : 'in doubt';
    }
  };

  const settle: Delivery['settle'] = async (envelope) => {
    const open = envelope.commands.filter(({ state }) => state === 'sent');
    // A failed read is reported by the reader; the next look tries again.
    const known = await deps.readOutcomes(open.map(({ command }) => command.id)).catch(() => undefined);
    if (!known) return false;
    const missing = open.filter((each) => {
      const outcome = known.get(each.command.id);
      if (!outcome || !isAnswer(outcome, each.command)) return true;
      each.state = 'settled';
      each.onEnd(outcome);
      deps.onOutcome?.(performance.now() - each.arrivedAtMs, each.command, outcome);
      return false;
    });
    return missing.length === 0;
  };

  /** The job's state in the queue, `undefined` when it is not there, or `unknown` when the queue did not answer. */
  const look = async ({ jobId }: SentEnvelope): Promise<string | undefined> => {
    if (deps.isQueueAway()) return 'unknown';
    try {
      const looking = Promise.all([deps.queue.stateOf(jobId), deps.queue.isPaused()]);
      const [state, isPaused] = await withDeadline(looking, QUEUE_DEADLINE_MS, 'the queue did not answer in time');
      paused = isPaused;
      return state;
    } catch (error) {
      deps.reportQueueFailure(error);
      return 'unknown';
    }
  };

  const lookUpWhenLate: Delivery['lookUpWhenLate'] = async (envelope) => {
    if (performance.now() - envelope.lookedUpAtMs < LOOK_UP_AFTER_MS) return;
    const state = await look(envelope);
    envelope.lookedUpAtMs = performance.now();
    // It may have been done and removed since the last look at its outcomes.
    if (state === undefined && !(await settle(envelope))) await add(envelope);
  };

  const untilOver: Delivery['untilOver'] = async (envelope) => {
    let isLast = false;
    while (!(await settle(envelope)) && !isLast) {
      const state = await look(envelope);
      // A finished job had its chance: one more look at its outcomes, and it stands in nobody's way.
      isLast = state === undefined || state === 'failed' || state === 'completed';
      await sleep(STRAGGLER_PAUSE_MS, undefined, { ref: false });
    }
  };

  return { add, settle, lookUpWhenLate, untilOver, isPaused: () => paused };
}

/** A promise to this very request is no answer yet; one to another request under the same id is. */
function isAnswer(outcome: KnownOutcome, command: Command): boolean {
  return outcome.state !== 'pending' || outcome.requestHash !== command.requestHash;
}

export function refuse(commands: readonly CommandUnderWay[]): void {
  for (const each of commands) {
    each.state = 'settled';
    each.onEnd(new Problem('unavailable'));
  }
}

/** Nobody waits for any of it, and it had its time. */
export function isAbandoned(envelope: SentEnvelope, timeoutMs: number): boolean {
  const isWaitedFor = envelope.commands.some(({ state, hasWaiter }) => state === 'sent' && hasWaiter);
  return !isWaitedFor && performance.now() - envelope.sentAtMs > timeoutMs;
}

/** Waits until a worker has handled the envelope, at most `pollMs`. Its word counts once: a late one comes from a retry. */
export async function handledOrPoll(envelope: SentEnvelope, pollMs: number): Promise<void> {
  if (!envelope.isHandled) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pollMs);
      envelope.ring = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  envelope.isHandled = false;
}
