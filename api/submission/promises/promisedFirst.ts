/**
 * Commands whose promise is committed before they leave: what `Prefer: respond-async` asks for, which is answered at once,
 * and people's payments, which are then waited for as ever. What does not leave is made due at once, so that a worker
 * brings it in: the promise stands.
 */
import type { Command } from '../../../shared/ledger/command.ts';
import { FIRST_SWEEP_MS } from '../../../shared/store/ledger/pendingOperations.ts';
import type { KnownOutcome } from '../../../shared/store/ledger/readOutcomes.ts';
import type { Coalescer } from '../coalescer.ts';
import { outcomeUnknown } from '../handOver.ts';
import type { HandOver, Handed } from '../handOver.ts';
import { Problem } from '../../http/problem.ts';
import type { Promises } from './promises.ts';
import { noRoom } from '../workers.ts';
import type { Workers } from '../workers.ts';

interface PromisedFirst {
  /** Answers as soon as the promise stands. */
  promiseAtOnce: (command: Command, coalescer: Coalescer) => Promise<KnownOutcome>;
  /** Waits for the outcome, at most `waitMs`. */
  promiseAndWait: (command: Command, coalescer: Coalescer, waitMs: number) => Promise<KnownOutcome>;
}

interface PromisedFirstDeps extends Pick<Promises, 'promise' | 'hasten'>, Pick<HandOver, 'hand'> {
  workers: Pick<Workers, 'areGone'>;
  /** Aborted when the process is to stop. */
  stopping: AbortSignal;
}

export function createPromisedFirst({ promise, hasten, hand, workers, stopping }: PromisedFirstDeps): PromisedFirst {
  /** What stands under the command's id once its promise is committed, and whether that is this promise. */
  const promiseNow = async (
    command: Command,
    dueInMs = FIRST_SWEEP_MS,
  ): Promise<{ known: KnownOutcome; isOwn: boolean }> => {
    const known = await promise({ command, dueInMs }).catch(() => {
      throw outcomeUnknown(command);
    });
    if (!known) throw noRoom(workers);
    return { known, isOwn: known.state === 'pending' && known.requestHash === command.requestHash };
  };

  /** Lets a promised command go its way, for which nobody waits. */
  const send = async (command: Command, coalescer: Coalescer): Promise<void> => {
    if (stopping.aborted) return hasten([command.id]);
    const { leave } = coalescer.submit(command, (end) => {
      // It was refused, and so has certainly not left.
      if (end instanceof Problem) void hasten([command.id]);
    });
    leave();
  };

  return {
    async promiseAtOnce(command, coalescer) {
      // Without a worker it would only lie in the queue, which has no bound: whichever comes sweeps it in.
      const stays = workers.areGone();
      const { known, isOwn } = await promiseNow(command, stays ? 0 : FIRST_SWEEP_MS);
      if (isOwn && !stays) await send(command, coalescer);
      return known;
    },
    async promiseAndWait(command, coalescer, waitMs) {
      const { known, isOwn } = await promiseNow(command);
      if (!isOwn) return known;
      const [{ end, ticket }] = (await hand([command], () => coalescer, waitMs)) as [Handed];
      ticket.leave();
      if (end instanceof Problem) await hasten([command.id]);
      return end === undefined || end instanceof Problem ? known : end;
    },
  };
}
