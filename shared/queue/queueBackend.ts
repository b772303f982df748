/** Which of the two backends the queues have: Redis where there is one, else PostgreSQL. */
import type { BackendOptions, LedgerQueue, QueueBackend } from './ledgerQueue.ts';
import { createPostgresQueues } from './postgresBackend.ts';
import { createRedisQueues } from './redisBackend.ts';

export function createQueueBackend(options: BackendOptions): QueueBackend {
  return options.redisUrl === undefined ? createPostgresQueues(options) : createRedisQueues(options, options.redisUrl);
}

/** Rejects when the queues cannot be used by this process. */
export async function probeQueues(backend: QueueBackend, queues: readonly LedgerQueue[]): Promise<void> {
  await backend.probe();
  await Promise.all(queues.map((queue) => queue.probe()));
}
