/**
 * What a worker does with one envelope: read it, apply its commands in one transaction, and see to it that every
 * command that can be read gets an outcome, whatever is wrong with the others.
 *
 *     apply together ──fault: retry/away──▶ again, a few times, holding the partition; then the queue's own retries
 *        │ fault: data
 *        ▼
 *     apply one at a time ──fault: data──▶ store that one as rejected `internal_error`
 *
 * Applying twice is harmless: what is stored already is skipped. So whenever it is unclear whether a transaction
 * committed, the envelope is simply applied again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from '../shared/ledger/command.ts';
import type { Logger } from '../shared/logger.ts';
import { MAX_ENVELOPE_COMMANDS, fromEnvelope } from '../shared/queue/contracts.ts';
import { UnreadableEnvelopeError } from '../shared/queue/ledgerQueue.ts';
import { applyCommands, rejectCommand } from '../shared/store/applyCommands.ts';
import { classifyFault } from '../shared/store/classifyFault.ts';
import type { Pool } from '../shared/store/pool.ts';

const MAX_TRIES = 5;
const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 250;

interface ApplyDeps {
  pool: Pool;
  logger: Logger;
  /** A call to the database failed, and not for what was in it. */
  onFault: (error: unknown) => void;
  /** The process is to end: what fails now is left to the queue's own retries, in another worker. */
  isStopping: () => boolean;
}

/** Returns when every readable command has an outcome. Throws `UnreadableEnvelopeError`, or a fault to be retried. */
export async function applyEnvelope(deps: ApplyDeps, jobId: string, data: unknown): Promise<void> {
  const { commands, problems } = fromEnvelope(data);
  // Ours are never longer than one slice; one that is must not strand what is in it.
  for (let at = 0; at < commands.length; at += MAX_ENVELOPE_COMMANDS) {
    await applyAll(deps, jobId, commands.slice(at, at + MAX_ENVELOPE_COMMANDS));
  }
  if (problems.length === 0) return;
  deps.logger.error(
    { jobId, problems },
    'an envelope has commands that cannot be read; see the failed set of its queue',
  );
  throw new UnreadableEnvelopeError(problems.join('; '));
}

async function applyAll(deps: ApplyDeps, jobId: string, commands: Command[]): Promise<void> {
  try {
    await withRetries(deps, () => applyCommands(deps.pool, commands));
  } catch (error) {
    if (classifyFault(error) !== 'data') throw error;
    deps.logger.error(
      { err: error, jobId, commands: commands.length },
      'an envelope failed on data; applying one by one',
    );
    for (const command of commands) await applyAlone(deps, jobId, command);
  }
}

async function applyAlone(deps: ApplyDeps, jobId: string, command: Command): Promise<void> {
  try {
    await withRetries(deps, () => applyCommands(deps.pool, [command]));
  } catch (error) {
    if (classifyFault(error) !== 'data') throw error;
    deps.logger.error({ err: error, jobId, operationId: command.id }, 'a command failed alone; rejecting it');
    await withRetries(deps, () => rejectCommand(deps.pool, command));
  }
}

async function withRetries<T>(deps: ApplyDeps, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const fault = classifyFault(error);
      if (fault === 'away') deps.onFault(error);
      if (fault === 'data' || tries === MAX_TRIES || deps.isStopping()) throw error;
      await sleep(Math.min(FIRST_PAUSE_MS * 2 ** tries, MAX_PAUSE_MS));
    }
  }
}
