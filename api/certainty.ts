/**
 * Whether what can be read has also reached the synchronous replica, where PostgreSQL has one.
 *
 * There a COMMIT waits for the replica before anybody can see what it did. But the wait can be cut short, by a cancelled
 * or terminated session or a crash: what was committed then shows, and a failover may take it back. PostgreSQL tells only
 * the one who committed, with a warning. So before an outcome is told to a client, a commit that changes nothing is made
 * and waited for: it comes later in the same log, and when the replica has confirmed it, it has all that was read before.
 *
 * One such commit is under way at a time, for all who ask meanwhile together, on a connection of its own: while the replica
 * is gone it waits, for as long as that takes (no time limit of PostgreSQL ends it), and nobody piles up behind it.
 */
import type pg from 'pg';
import { createBatcher } from '../shared/batcher.ts';
import { createHealthLog } from '../shared/logger.ts';
import type { Logger } from '../shared/logger.ts';
import { UnclearCommitError } from '../shared/store/classifyFault.ts';
import { heedWarnings } from '../shared/store/replication.ts';
import { connectClient } from '../shared/store/connection.ts';
import { withDeadline } from '../shared/time.ts';
import { Problem } from './problem.ts';

/** How long a client's request waits for the replica, which takes milliseconds where it is there. */
const CONFIRM_LIMIT_MS = 1_000;
const CLOSE_LIMIT_MS = 500;

export interface Certainty {
  /** Resolves when what was read before is certain. Throws `unavailable` when that is not known in time. */
  confirm: () => Promise<void>;
  /** The replica has not confirmed for so long that what is committed now would not come back either. */
  isStuck: () => boolean;
  close: () => Promise<void>;
}

const COMMIT_NOTHING = `SELECT pg_logical_emit_message(true, 'saldo', '')`;

export function createCertainty({ databaseUrl, logger }: { databaseUrl: string; logger: Logger }): Certainty {
  const health = createHealthLog(logger, 'synchronous replica');
  let client: pg.Client | undefined;
  let begunMs = Infinity;

  const commitNothing = async () => {
    client ??= await connectClient(databaseUrl, 'api-certainty');
    const { warning, stop } = heedWarnings(client);
    try {
      await client.query(COMMIT_NOTHING);
    } finally {
      stop();
    }
    if (warning() !== undefined) throw new UnclearCommitError(`COMMIT was answered with a warning: ${warning() ?? ''}`);
  };
  const confirmTogether = createBatcher(async (askers: undefined[]) => {
    begunMs = performance.now();
    try {
      await commitNothing();
      return askers;
    } catch (error) {
      const broken = client;
      client = undefined;
      void broken?.end().catch(() => undefined);
      throw error;
    } finally {
      begunMs = Infinity;
    }
  });

  return {
    async confirm() {
      try {
        await withDeadline(confirmTogether(undefined), CONFIRM_LIMIT_MS, 'it has not confirmed in time');
        health.up();
      } catch (error) {
        health.down(error);
        throw new Problem('unavailable', {}, error);
      }
    },
    isStuck: () => performance.now() - begunMs > CONFIRM_LIMIT_MS,
    async close() {
      await withDeadline(client?.end() ?? Promise.resolve(), CLOSE_LIMIT_MS, 'not closed').catch(() => undefined);
    },
  };
}

/** Where nobody waits for a replica, or a test is not about it. */
export const CERTAIN: Certainty = {
  confirm: () => Promise.resolve(),
  isStuck: () => false,
  close: () => Promise.resolve(),
};
