/**
 * The envelope that an operation travelled in, if its queue still has it. Outcomes do not name their envelopes, so it is
 * looked for: newest and likeliest first (an envelope's id tells when it was made, and that was soon after the operation
 * was accepted), one at a time, so that a large envelope never holds up the requests beside this one, and with a bound.
 */
import type { Job, JobType } from 'bullmq';
import { timeOfId } from '../../../shared/queue/contracts.ts';
import type { LedgerQueue } from '../../../shared/queue/ledgerQueue.ts';
import { withDeadline } from '../../../shared/time.ts';

interface FoundEnvelope {
  jobId: string;
  queue: string;
  state: string;
  commands: number;
  addedAt: Date;
  /** Attempts that were begun, the present one included. */
  attempts: number;
  /** Times that its worker was lost. */
  stalled: number;
  takenAt: Date | null;
  doneAt: Date | null;
  failedReason: string | null;
  /** What its worker has answered. */
  result: unknown;
}

export type EnvelopeSearch =
  /** `gone`: the queue does not have it any more. `hidden`: too many are there to look through. */
  { found: FoundEnvelope } | { missing: 'gone' | 'hidden' | 'queue away' };

/** `paused` is not one of BullMQ's types: what waits in a paused queue on PostgreSQL. */
const STATES = ['active', 'waiting', 'paused' as JobType, 'delayed', 'failed', 'completed'] satisfies JobType[];
const IDS_PER_STATE = 1_000;
const ENVELOPES_READ = 60;
const LIMIT_MS = 3_000;
/** Hosts' clocks differ, and an operation may wait in its process before its envelope is made. */
const EARLIER_MS = 5_000;

export async function findEnvelope(
  queue: LedgerQueue,
  operation: { id: string; acceptedAt: Date; decidedAt: Date | null },
): Promise<EnvelopeSearch> {
  try {
    return await withDeadline(search(queue, operation), LIMIT_MS, 'the queue did not answer in time');
  } catch {
    return { missing: 'queue away' };
  }
}

async function search(
  { board }: LedgerQueue,
  { id, acceptedAt, decidedAt }: { id: string; acceptedAt: Date; decidedAt: Date | null },
): Promise<EnvelopeSearch> {
  const jobIds = await board.getRanges(STATES, 0, IDS_PER_STATE, true);
  const fromMs = acceptedAt.getTime() - EARLIER_MS;
  const untilMs = (decidedAt?.getTime() ?? Infinity) + EARLIER_MS;
  const candidates = jobIds
    .map((jobId) => ({ jobId, madeMs: timeOfId(jobId) }))
    // The sweep's envelopes tell no time; there are few.
    .filter(({ madeMs }) => madeMs === undefined || (madeMs >= fromMs && madeMs <= untilMs))
    .sort((one, other) => distance(one.madeMs, acceptedAt) - distance(other.madeMs, acceptedAt));
  for (const { jobId } of candidates.slice(0, ENVELOPES_READ)) {
    const job = (await board.getJob(jobId)) as Job<unknown> | undefined;
    const commands = job ? commandsOf(job.data) : [];
    if (job && commands.some((command) => command['id'] === id)) {
      return { found: describe(job, await job.getState(), commands.length) };
    }
  }
  const areAllRead = candidates.length <= ENVELOPES_READ && jobIds.length <= IDS_PER_STATE;
  return { missing: areAllRead ? 'gone' : 'hidden' };
}

function distance(madeMs: number | undefined, acceptedAt: Date): number {
  return madeMs === undefined ? 0 : Math.abs(madeMs - acceptedAt.getTime());
}

function commandsOf(data: unknown): Record<string, unknown>[] {
  const { commands } = (data ?? {}) as { commands?: unknown };
  return Array.isArray(commands) ? (commands as Record<string, unknown>[]) : [];
}

function describe(job: Job<unknown>, state: string, commands: number): FoundEnvelope {
  const time = (ms: number | undefined) => (ms === undefined ? null : new Date(ms));
  return {
    jobId: job.id ?? '',
    queue: job.queueName,
    state,
    commands,
    addedAt: new Date(job.timestamp),
    attempts: Math.max(job.attemptsStarted, job.attemptsMade),
    stalled: job.stalledCounter,
    takenAt: time(job.processedOn),
    doneAt: time(job.finishedOn),
    failedReason: job.failedReason || null,
    result: job.returnvalue ?? null,
  };
}
