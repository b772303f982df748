/**
 * Connections to Redis that find out by themselves when they lead nowhere any more, which a socket does not tell:
 *
 *     swallowed  a firewall has lost its state: what is sent never arrives, and nobody says so. Each connection is asked
 *                once a second; one that owes an answer while a new connection gets one is dropped.
 *     demoted    the server is up, but another one is the primary now: it refuses what we send. The connection is
 *                dropped, and the next one goes to whatever is behind the address by then.
 *
 * A server that answers nobody (it hangs, it is stopped) is no reason to drop anything: what has been sent is carried out
 * when it goes on, and sent a second time it would be carried out twice.
 *
 * A blocking connection cannot be asked, because it is waiting: BullMQ gives one up that waits for longer than it was to.
 */
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { Fault } from '../errors/fault.ts';
import { withDeadline } from '../time.ts';

const BEAT_MS = 1_000;
/**
 * So many beats without an answer are too many. They are counted, not timed: a process that was frozen has made none, and
 * finds the answer waiting when it wakes up.
 */
const SILENT_BEATS = 3;
const NEW_CONNECTION_LIMIT_MS = 1_000;
/** For a FIN to be answered. */
const GOODBYE_MS = 500;
/** The longest that a connection may owe an answer, its handshake included: two seconds more than BullMQ ever blocks. */
const SILENCE_LIMIT_MS = 12_000;
/** A server that refuses us is not asked more often than that. */
const REFUSED_PAUSE_MS = 500;
const MAX_RECONNECT_PAUSE_MS = 1_000;
const LOADING_PAUSE_MS = 1_000;

/** What Redis refuses work with (the first word of its error), and whether another server may be the one to ask. */
const REFUSALS: Record<string, { says: string; isElsewhere: boolean }> = {
  READONLY: { says: 'it is a replica, which takes no writes', isElsewhere: true },
  UNBLOCKED: { says: 'it has just become a replica', isElsewhere: true },
  MASTERDOWN: { says: 'it is a replica that has lost its primary', isElsewhere: true },
  LOADING: { says: 'it is still reading its data', isElsewhere: true },
  NOREPLICAS: { says: 'it has fewer replicas than it needs to take a write', isElsewhere: true },
  OOM: { says: 'its memory is full (maxmemory)', isElsewhere: false },
  MISCONF: { says: 'it cannot save its data to the disk', isElsewhere: false },
  BUSY: { says: 'it is busy with a script', isElsewhere: false },
  CLUSTERDOWN: { says: 'it is part of a cluster that is down', isElsewhere: false },
  NOPERM: { says: 'its user may not do what the queues need', isElsewhere: false },
  NOAUTH: { says: 'it wants a password', isElsewhere: false },
  WRONGPASS: { says: 'it refuses the user or the password', isElsewhere: false },
};

/** Where a script was refused, the word stands behind that of Lua, and a `-`. */
const REFUSAL = new RegExp(`(?:^|[\\s-])(${Object.keys(REFUSALS).join('|')})\\b`);

function refusalOf(error: unknown) {
  const [, word = ''] = (error instanceof Error && REFUSAL.exec(error.message)) || [];
  const refusal = REFUSALS[word];
  return refusal && { ...refusal, word };
}

/** Why Redis cannot be used, in words where we have them. */
export function explainRedis(error: unknown): unknown {
  const refusal = refusalOf(error);
  if (!refusal) return error;
  return new Fault(`Redis takes no work: ${refusal.says} (${refusal.word})`, { cause: error });
}

/** Whether ioredis has refused to queue a command for a connection that is not up: whatever else fails may have been sent. */
export function wasNeverSent(error: unknown): boolean {
  return error instanceof Error && error.message.includes('enableOfflineQueue');
}

export interface RedisConnections {
  /** `failFast`: a command fails at once while the connection is down. Otherwise it waits until it is back. */
  open: (options: { failFast: boolean; beat: (connection: Redis) => Promise<unknown> }) => Redis;
  /** Why a connection is down, as far as that is known. */
  whyDown: (connection: Redis) => unknown;
  close: () => void;
}

/** `onError` hears of every failure, that of a beat included. */
export function createRedisConnections(url: string, onError: (error: unknown) => void): RedisConnections {
  const closing: (() => void)[] = [];
  const reasons = new WeakMap<Redis, unknown>();
  return {
    open({ failFast, beat }) {
      const connection = new Redis(
        url,
        connectionOptions(failFast, (error) => reasons.set(connection, error)),
      );
      connection.on('error', (error) => {
        reasons.set(connection, error);
        onError(error);
      });
      connection.on('ready', () => reasons.delete(connection));
      const stop = dropWhenSwallowed(connection, () => beat(connection).catch(onError));
      closing.push(() => {
        stop();
        connection.disconnect();
      });
      return connection;
    },
    whyDown: (connection) => reasons.get(connection) ?? new Fault('there is no connection to Redis'),
    close: () => {
      for (const close of closing) close();
    },
  };
}

/** BullMQ's blocking connections are made with the same ones. */
function connectionOptions(failFast: boolean, onRefused: (error: Error) => void) {
  let isRefused = false;
  return {
    maxRetriesPerRequest: null,
    enableOfflineQueue: !failFast,
    connectTimeout: 2_000,
    keepAlive: 5_000,
    socketTimeout: SILENCE_LIMIT_MS,
    disconnectTimeout: GOODBYE_MS,
    maxLoadingRetryTime: LOADING_PAUSE_MS,
    reconnectOnError: (error: Error) => {
      const isElsewhere = refusalOf(error)?.isElsewhere === true;
      isRefused ||= isElsewhere;
      if (isElsewhere) onRefused(error);
      return isElsewhere;
    },
    retryStrategy: (times: number) => {
      const pauseMs = isRefused ? REFUSED_PAUSE_MS : Math.min(times * 100, MAX_RECONNECT_PAUSE_MS);
      isRefused = false;
      return pauseMs;
    },
  } satisfies RedisOptions;
}

/** `beat` never rejects. Returns how to stop. */
function dropWhenSwallowed(connection: Redis, beat: () => Promise<unknown>): () => void {
  let silentBeats = 0;
  let isAsked = false;
  const ask = async () => {
    isAsked = true;
    await beat();
    isAsked = false;
    silentBeats = 0;
  };
  const lookForOneThatWorks = async () => {
    silentBeats = 0;
    if ((await isAnsweredAnew(connection)) && isOpen(connection)) connection.disconnect(true);
  };
  const timer = setInterval(() => {
    // ioredis itself gives up what does not come about.
    silentBeats = isOpen(connection) ? silentBeats + 1 : 0;
    if (silentBeats > SILENT_BEATS) void lookForOneThatWorks();
    else if (connection.status === 'ready' && !isAsked) void ask();
  }, BEAT_MS).unref();
  return () => clearInterval(timer);
}

/** Its handshake may be swallowed as well. */
function isOpen({ status }: Redis): boolean {
  return status === 'ready' || status === 'connect';
}

async function isAnsweredAnew(connection: Redis): Promise<boolean> {
  const anew = connection.duplicate({ lazyConnect: true, retryStrategy: () => null });
  anew.on('error', () => undefined);
  try {
    await withDeadline(anew.connect(), NEW_CONNECTION_LIMIT_MS, 'a new connection is not answered either');
    return true;
  } catch {
    return false;
  } finally {
    anew.disconnect();
  }
}
