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
 *
 * With `respond-async` the promise comes first and the command is then left to its partition. If it does not leave, for
 * the queue or this process goes away, its promise is made due at once, so that a worker brings it in.
 */
import { partitionOf } from '../shared/ledger/command.ts';
import type { Command } from '../shared/ledger/command.ts';
import { FIRST_SWEEP_MS } from '../shared/store/pendingOperations.ts';
import type { KnownOutcome } from '../shared/store/readOutcomes.ts';
import type { Dependency } from '../shared/dependency.ts';
import type { Pool } from '../shared/store/pool.ts';
import type { Coalescer, Ticket } from './coalescer.ts';
import type { DatabaseGuard } from './databaseGuard.ts';
import type { Outcomes } from './outcomes.ts';
import { Problem } from './problem.ts';
import { createPromises } from './promises.ts';

/**
 * Whoever decides or promises looks at the clock a little before the COMMIT; what clients are told leaves room for that,
 * many times as much as the limits on their statements allow.
 */
const EXPIRY_MARGIN_MS = 30_000;

/** How long a request hopes for the outcome of a command that left before the database was found to be away. */
const HOPE_MS = 1_700;
const WATCH_MS = 100;

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

/**
 * The same for the items of an atomic list, in order. A list is never promised: when the time is up it throws
 * `outcome_unknown`, and the same items with the same keys are safe to send again.
 */
export type SubmitList = (items: readonly Command[], waitMs: number) => Promise<KnownOutcome[]>;

export interface Submission {
  submit: Submit;
  submitList: SubmitList;
  /** Refuses with a `Problem` when no command could be served now; costs nothing, so it may run before all else. */
  admit: () => void;
  /** Sees to what was promised and has not left. Call it when the process is to stop and every request is answered. */
  close: () => Promise<void>;
}

export function createSubmission(deps: SubmitDeps): Submission {
  const { promise, hasten, isFull } = createPromises({ ...deps, partitions: deps.coalescers.length });
  const inTime = createWait(deps);

  const admit = () => {
    if (deps.database.isAway() || deps.stopping.aborted) throw new Problem('unavailable');
    const waiting = deps.coalescers.reduce((sum, coalescer) => sum + coalescer.waiting(), 0);
    if (waiting >= deps.maxWaiting) throw new Problem('overloaded');
  };

  const coalescerOf = (command: Command): Coalescer => {
    const coalescer = deps.coalescers[partitionOf(command, deps.coalescers.length)];
    if (!coalescer) throw new Error(`no partition for operation ${command.id}`);
    return coalescer;
  };

  const submit: Submit = async (command, { isKeyed, waitMs, respondAsync }) => {
    const coalescer = coalescerOf(command);
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
    if (known.state === 'pending' && known.requestHash === command.requestHash) await send(command, coalescer);
    return known;
  };

  /** Lets a promised command go its way, for which nobody waits. */
  const send = async (command: Command, coalescer: Coalescer): Promise<void> => {
    if (deps.stopping.aborted) return hasten([command.id]);
    const { leave, outcome } = coalescer.submit(command);
    leave();
    // It was refused, and so has certainly not left.
    outcome.catch(() => hasten([command.id]));
  };

  const promiseLate = async (command: Command, ticket: Ticket): Promise<KnownOutcome> => {
    const dueInMs = ticket.isSent() ? FIRST_SWEEP_MS : 0;
    // A promise that failed may have been committed all the same; one that found no room or was too late was not. With
    // the database in doubt none is tried: finding out would cost the client its two seconds.
    const promising = deps.database.isInDoubt() ? Promise.resolve('unknown' as const) : promise({ command, dueInMs });
    const known = await promising.catch(() => 'unknown' as const);
    ticket.leave();
    const isWithdrawn = ticket.withdraw();
    if (known === undefined && isWithdrawn) throw new Problem('overloaded');
    if (known !== undefined && known !== 'unknown') return known;
    throw outcomeUnknown(command);
  };

  const close = async () => {
    await hasten(deps.coalescers.flatMap((coalescer) => coalescer.takeBack()).map(({ id }) => id));
  };

  return { submit, submitList: createSubmitList({ outcomes: deps.outcomes, coalescerOf, inTime }), admit, close };
}

function createSubmitList({
  outcomes,
  coalescerOf,
  inTime,
}: {
  outcomes: Outcomes;
  coalescerOf: (command: Command) => Coalescer;
  inTime: ReturnType<typeof createWait>;
}): SubmitList {
  return async (items, waitMs) => {
    const [first] = items;
    if (!first) return [];
    const known = await outcomes.read(items.map(({ id }) => id));
    const stored = items.map(({ id }) => known.get(id));
    if (stored.every((outcome) => outcome !== undefined)) return stored;
    const coalescer = coalescerOf(first);
    coalescer.admit();
    const tickets = items.map((item) => coalescer.submit(item));
    const decided = await inTime(Promise.all(tickets.map(({ outcome }) => outcome)), waitMs);
    if (decided) return decided;
    for (const ticket of tickets) ticket.leave();
    // They left together or not at all, so what holds for one holds for the list.
    const isWithdrawn = tickets.map((ticket) => ticket.withdraw()).every(Boolean);
    throw isWithdrawn ? new Problem('overloaded') : outcomeUnknown(first);
  };
}

function outcomeUnknown({ id, expiresAtMs }: Command): Problem {
  return new Problem('outcome_unknown', { operationId: id, expiresAt: new Date(expiresAtMs + EXPIRY_MARGIN_MS) });
}

/**
 * Waits for an outcome; nothing comes of it when the time is up, when the process is to stop, or when the database
 * seems to be away: what waits there can neither be read nor promised, and the client is told so within two seconds.
 */
function createWait({ stopping, database }: Pick<SubmitDeps, 'stopping' | 'database'>) {
  const waiting = new Map<() => void, number>();
  const giveUpAll = (minAgeMs: number) => {
    const latestMs = performance.now() - minAgeMs;
    for (const [giveUp, sinceMs] of waiting) if (sinceMs <= latestMs) giveUp();
  };
  stopping.addEventListener('abort', () => giveUpAll(0));
  const watch = setInterval(() => {
    if (waiting.size > 0 && database.isInDoubt()) giveUpAll(HOPE_MS);
  }, WATCH_MS).unref();
  stopping.addEventListener('abort', () => clearInterval(watch));

  return async <T>(outcome: Promise<T>, waitMs: number): Promise<T | undefined> => {
    let giveUp!: () => void;
    const timeUp = new Promise<undefined>((resolve) => {
      giveUp = () => resolve(undefined);
    });
    const timer = setTimeout(giveUp, stopping.aborted ? 0 : waitMs);
    waiting.set(giveUp, performance.now());
    try {
      return await Promise.race([outcome, timeUp]);
    } finally {
      clearTimeout(timer);
      waiting.delete(giveUp);
    }
  };
}
