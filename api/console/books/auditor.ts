/**
 * Runs the auditor for whoever presses the button: one run at a time in the whole fleet, beside the service.
 *
 * The work is PostgreSQL's, on a connection of its own; this process only asks for the next chunk
 * and adds up what it is told, so its requests do not notice. A second connection holds the fleet's lock and writes down
 * how far it is, every second: should this process die, the lock goes with it and the run counts as interrupted.
 */
import type pg from 'pg';
import { describeError } from '../../../shared/errors/describeError.ts';
import type { Logger } from '../../../shared/logger.ts';
import { connectClient } from '../../../shared/store/database/connection.ts';
import { verifyBooks } from '../../../shared/store/books/verifyBooks.ts';
import { beginRun, endRun, reportProgress } from '../../../shared/store/books/verifyRuns.ts';
import type { RunEnd } from '../../../shared/store/books/verifyRuns.ts';
import { withDeadline } from '../../../shared/time.ts';

const HEARTBEAT_MS = 1_000;
/** A heartbeat that is not answered for this long means that the database is away. */
const HEARTBEAT_LIMIT_MS = 5_000;
const CLOSE_LIMIT_MS = 3_000;
/** PostgreSQL looks this often whether whoever asked is still there. */
const ORPHAN_CHECK = '2s';
const MAX_FAILURE = 500;

export interface Auditor {
  /** The number of the run that has begun; undefined when one is under way somewhere. Throws what `pg` throws. */
  start: (operatorId: bigint) => Promise<bigint | undefined>;
  /** Ends a run of this process as interrupted. */
  close: () => Promise<void>;
}

interface AuditorDeps {
  databaseUrl: string;
  logger: Logger;
}

export function createAuditor({ databaseUrl, logger }: AuditorDeps): Auditor {
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();
  return {
    async start(operatorId) {
      const keeper = await connectClient(databaseUrl, 'verify-run');
      try {
        const runId = await beginRun(keeper, operatorId);
        if (runId === undefined) {
          await keeper.end();
          return undefined;
        }
        running = run({ databaseUrl, logger, keeper, runId, stopping: stopping.signal });
        return runId;
      } catch (error) {
        await keeper.end().catch(() => undefined);
        throw error;
      }
    },
    async close() {
      stopping.abort();
      await withDeadline(running, CLOSE_LIMIT_MS, 'a verification did not stop in time').catch((error: unknown) =>
        logger.warn({ err: error }, 'a verification is left behind'),
      );
    },
  };
}

interface RunDeps extends AuditorDeps {
  keeper: pg.Client;
  runId: bigint;
  stopping: AbortSignal;
}

/** Never throws: what becomes of the run is in its row. */
async function run({ databaseUrl, logger, keeper, runId, stopping }: RunDeps): Promise<void> {
  const lost = new AbortController();
  const progress: { done: number; total: number | null } = { done: 0, total: null };
  const beat = () =>
    withDeadline(reportProgress(keeper, runId, progress), HEARTBEAT_LIMIT_MS, 'the database did not answer in time');
  const heart = setInterval(() => void beat().catch((error: unknown) => lost.abort(error)), HEARTBEAT_MS);
  try {
    const end = await verify(databaseUrl, AbortSignal.any([stopping, lost.signal]), (done, total) =>
      Object.assign(progress, { done, total }),
    ).catch((error: unknown): RunEnd => {
      if (stopping.aborted) return { state: 'interrupted' };
      logger.error({ err: error, run: runId.toString() }, 'a verification could not be finished');
      return { state: 'failed', failure: describeError(error).message.slice(0, MAX_FAILURE) };
    });
    clearInterval(heart);
    await beat();
    await endRun(keeper, runId, end);
    if (end.state === 'not_sound') logger.error({ run: runId.toString() }, 'the books are not sound');
  } catch (error) {
    // The row stays as it is, without the lock: whoever looks next finds it interrupted.
    logger.error({ err: error, run: runId.toString() }, 'the end of a verification could not be stored');
  } finally {
    clearInterval(heart);
    await keeper.end().catch(() => undefined);
  }
}

async function verify(
  databaseUrl: string,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<RunEnd> {
  const client = await connectClient(databaseUrl, 'verify');
  // Ending a client in the middle of a query drops the connection, and so fails that query.
  const endNow = (): void => void client.end();
  signal.addEventListener('abort', endNow);
  try {
    signal.throwIfAborted();
    // Where the server's platform cannot look, a run whose process has died goes on to its end for nobody.
    await client.query(`SET client_connection_check_interval = '${ORPHAN_CHECK}'`).catch(() => undefined);
    const report = await verifyBooks(client, { onProgress });
    return { state: report.checks.some(({ broken }) => broken > 0) ? 'not_sound' : 'sound', report };
  } finally {
    signal.removeEventListener('abort', endNow);
    await client.end().catch(() => undefined);
  }
}
