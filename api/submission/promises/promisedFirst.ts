/**
 * Commands whose promise is committed before they leave: what `Prefer: respond-async` asks for, which is answered at once,
 * and people's payments, which are then waited for as ever. What does not leave is made due at once, so that a worker
 * brings it in: the promise stands.
 */
import type { Command } from '../../../shared/ledger/command.ts';
import { FIRST_SWEEP_MS } from '../../../shared/store/ledger/pendingOperations.ts';
import type { EqualPayment } from '../../../shared/store/ledger/promisePayment.ts';
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
  /** Waits for the outcome, at most `waitMs`; or answers a payment just like it, unless that is `confirmed`. */
  promiseAndWait: (
    command: Command,
    coalescer: Coalescer,
    options: { waitMs: number; confirmed: string | undefined },
  ) => Promise<KnownOutcome | EqualPayment>;
}

interface PromisedFirstDeps extends Pick<Promises, 'promise' | 'promiseUnlike' | 'hasten'>, Pick<HandOver, 'hand'> {
  workers: Pick<Workers, 'areGone'>;
  /** Aborted when the process is to stop. */
  stopping: AbortSignal;
}

export function createPromisedFirst(deps: PromisedFirstDeps): PromisedFirst {
  const { promise, promiseUnlike, hasten, hand, workers, stopping } = deps;
  /** What stands under the command's id once its promise is committed. */
  const standing = async <Result>(command: Command, promising: Promise<Result | undefined>): Promise<Result> => {
    const known = await promising.catch(() => {
      throw outcomeUnknown(command);
    });
    if (!known) throw noRoom(workers);
    return known;
  };
  const isOwn = ({ requestHash }: Command, known: KnownOutcome) =>
    known.state === 'pending' && known.requestHash === requestHash;

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
      const known = await standing(command, promise({ command, dueInMs: stays ? 0 : FIRST_SWEEP_MS }));
      if (isOwn(command, known) && !stays) await send(command, coalescer);
      return known;
    },
    async promiseAndWait(command, coalescer, { waitMs, confirmed }) {
      const stays = workers.areGone();
      const asked = { command, dueInMs: stays ? 0 : FIRST_SWEEP_MS };
      const known = await standing(command, promiseUnlike(asked, confirmed));
      if (known.state === 'equal' || stays || !isOwn(command, known)) return known;
      const [{ end, ticket }] = (await hand([command], () => coalescer, waitMs)) as [Handed];
      ticket.leave();
      if (end instanceof Problem) await hasten([command.id]);
      return end === undefined || end instanceof Problem ? known : end;
    },
  };
}
