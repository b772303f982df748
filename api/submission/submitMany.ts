/** Many commands of one request: each for itself, or an atomic list. */
import type { Command } from '../../shared/ledger/command.ts';
import type { KnownOutcome } from '../../shared/store/ledger/readOutcomes.ts';
import type { Coalescer } from './coalescer.ts';
import type { End } from './delivery.ts';
import { outcomeUnknown } from './handOver.ts';
import type { Handed, HandOver } from './handOver.ts';
import type { Outcomes } from './outcomes.ts';
import type { Quotas } from '../quotas/quotas.ts';
import { Problem, attempt, orProblem } from '../http/problem.ts';
import { noWorker } from './workers.ts';
import type { Workers } from './workers.ts';

/** How often a list looks what has become of what is promised. */
const LIST_WATCH_PAUSE_MS = 500;

interface Wait {
  waitMs: number;
  respondAsync: boolean;
}

/**
 * Many commands, all of them keyed, each for itself as `Submit` has it: `onEnd` is told of each, by its place, once. Each
 * partition lets in all or none of a list, which may so overfill its buffer by a list's length.
 */
export type SubmitEach = (
  commands: readonly Command[],
  wait: Wait,
  onEnd: (index: number, end: End) => void,
) => Promise<void>;

/**
 * The items of an atomic list, as one; their outcomes in order. A list is never promised: when the time is up it throws
 * `outcome_unknown`, and the same items with the same keys are safe to send again.
 */
export type SubmitList = (items: readonly Command[], waitMs: number) => Promise<KnownOutcome[]>;

/** How `submit` takes the steps of a single command. */
interface Ways extends HandOver {
  outcomes: Outcomes;
  quotas: Quotas;
  workers: Pick<Workers, 'areGone'>;
  /** Throws a `Problem` when the partition would not serve a command in time. */
  admitTo: (coalescer: Coalescer) => void;
  promiseAtOnce: (command: Command, coalescer: Coalescer) => Promise<KnownOutcome>;
  promiseLate: (handed: Handed) => Promise<KnownOutcome>;
}

export function createSubmitEach({
  outcomes,
  quotas,
  workers,
  coalescerOf,
  hand,
  admitTo,
  promiseAtOnce,
  promiseLate,
}: Ways): SubmitEach {
  return async (commands, wait, onEnd) => {
    const known = await orProblem(outcomes.read(commands.map(({ id }) => id)));
    if (known instanceof Problem) {
      for (const index of commands.keys()) onEnd(index, known);
      return;
    }
    const isAsync = wait.respondAsync || workers.areGone();
    const [old, open] = [commands.filter(({ id }) => known.has(id)), commands.filter(({ id }) => !known.has(id))];
    const untold = await refusalOf(quotas.toTell(old));
    const unasked = await refusalOf(quotas.toSubmit(open));
    const tell = async (index: number, end: Promise<KnownOutcome>) => onEnd(index, await orProblem(end));
    const slow: Promise<void>[] = [];
    const promised = new Map<number, KnownOutcome>();
    const fresh: { command: Command; index: number }[] = [];
    for (const [index, command] of commands.entries()) {
      const stored = known.get(command.id);
      const refusal = stored ? untold : (unasked ?? attempt(() => admitTo(coalescerOf(command))));
      if (refusal) onEnd(index, refusal);
      else if (stored?.state === 'pending') {
        if (isAsync || stored.requestHash !== command.requestHash) onEnd(index, stored);
        else promised.set(index, stored);
      } else if (stored) onEnd(index, stored);
      else if (isAsync) slow.push(tell(index, promiseAtOnce(command, coalescerOf(command))));
      else fresh.push({ command, index });
    }
    const place = (at: number) => fresh[at]?.index as number;
    const freshCommands = fresh.map(({ command }) => command);
    const handing = hand(freshCommands, coalescerOf, wait.waitMs, (at, end) => onEnd(place(at), end));
    const late = handing.then((handed) =>
      Promise.all(handed.flatMap((each, at) => (each.end ? [] : tell(place(at), promiseLate(each))))),
    );
    await Promise.all([late, watch(outcomes, promised, wait.waitMs, onEnd), ...slow]);
  };
}

/** Why not, if so. */
async function refusalOf(turn: Promise<void>): Promise<Problem | undefined> {
  return (await orProblem(turn)) ?? undefined;
}

/**
 * The same keys while their operations are promised: nothing is started, the same ones are waited for. One look for all of
 * them, and seldom: a list may have a thousand, and there may be many lists.
 */
async function watch(
  outcomes: Outcomes,
  promised: ReadonlyMap<number, KnownOutcome>,
  waitMs: number,
  onEnd: (index: number, end: End) => void,
): Promise<void> {
  if (promised.size === 0) return;
  const open = new Map(promised);
  const look = async () => {
    const known = await outcomes.read([...open.values()].map(({ id }) => id));
    for (const [index, { id }] of open) {
      const outcome = known.get(id);
      if (!outcome || outcome.state === 'pending') continue;
      open.delete(index);
      onEnd(index, outcome);
    }
    return { value: undefined, isFinal: open.size === 0 };
  };
  // The promises stand whether or not they can be looked at now.
  await outcomes.watchFor(waitMs, look, LIST_WATCH_PAUSE_MS).catch((error: unknown) => {
    if (!(error instanceof Problem)) throw error;
  });
  for (const [index, promise] of open) onEnd(index, promise);
}

export function createSubmitList({
  outcomes,
  quotas,
  workers,
  coalescerOf,
  hand,
}: Pick<Ways, 'outcomes' | 'quotas' | 'workers' | 'coalescerOf' | 'hand'>): SubmitList {
  return async (items, waitMs) => {
    const [first] = items;
    if (!first) return [];
    const known = await outcomes.read(items.map(({ id }) => id));
    const stored = items.map(({ id }) => known.get(id));
    if (stored.every((outcome) => outcome !== undefined)) {
      await quotas.toTell(items);
      return stored;
    }
    await quotas.toSubmit(items);
    // One transaction decides them, so one partition takes all of them, whatever their wallets.
    const coalescer = coalescerOf(first);
    coalescer.admit();
    // A list is never promised, so without a worker there is nothing that could be said of it later.
    if (workers.areGone()) throw noWorker();
    const handed = await hand(items, () => coalescer, waitMs);
    const ends = handed.flatMap(({ end }) => end ?? []);
    // They left together or not at all, so what holds for one holds for the list.
    const refusal = ends.find((end) => end instanceof Problem);
    if (refusal) throw refusal;
    if (ends.length === items.length) return ends as KnownOutcome[];
    for (const { ticket } of handed) ticket.leave();
    const isWithdrawn = handed.map(({ ticket }) => ticket.withdraw()).every(Boolean);
    if (!isWithdrawn) throw outcomeUnknown(first);
    throw workers.areGone() ? noWorker() : new Problem('overloaded');
  };
}
