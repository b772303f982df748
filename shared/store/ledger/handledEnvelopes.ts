/**
 * How a worker tells the API processes that an envelope has been handled, so that they look at its outcomes now rather than
 * at their next poll: a NOTIFY of PostgreSQL with the envelope's id, after the COMMIT.
 *
 *     worker: COMMIT ─▶ NOTIFY id ─▶ finishes the job in the queue
 *     api:                 └─▶ reads the outcomes
 *
 * The queue has an event for it as well. That one comes two exchanges with the queue later, is one of four that a job
 * causes, and on the PostgreSQL queue often does not come at all. NOTIFY is a statement of its own, sent along behind the
 * COMMIT, because inside the transaction it would make every COMMIT of the database wait for the one before. A word that
 * is lost costs the time until the next poll.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createHealthLog } from '../../logger.ts';
import type { Logger } from '../../logger.ts';
import { startRounds } from '../../rounds.ts';
import { sessionConfig } from '../database/session.ts';

const CHANNEL = 'saldo_handled_envelopes';

/** Takes the envelope's id. */
export const TELL_HANDLED = { name: 'tell-handled', text: `SELECT pg_notify('${CHANNEL}', $1)` };

const CONNECT_LIMIT_MS = 2_000;
const RECONNECT_PAUSE_MS = 500;
/** A dead connection is noticed within this and the limit above. */
const HEARTBEAT_MS = 5_000;

interface HearOptions {
  databaseUrl: string;
  onHandled: (jobId: string) => void;
  logger: Logger;
}

/** Hears on a connection of its own, which is opened again when it breaks. Returns how to stop. */
export function hearHandled({ databaseUrl, onHandled, logger }: HearOptions): { close: () => Promise<void> } {
  const stopping = new AbortController();
  // Without it everything works, a tenth of a second later: nobody else would notice.
  const health = createHealthLog(logger, 'word of handled envelopes');

  const hearOnce = async () => {
    const client = new pg.Client({
      ...sessionConfig({ databaseUrl, name: 'api-handled' }),
      connectionTimeoutMillis: CONNECT_LIMIT_MS,
      query_timeout: CONNECT_LIMIT_MS,
    });
    const broken = new AbortController();
    client.on('error', () => broken.abort());
    client.on('notification', ({ payload }) => onHandled(payload ?? ''));
    const ended = AbortSignal.any([stopping.signal, broken.signal]);
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      health.up();
      for (;;) {
        await sleep(HEARTBEAT_MS, undefined, { signal: ended });
        await client.query('SELECT 1');
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  };

  const rounds = startRounds({
    pauseMs: RECONNECT_PAUSE_MS,
    work: hearOnce,
    onFailure: (error) => {
      if (!stopping.signal.aborted) health.down(error);
    },
  });

  return {
    close: async () => {
      stopping.abort();
      await rounds.stop();
    },
  };
}
