/**
 * The HTTP side of an operation's life: hand the command to its partition's coalescer, wait for its outcome, and when
 * the time is up promise it with a 202, but only after the promise is committed.
 *
 *     keyed? ──known already──▶ its stored outcome, or wait for the promised one
 *       │ no
 *       ▼
 *     submitted ──outcome in time──▶ answer
 *       │ time is up
 *       ▼
 *     promise committed ──▶ 202        not committed ──▶ 503 (`outcome_unknown` if the command may be in the queue)
 */
import { partitionOf } from '../shared/ledger/command.ts';
import type { Command } from '../shared/ledger/command.ts';
import { FIRST_SWEEP_MS, insertPending } from '../shared/store/pendingOperations.ts';
import type { KnownOutcome } from '../shared/store/readOutcomes.ts';
import type { Dependency } from '../shared/dependency.ts';
import type { Pool } from '../shared/store/pool.ts';
import { createBatcher } from './batcher.ts';
import type { Coalescer, Ticket } from './coalescer.ts';
import type { DatabaseGuard } from './databaseGuard.ts';
import type { Outcomes } from './outcomes.ts';
import { Problem } from './problem.ts';

/** How long a full `pending_operation` is taken to stay full. */
const FULL_FOR_MS = 1_000;

export interface SubmitDeps {
  /** By partition. */
  coalescers: readonly Coalescer[];
  outcomes: Outcomes;
  pool: Pool;
  database: Dependency;
  guard: DatabaseGuard;
  maxWaiting: number;
  maxPending: number;
  /** Aborted when the process is to stop: who waits then is promised instead. */
  stopping: AbortSignal;
}

export interface SubmitOptions {
  /** The client chose the operation's identity, by a key or by its own number: it may be known already. */
  isKeyed: boolean;
  waitMs: number;
  respondAsync: boolean;
}

/** Resolves with what is known of the operation: an outcome, or `pending` once that is promised. Throws `Problem`. */
export type Submit = (command: Command, options: SubmitOptions) => Promise<KnownOutcome>;

export interface Submission {
  submit: Submit;
  /** Refuses with a `Problem` when no command could be served now; costs nothing, so it may run before all else. */
  admit: () => void;
}

export function createSubmission(deps: SubmitDeps): Submission {
  const { promise, isFull } = createPromiser(deps);
  const inTime = createWait(deps.stopping);

  const admit = () => {
    if (deps.database.isAway() || deps.stopping.aborted) throw new Problem('unavailable');
    const waiting = deps.coalescers.reduce((sum, coalescer) => sum + coalescer.waiting(), 0);
    if (waiting >= deps.maxWaiting) throw new Problem('overloaded');
  };

  const submit: Submit = async (command, { isKeyed, waitMs, respondAsync }) => {
    const coalescer = deps.coalescers[partitionOf(command, deps.coalescers.length)];
    if (!coalescer) throw new Error(`no partition for operation ${command.id}`);
    if (isKeyed) {
      // What is decided already can be told however much is waiting.
      const known = await deps.outcomes.lookUp(command.id);
      if (known) return known.state === 'pending' ? waitForPromised(command, known, waitMs, respondAsync) : known;
    }
    coalescer.admit();
    // A paused queue decides nothing, so without room for its promise a command could only end in not knowing.
    if (coalescer.isPaused() && isFull()) throw new Problem('overloaded');
    if (respondAsync) return promiseAtOnce(command, coalescer);
    const ticket = coalescer.submit(command);
    const outcome = await inTime(ticket.outcome, waitMs);
    return outcome ?? promiseLate(command, ticket);
  };

  /** The same key while its operation is promised: nothing is started, the same one is waited for. */
  const waitForPromised = async (command: Command, known: KnownOutcome, waitMs: number, respondAsync: boolean) => {
    if (respondAsync || known.requestHash !== command.requestHash) return known;
    // The promise stands whether or not it can be looked at now.
    return (await deps.outcomes.watch(command.id, waitMs).catch(() => known)) ?? known;
  };

  const promiseAtOnce = async (command: Command, coalescer: Coalescer): Promise<KnownOutcome> => {
    const known = await promise({ command, dueInMs: FIRST_SWEEP_MS }).catch(() => {
      throw outcomeUnknown(command);
    });
    if (!known) throw new Problem('overloaded');
    if (known.state === 'pending' && known.requestHash === command.requestHash) coalescer.submit(command).leave();
    return known;
  };

  const promiseLate = async (command: Command, ticket: Ticket): Promise<KnownOutcome> => {
    const dueInMs = ticket.isSent() ? FIRST_SWEEP_MS : 0;
    // A promise that failed may have been committed all the same; one that found no room certainly was not.
    const known = await promise({ command, dueInMs }).catch(() => 'unknown' as const);
    ticket.leave();
    const isWithdrawn = ticket.withdraw();
    if (known === undefined && isWithdrawn) throw new Problem('overloaded');
    if (known !== undefined && known !== 'unknown') return known;
    throw outcomeUnknown(command);
  };

  return { submit, admit };
}

function outcomeUnknown({ id, expiresAtMs }: Command): Problem {
  return new Problem('outcome_unknown', { operationId: id, expiresAt: new Date(expiresAtMs) });
}

/**
 * Commits promises, those of one moment together, and then reads what stands: the promise, an outcome that came
 * meanwhile, another request's promise under the same id, or nothing when `maxPending` is reached.
 */
function createPromiser(deps: SubmitDeps) {
  const bounds = { partitions: deps.coalescers.length, maxPending: deps.maxPending };
  let fullAtMs = -Infinity;
  const promise = createBatcher(async (promised: { command: Command; dueInMs: number }[]) => {
    await deps.guard(() => insertPending(deps.pool, promised, bounds));
    const ids = promised.map(({ command }) => command.id);
    const known = await deps.outcomes.read(ids);
    if (known.size < new Set(ids).size) fullAtMs = performance.now();
    return ids.map((id) => known.get(id));
  });
  return { promise, isFull: () => performance.now() - fullAtMs < FULL_FOR_MS };
}

/** Waits for an outcome; nothing comes of it when the time is up or the process is to stop. */
function createWait(stopping: AbortSignal) {
  const onStop = new Set<() => void>();
  stopping.addEventListener('abort', () => {
    for (const giveUp of onStop) giveUp();
  });
  return async (outcome: Promise<KnownOutcome>, waitMs: number): Promise<KnownOutcome | undefined> => {
    let giveUp!: () => void;
    const timeUp = new Promise<undefined>((resolve) => {
      giveUp = () => resolve(undefined);
    });
    const timer = setTimeout(giveUp, stopping.aborted ? 0 : waitMs);
    onStop.add(giveUp);
    try {
      return await Promise.race([outcome, timeUp]);
    } finally {
      clearTimeout(timer);
      onStop.delete(giveUp);
    }
  };
}
