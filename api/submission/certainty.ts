/**
 * Whether what can be read has also reached the synchronous replica, where PostgreSQL has one.
 *
 * There a COMMIT waits for the replica before anybody can see what it did. But the wait can be cut short, by a cancelled
 * or terminated session or a crash: what was committed then shows, and a failover may take it back. PostgreSQL tells only
 * the one who committed, with a warning. So before an outcome is told to a client, a commit that changes nothing is made
 * and waited for: it comes later in the same log, and when the replica has confirmed it, it has all that was read before.
 *
 * One such commit is under way at a time, on a connection of its own, and whoever asks meanwhile shares the one after it:
 * while the replica is gone it waits, for as long as that takes (no time limit of PostgreSQL ends it), and nobody piles up
 * behind it. A connection whose commit PostgreSQL knows nothing of has been swallowed on its way, and is dropped.
 */
import type pg from 'pg';
import { createHealthLog } from '../../shared/logger.ts';
import type { Logger } from '../../shared/logger.ts';
import { UnclearCommitError } from '../../shared/store/ledger/classifyFault.ts';
import { heedWarnings } from '../../shared/store/database/replication.ts';
import { connectClient } from '../../shared/store/database/connection.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { withDeadline } from '../../shared/time.ts';
import { Problem } from '../http/problem.ts';

/** How long a client's request waits for the replica, which takes milliseconds where it is there. */
const CONFIRM_LIMIT_MS = 1_000;
const CLOSE_LIMIT_MS = 500;
/** How often PostgreSQL is asked whether a commit that is late waits for the replica. */
const LATE_LOOK_MS = 2_000;

export interface Certainty {
  /** Resolves when what was read before is certain. Throws `unavailable` when that is not known in time. */
  confirm: () => Promise<void>;
  /** The replica has not confirmed for so long that what is committed now would not come back either. */
  isStuck: () => boolean;
  close: () => Promise<void>;
}

const COMMIT_NOTHING = `SELECT pg_logical_emit_message(true, 'saldo', '')`;

const READ_WAIT = `SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'`;

interface CertaintyDeps {
  databaseUrl: string;
  /** To ask what has become of the commit that is under way. */
  probePool: Pool;
  logger: Logger;
}

export function createCertainty({ databaseUrl, probePool, logger }: CertaintyDeps): Certainty {
  const health = createHealthLog(logger, 'synchronous replica');
  let client: pg.Client | undefined;
  let begunMs = Infinity;

  const dropIfSwallowed = async (asked: pg.Client & { processID?: number }) => {
    const { rowCount } = await probePool.query(READ_WAIT, [asked.processID]);
    // Its query is still open, so that ending it destroys the socket.
    if (rowCount === 0) await asked.end();
  };
  const commitNothing = async () => {
    const asked = (client ??= await connectClient(databaseUrl, 'api-certainty'));
    const { warning, stop } = heedWarnings(asked);
    const watching = setInterval(() => void dropIfSwallowed(asked).catch(() => undefined), LATE_LOOK_MS);
    begunMs = performance.now();
    try {
      await asked.query(COMMIT_NOTHING);
    } finally {
      begunMs = Infinity;
      clearInterval(watching);
      stop();
    }
    if (warning() !== undefined) throw new UnclearCommitError(`COMMIT was answered with a warning: ${warning() ?? ''}`);
  };
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    running = commitNothing()
      .catch((error: unknown) => {
        const broken = client;
        client = undefined;
        void broken?.end().catch(() => undefined);
        throw error;
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const confirmTogether = (): Promise<void> => {
    if (!running) return begin();
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return begin();
      });
    return next;
  };

  return {
    async confirm() {
      try {
        await withDeadline(confirmTogether(), CONFIRM_LIMIT_MS, 'it has not confirmed in time');
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
