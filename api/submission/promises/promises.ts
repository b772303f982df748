/** The promises of 202: made together, told only when they stand, and brought forward when nothing else can keep them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../../../shared/errors/fault.ts';
import type { Command } from '../../../shared/ledger/command.ts';
import { countPending, hastenPending, insertPending } from '../../../shared/store/ledger/pendingOperations.ts';
import type { PromiseRefusal } from '../../../shared/store/ledger/pendingOperations.ts';
import { promisePayment } from '../../../shared/store/ledger/promisePayment.ts';
import type { EqualPayment } from '../../../shared/store/ledger/promisePayment.ts';
import type { Pool } from '../../../shared/store/database/pool.ts';
import type { KnownOutcome } from '../../../shared/store/ledger/readOutcomes.ts';
import { createBatcher } from '../../../shared/batcher.ts';
import type { Certainty } from '../certainty.ts';
import type { DatabaseGuard } from '../../database/databaseGuard.ts';
import type { Outcomes } from '../outcomes.ts';
import { createPendingRoom } from './pendingRoom.ts';
import { Problem } from '../../http/problem.ts';

/** How long a full `pending_operation` is taken to stay full. */
const FULL_FOR_MS = 1_000;
/** For how long a promise is tried again whose operation is being decided at that moment. */
const DECIDING_LIMIT_MS = 1_000;
const DECIDING_PAUSE_MS = 50;

interface Asked {
  command: Command;
  /** When a worker is to bring it in, if nothing has come of it by then. */
  dueInMs: number;
}

interface PromiseDeps {
  pool: Pool;
  guard: DatabaseGuard;
  outcomes: Pick<Outcomes, 'read'>;
  certainty: Pick<Certainty, 'confirm' | 'isStuck'>;
  partitions: number;
  maxPending: number;
}

export interface Promises {
  /**
   * Commits a promise, together with the others of that moment, and then reads what stands: the promise, an outcome that
   * came meanwhile, another request's promise under the same id, or nothing when `maxPending` is reached or the command
   * has expired. Rejects when it cannot be told whether the promise stands.
   */
  promise: (asked: Asked) => Promise<KnownOutcome | undefined>;
  /** The same for a payment; where there is one just like it, other than the one `confirmed`, that one is answered. */
  promiseUnlike: (asked: Asked, confirmed: string | undefined) => Promise<KnownOutcome | EqualPayment | undefined>;
  /** Makes promises due at once. If that fails, they are due when they were. */
  hasten: (ids: readonly string[]) => Promise<void>;
  /** Whether `maxPending` was reached just now. */
  isFull: () => boolean;
}

export function createPromises(deps: PromiseDeps): Promises {
  const { pool, guard, outcomes, certainty, partitions, maxPending } = deps;
  const room = createPendingRoom({ maxPending, count: () => guard(() => countPending(pool, maxPending)) });
  let fullAtMs = -Infinity;
  /** For how many of so many promises there is room, before they are made. */
  const reserve = createBatcher(async (wanted: number[]) => {
    const total = wanted.reduce((sum, each) => sum + each, 0);
    let left = await room.left(total);
    room.take(total);
    return wanted.map((each) => {
      const given = Math.min(left, each);
      left -= given;
      return given;
    });
  });
  /** Makes promises by `insert`, which answers why it refused some, by id, and reads what stands. */
  const store = async <Why>(commands: readonly Command[], insert: (room: number) => Promise<Map<string, Why>>) => {
    // Its COMMIT would wait for the replica as well, in one more session of PostgreSQL that nothing ends.
    if (certainty.isStuck()) throw new Problem('unavailable');
    const left = await reserve(commands.length);
    const refused = await guard(() => insert(left)).catch((error: unknown) => {
      void certainty.confirm().catch(() => undefined);
      throw error;
    });
    const ids = commands.map(({ id }) => id);
    const known = await outcomes.read(ids);
    const results = ids.map((id) => known.get(id) ?? refused.get(id) ?? ('full' as const));
    if (results.includes('full')) fullAtMs = performance.now();
    return results;
  };
  const promiseNow = createBatcher((promised: Asked[]) =>
    store(
      promised.map(({ command }) => command),
      (left) => insertPending(pool, promised, { partitions, room: left }),
    ),
  );
  const promiseUnlikeNow = async (asked: Asked, confirmed: string | undefined) => {
    const { command } = asked;
    const [result] = await store([command], async (left) => {
      const why = await promisePayment(pool, asked, { partitions, room: left, confirmed });
      return new Map(why ? [[command.id, why]] : []);
    });
    return result;
  };
  // One that is being decided waits by itself: the others of its moment are not to be late, let alone to fail, for it.
  const untilDecided = async <Result extends object>(
    { id }: Command,
    now: () => Promise<Result | PromiseRefusal | 'full' | undefined>,
  ): Promise<Result | undefined> => {
    const untilMs = performance.now() + DECIDING_LIMIT_MS;
    for (;;) {
      const result = await now();
      if (typeof result === 'object') return result;
      if (result !== 'deciding') return undefined;
      if (performance.now() > untilMs) throw new Fault(`operation ${id} is being decided all the time`);
      await sleep(DECIDING_PAUSE_MS);
    }
  };
  const hastenTogether = createBatcher(async (ids: string[]) => {
    await guard(() => hastenPending(pool, ids)).catch(() => undefined);
    return ids;
  });
  return {
    promise: (asked) => untilDecided(asked.command, () => promiseNow(asked)),
    promiseUnlike: (asked, confirmed) => untilDecided(asked.command, () => promiseUnlikeNow(asked, confirmed)),
    hasten: async (ids) => {
      await Promise.all(ids.map(hastenTogether));
    },
    isFull: () => performance.now() - fullAtMs < FULL_FOR_MS,
  };
}
