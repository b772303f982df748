/**
 * What a worker does with one envelope: read it, apply its commands in one transaction, and see to it that every
 * command that can be read gets an outcome, whatever is wrong with the others.
 *
 *     apply together ──fault: retry/away──▶ again, a few times, holding the partition; then the queue's own retries
 *        │ fault: data or unclear
 *        ▼
 *     apply one at a time ──fault: data──▶ store that one as rejected `internal_error`
 *                         └─fault: unclear──▶ leave that one undecided: a few of the queue's retries, then the failed set
 *
 * What is left undecided may be mended by an operator, or by a restart: so it is never rejected for it. What a 202 has
 * promised is brought back by the sweep until it is decided.
 *
 * An atomic list is one of these: it is tried alone as a whole, and as its items cannot be told apart by the fault, all of
 * them are rejected. A crash between two of these rejections leaves an incomplete list, which is refused when it comes
 * again.
 *
 * Applying twice is harmless: what is stored already is skipped. So whenever it is unclear whether a transaction
 * committed, the envelope is simply applied again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { errorSentence } from '../../shared/errors/describeError.ts';
import { inUnits } from '../../shared/ledger/command.ts';
import type { Command } from '../../shared/ledger/command.ts';
import type { Logger } from '../../shared/logger.ts';
import { MAX_ENVELOPE_COMMANDS, fromEnvelope } from '../../shared/queue/contracts.ts';
import type { EnvelopeId } from '../../shared/queue/contracts.ts';
import { UndecidedCommandsError, UnreadableEnvelopeError } from '../../shared/queue/ledgerQueue.ts';
import { applyCommands, rejectCommand } from '../../shared/store/ledger/applyCommands.ts';
import { classifyFault } from '../../shared/store/ledger/classifyFault.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import type { Transact, WatchTransaction } from '../../shared/telemetry/tracing.ts';

const MAX_TRIES = 5;
const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 250;
/** Undecided operations that an error names. */
const MAX_NAMED = 20;

interface ApplyDeps {
  pool: Pool;
  logger: Logger;
  /** A call to the database failed, and not for what was in it. */
  onFault: (error: unknown) => void;
  /** The process is to end: what fails now is left to the queue's own retries, in another worker. */
  isStopping: () => boolean;
  /** Put around each try at a transaction. */
  watch?: WatchTransaction;
}

/** A unit that could not be decided, and why. */
interface Undecided {
  unit: readonly Command[];
  error: unknown;
}

/**
 * Returns when every command has an outcome. Throws `UndecidedCommandsError` or `UnreadableEnvelopeError` for those that
 * have none when all the others have, or a fault to be retried.
 */
export async function applyEnvelope(deps: ApplyDeps, envelope: EnvelopeId, data: unknown): Promise<void> {
  const { commands, problems } = fromEnvelope(data);
  const undecided: Undecided[] = [];
  for (const slice of inSlices(inUnits(commands))) undecided.push(...(await applyAll(deps, envelope, slice)));
  if (undecided.length > 0) {
    const reasons = [...nameUndecided(undecided), ...problems];
    deps.logger.error({ envelope_id: envelope.jobId, reasons }, 'an envelope has commands that cannot be decided');
    throw new UndecidedCommandsError(reasons.join('; '));
  }
  if (problems.length === 0) return;
  deps.logger.error(
    { envelope_id: envelope.jobId, problems },
    'an envelope has commands that cannot be read; see the failed set of its queue',
  );
  throw new UnreadableEnvelopeError(problems.join('; '));
}

/**
 * What one transaction takes: ours are never longer than one slice, but one that is must not strand what is in it. A unit
 * that is longer by itself (a list beside its second delivery) stays whole all the same: cut, it would be refused.
 */
function inSlices(units: readonly Command[][]): Command[][][] {
  const slices: Command[][][] = [];
  let room = 0;
  for (const unit of units) {
    const slice = slices.at(-1);
    if (slice && unit.length <= room) slice.push(unit);
    else {
      slices.push([unit]);
      room = MAX_ENVELOPE_COMMANDS;
    }
    room -= unit.length;
  }
  return slices;
}

/** Answers what is left undecided. */
async function applyAll(deps: ApplyDeps, envelope: EnvelopeId, units: Command[][]): Promise<Undecided[]> {
  const commands = units.flat();
  try {
    await withRetries(deps, (decider) => applyCommands(deps.pool, commands, { decider, envelope }));
    return [];
  } catch (error) {
    if (!mayBeOfOne(error)) throw error;
    deps.logger.error(
      { err: error, envelope_id: envelope.jobId, commands: commands.length },
      'an envelope failed, perhaps for one of its commands; applying one by one',
    );
  }
  const undecided: Undecided[] = [];
  for (const unit of units) undecided.push(...(await applyAlone(deps, envelope, unit)));
  return undecided;
}

/** A command, or the items of a list. */
async function applyAlone(deps: ApplyDeps, envelope: EnvelopeId, unit: readonly Command[]): Promise<Undecided[]> {
  try {
    await withRetries(deps, (decider) => applyCommands(deps.pool, unit, { decider, envelope }));
    return [];
  } catch (error) {
    if (!mayBeOfOne(error)) throw error;
    if (classifyFault(error) !== 'data') return [{ unit, error }];
    const ids = { envelope_id: envelope.jobId, operation_ids: unit.map(({ id }) => id) };
    deps.logger.error({ err: error, ...ids }, 'it failed alone; rejecting it');
  }
  try {
    for (const command of unit) await withRetries(deps, () => rejectCommand(deps.pool, command));
    return [];
  } catch (error) {
    if (!mayBeOfOne(error)) throw error;
    return [{ unit, error }];
  }
}

/** Whether a fault may be one command's, so that the others should be tried without it. */
function mayBeOfOne(error: unknown): boolean {
  return ['data', 'unclear'].includes(classifyFault(error));
}

/** For an operator: which operations, why, and what to do. */
function nameUndecided(undecided: readonly Undecided[]): string[] {
  const named = undecided.slice(0, MAX_NAMED).map(({ unit, error }) => {
    const what = unit.length === 1 ? 'operation' : `the list of ${unit.length} operations that begins with`;
    return `${what} ${unit[0]?.id ?? ''}: ${errorSentence(error)}`;
  });
  const more = undecided.length - named.length;
  return [
    `${undecided.length} of its operations cannot be decided; mend the cause, then retry this job`,
    ...named,
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
}

async function withRetries(deps: ApplyDeps, transact: Transact): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await (deps.watch?.(transact) ?? transact());
      return;
    } catch (error) {
      const fault = classifyFault(error);
      if (fault === 'away') deps.onFault(error);
      if (mayBeOfOne(error) || tries === MAX_TRIES || deps.isStopping()) throw error;
      await sleep(Math.min(FIRST_PAUSE_MS * 2 ** tries, MAX_PAUSE_MS));
    }
  }
}
