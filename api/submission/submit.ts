/**
 * The HTTP side of an operation's life: hand the command to its partition's coalescer, wait for its outcome, and when
 * the time is up promise it with a 202, but only after the promise is committed.
 *
 *     keyed? ──known already──▶ its stored outcome, or wait for the promised one
 *       │ no: what its account may ask for in a second, and whether there is room
 *       ├── no worker works ──▶ promise committed ──▶ 202
 *       ▼
 *     submitted ──outcome in time──▶ answer
 *       │ time is up
 *       ▼
 *     promise committed ──▶ 202        not committed ──▶ 503 (`outcome_unknown` if the command may be in the queue)
 *
 * What is promised before it leaves is in `promisedFirst.ts`: what `respond-async` asks for, and people's payments, so
 * that whoever looks meanwhile, from wherever, sees that they are under way; and everything while no worker works, which
 * stays out of the queue then: a worker that comes finds it due.
 */
import type { Command } from '../../shared/ledger/command.ts';
import { FIRST_SWEEP_MS } from '../../shared/store/ledger/pendingOperations.ts';
import type { EqualPayment } from '../../shared/store/ledger/promisePayment.ts';
import type { KnownOutcome } from '../../shared/store/ledger/readOutcomes.ts';
import type { Dependency } from '../../shared/dependency.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import type { Certainty } from './certainty.ts';
import type { Coalescer } from './coalescer.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';
import type { Outcomes } from './outcomes.ts';
import type { Quotas } from '../quotas/quotas.ts';
import { createHandOver, outcomeUnknown } from './handOver.ts';
import type { Handed } from './handOver.ts';
import { Problem } from '../http/problem.ts';
import { createPromisedFirst } from './promises/promisedFirst.ts';
import { createPromises } from './promises/promises.ts';
import { noRoom } from './workers.ts';
import type { Workers } from './workers.ts';
import { createSubmitEach, createSubmitList } from './submitMany.ts';
import type { SubmitEach, SubmitList } from './submitMany.ts';

export interface SubmitDeps {
  /** By partition. */
  coalescers: readonly Coalescer[];
  outcomes: Outcomes;
  workers: Pick<Workers, 'areGone'>;
  pool: Pool;
  database: Dependency;
  guard: DatabaseGuard;
  certainty: Certainty;
  quotas: Quotas;
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

/** How a person's payment is submitted. */
export interface PaymentOptions extends Pick<SubmitOptions, 'isKeyed' | 'waitMs'> {
  /** The payment just like it that its sender has been asked about, and means to repeat. */
  confirmed: string | undefined;
}

/** Resolves with what is known of the operation: an outcome, or `pending` once that is promised. Throws `Problem`. */
export type Submit = (command: Command, options: SubmitOptions) => Promise<KnownOutcome>;

/**
 * As `Submit`, but it is waited for only once it is promised; and where there is a payment just like it, other than the one
 * confirmed, nothing is done and that one is told.
 */
export type SubmitPayment = (command: Command, options: PaymentOptions) => Promise<KnownOutcome | EqualPayment>;

export interface Submission {
  submit: Submit;
  submitPayment: SubmitPayment;
  submitEach: SubmitEach;
  submitList: SubmitList;
  /** Refuses with a `Problem` when no command could be served now; costs nothing, so it may run before all else. */
  admit: () => void;
  /** Sees to what was promised and has not left. Call it when the process is to stop and every request is answered. */
  close: () => Promise<void>;
}

export function createSubmission(deps: SubmitDeps): Submission {
  const promises = createPromises({ ...deps, partitions: deps.coalescers.length });
  const { promise, hasten, isFull } = promises;
  const { coalescerOf, hand } = createHandOver(deps);
  const { promiseAtOnce, promiseAndWait } = createPromisedFirst({ ...deps, ...promises, hand });
  const { areGone } = deps.workers;

  const admit = () => {
    if (deps.database.isAway() || deps.stopping.aborted) throw new Problem('unavailable');
    const waiting = deps.coalescers.reduce((sum, coalescer) => sum + coalescer.waiting(), 0);
    if (waiting >= deps.maxWaiting) throw new Problem('overloaded');
  };

  const admitTo = (coalescer: Coalescer) => {
    coalescer.admit();
    // Where nothing is decided, without room for its promise a command could only end in not knowing.
    if ((coalescer.isPaused() || areGone()) && isFull()) throw noRoom(deps.workers);
  };

  /** What is known under the client's own key already, told however much is waiting. */
  const findKnown = async (command: Command, options: SubmitOptions): Promise<KnownOutcome | undefined> => {
    const known = options.isKeyed ? await deps.outcomes.lookUp(command.id) : undefined;
    if (!known) return undefined;
    await deps.quotas.toTell([command]);
    return known.state === 'pending' ? waitForPromised(command, known, options) : known;
  };

  const admitted = async (command: Command): Promise<Coalescer> => {
    const coalescer = coalescerOf(command);
    await deps.quotas.toSubmit([command]);
    admitTo(coalescer);
    return coalescer;
  };

  const submit: Submit = async (command, options) => {
    const known = await findKnown(command, options);
    if (known) return known;
    const coalescer = await admitted(command);
    if (options.respondAsync || areGone()) return promiseAtOnce(command, coalescer);
    const [handed] = (await hand([command], () => coalescer, options.waitMs)) as [Handed];
    if (handed.end instanceof Problem) throw handed.end;
    return handed.end ?? promiseLate(handed);
  };

  const submitPayment: SubmitPayment = async (command, options) => {
    const known = await findKnown(command, { ...options, respondAsync: false });
    return known ?? promiseAndWait(command, await admitted(command), options);
  };

  /** The same key while its operation is promised: nothing is started, the same one is waited for. */
  const waitForPromised = async (
    command: Command,
    known: KnownOutcome,
    { waitMs, respondAsync }: Pick<SubmitOptions, 'waitMs' | 'respondAsync'>,
  ) => {
    if (respondAsync || areGone() || known.requestHash !== command.requestHash) return known;
    // The promise stands whether or not it can be looked at now.
    return (await deps.outcomes.watch(command.id, waitMs).catch(() => known)) ?? known;
  };

  const promiseLate = async ({ command, ticket }: Handed): Promise<KnownOutcome> => {
    const dueInMs = ticket.isSent() ? FIRST_SWEEP_MS : 0;
    // A promise that failed may have been committed all the same; one that found no room or was too late was not. With
    // the database in doubt none is tried: finding out would cost the client its two seconds.
    const promising = deps.database.isInDoubt() ? Promise.resolve('unknown' as const) : promise({ command, dueInMs });
    const known = await promising.catch(() => 'unknown' as const);
    ticket.leave();
    const isWithdrawn = ticket.withdraw();
    if (known === undefined && isWithdrawn) throw noRoom(deps.workers);
    if (known !== undefined && known !== 'unknown') return known;
    throw outcomeUnknown(command);
  };

  const close = async () => {
    await hasten(deps.coalescers.flatMap((coalescer) => coalescer.takeBack()).map(({ id }) => id));
  };

  const ways = { outcomes: deps.outcomes, quotas: deps.quotas, workers: deps.workers, coalescerOf, hand };
  const submitEach = createSubmitEach({ ...ways, admitTo, promiseAtOnce, promiseLate });
  return { submit, submitPayment, submitEach, submitList: createSubmitList(ways), admit, close };
}
