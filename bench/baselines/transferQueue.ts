/** The one queue between the two processes of the baseline "one worker": its name and what travels through it. */
import { Redis } from 'ioredis';
import { ConfigurationError } from '../../shared/env.ts';
import type { WireCommand } from '../../shared/queue/contracts.ts';

export const TRANSFER_QUEUE = 'transfers';

export type TransferJob = WireCommand;
/** What `applyTransfer` answered, as JSON can carry it. */
export type TransferJobResult =
  { state: 'applied'; balance: number } | { state: 'rejected' | 'reused'; reason: string };

/** How many finished jobs are kept: whoever waits for one must still find it. */
export const KEEP_COMPLETED = 5_000;

/** Each worker and each stream of events needs a connection of its own. */
export function connectRedis(url: string | undefined): Redis {
  if (url === undefined) throw new ConfigurationError('REDIS_URL is not set, and "one worker" is measured on Redis.');
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  return redis;
}
