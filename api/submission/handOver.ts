/**
 * Hands commands to their partitions and waits for what comes of them: together for all the commands of a request, so
 * that a list of a thousand costs one timer and one promise.
 */
import { Fault } from '../../shared/errors/fault.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { partitionOf } from '../../shared/ledger/kinds.ts';
import type { Dependency } from '../../shared/dependency.ts';
import type { Coalescer, Ticket } from './coalescer.ts';
import { createBag } from './bag.ts';
import type { Placed } from './bag.ts';
import type { End } from './delivery.ts';
import { Problem } from '../http/problem.ts';
import type { Workers } from './workers.ts';

/** How long a request hopes for the outcome of a command that left before the database was found to be away. */
const HOPE_MS = 1_700;
const WATCH_MS = 100;

/**
 * Whoever decides or promises looks at the clock a little before the COMMIT; what clients are told leaves room for that,
 * many times as much as the limits on their statements allow.
 */
const EXPIRY_MARGIN_MS = 30_000;

/** A command in its partition's hands, and what has come of it while it was waited for. */
export interface Handed {
  command: Command;
  ticket: Ticket;
  end?: End;
}

export interface HandOver {
  coalescerOf: (command: Command) => Coalescer;
  /**
   * Waits until every command has come to an end, at most `waitMs`; whatever has none by then is still on its way. `to`
   * is the partition each goes to: its own, or for the items of an atomic list the first one's.
   * `onEnd` is told of each end by the command's place, as long as it is waited for; what it throws is thrown.
   */
  hand: (
    commands: readonly Command[],
    to: (command: Command) => Coalescer,
    waitMs: number,
    onEnd?: (index: number, end: End) => void,
  ) => Promise<Handed[]>;
}

interface HandOverDeps {
  /** By partition. */
  coalescers: readonly Coalescer[];
  database: Dependency;
  workers: Pick<Workers, 'areGone'>;
  /** Aborted when the process is to stop. */
  stopping: AbortSignal;
}

export function createHandOver({ coalescers, ...deps }: HandOverDeps): HandOver {
  const wait = createWait(deps);

  const coalescerOf = (command: Command): Coalescer => {
    const coalescer = coalescers[partitionOf(command, coalescers.length)];
    if (!coalescer) throw new Fault(`no partition for operation ${command.id}`);
    return coalescer;
  };

  const hand: HandOver['hand'] = async (commands, to, waitMs, onEnd) => {
    if (commands.length === 0) return [];
    let handed: Handed[] = [];
    let open = commands.length;
    let isOver = false;
    let fault: { error: unknown } | undefined;
    await wait(waitMs, (done) => {
      handed = commands.map((command, index) => {
        const ticket = to(command).submit(command, (end) => {
          if (isOver) return;
          each.end = end;
          open -= 1;
          try {
            onEnd?.(index, end);
          } catch (error) {
            // It is this request's: the envelope has other requests' commands.
            fault ??= { error };
          }
          if (open === 0 || fault) done();
        });
        const each: Handed = { command, ticket };
        return each;
      });
    });
    isOver = true;
    if (fault) {
      for (const { ticket } of handed) ticket.leave();
      throw fault.error;
    }
    return handed;
  };

  return { coalescerOf, hand };
}

export function outcomeUnknown({ id, expiresAtMs }: Command): Problem {
  return new Problem('outcome_unknown', { operationId: id, expiresAt: new Date(expiresAtMs + EXPIRY_MARGIN_MS) });
}

/**
 * Waits until what is begun is done; no longer when the time is up, when the process is to stop, when no worker is left
 * that could do it, or when the database seems to be away: what waits there can neither be read nor promised, and the
 * client is told so within two seconds.
 */
function createWait({ stopping, database, workers }: Omit<HandOverDeps, 'coalescers'>) {
  const waiters = createBag<Waiter>();
  const giveUpAll = (minAgeMs: number) => {
    const latestMs = performance.now() - minAgeMs;
    for (const { sinceMs, giveUp } of waiters.all()) if (sinceMs <= latestMs) giveUp();
  };
  stopping.addEventListener('abort', () => giveUpAll(0));
  const watch = setInterval(() => {
    if (workers.areGone()) giveUpAll(0);
    else if (database.isInDoubt()) giveUpAll(HOPE_MS);
  }, WATCH_MS).unref();
  stopping.addEventListener('abort', () => clearInterval(watch));

  return (waitMs: number, begin: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        waiters.remove(waiter);
        resolve();
      };
      const timer = setTimeout(end, stopping.aborted ? 0 : waitMs);
      const waiter: Waiter = { sinceMs: performance.now(), giveUp: end, place: -1 };
      waiters.add(waiter);
      begin(end);
    });
}

interface Waiter extends Placed {
  sinceMs: number;
  giveUp: () => void;
}
