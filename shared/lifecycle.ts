/**
 * The life of one process, the same for every role: it starts, tells a supervisor that it is ready, works until it is
 * told to end, stops once, and exits.
 *
 *     starting ──started──▶ running ──SIGTERM, SIGINT, SIGHUP or no supervisor──▶ stopping ──▶ exit 0
 *        │                     └──────it cannot go on: one sentence─────────────▶ stopping ──▶ exit 1
 *        ├─ a mistake in the configuration: one sentence, exit 1                      ├─ stop failed: exit 1
 *        └─ any other fault: message and stack, exit 1                                └─ took too long: exit 1
 *
 * Told to end while starting, it finishes starting first, so that `stop` closes whatever was opened (a start that
 * heeds the signal it is given may throw that signal's reason instead); the time limit counts all the same.
 */
import { setFlagsFromString } from 'node:v8';
import { ConfigurationError } from './env.ts';
import { errorLines } from './errors/describeError.ts';
import { Fault } from './errors/fault.ts';
import { createLogger } from './logger.ts';
import type { Logger } from './logger.ts';
import { DeadlineError, withDeadline } from './time.ts';

interface Running {
  /** Told to the supervisor along with `type: 'ready'`, such as the URL that the API listens at. */
  ready: Record<string, unknown>;
  stop: () => Promise<void>;
  /** Resolves, with a sentence for stderr, if it cannot go on. */
  failed?: Promise<string>;
}

interface LifeOptions {
  /** How long stopping may take. */
  stopLimitMs: number;
}

const STOP_LIMIT_MS = 10_000;

/** A failure whose reason is on stderr already. */
export class AlreadyTold extends Fault {
  override name = 'AlreadyTold';
}

/** Takes the process over: call it last in a main file. It exits the process and never throws. */
export function runProcess(
  start: (stopping: AbortSignal) => Promise<Running>,
  options: LifeOptions = { stopLimitMs: STOP_LIMIT_MS },
): void {
  keepHeapSmall();
  const stopping = new AbortController();
  const started = startOrExit(start, stopping.signal);
  const stop = (why: string, exitCode = 0): void => {
    if (stopping.signal.aborted) return;
    setTimeout(() => exitFatal(`still stopping ${options.stopLimitMs} ms after ${why}`), options.stopLimitMs).unref();
    stopping.abort();
    started
      .then((running) => running.stop())
      .then(
        () => process.exit(exitCode),
        (error: unknown) => exitFatal('stopping failed', error),
      );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  // The terminal was closed: what is said now reaches nobody, and is no reason to end in the middle.
  process.on('SIGHUP', () => {
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
    stop('SIGHUP');
  });
  process.on('disconnect', () => stop('the supervisor was gone'));
  process.on('uncaughtException', (error) => exitFatal('an exception that nothing caught', error));
  process.on('unhandledRejection', (error) => exitFatal('a rejection that nothing caught', error));
  void started.then(({ ready, failed }) => {
    if (!stopping.signal.aborted) tellSupervisor({ type: 'ready', ...ready });
    void failed?.then((sentence) => {
      if (!stopping.signal.aborted) process.stderr.write(`${sentence}\n`);
      stop('it could not go on', 1);
    });
  });
}

/**
 * On a machine with much memory V8 lets garbage grow to several times what is in use before it collects. These flags are
 * read each time V8 decides, so they may be set now; what they cost and save is in docs/adr/0008-what-a-transfer-costs.md.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=35');
  // Else V8 sees in a burst of load that much of what is made survives, and makes it in the old generation from then on.
  setFlagsFromString('--no-allocation-site-pretenuring');
  // Prisma's WebAssembly is not on a hot path: it runs as it is first compiled.
  setFlagsFromString('--liftoff-only');
}

/**
 * One step of stopping: waits until all of it is closed, but not for ever, because what it belongs to may be away. What
 * is not closed by then is left as a crash would leave it, and ends with the process. Rejects when closing fails.
 */
export async function closeWithin(
  limitMs: number,
  closing: readonly (Promise<unknown> | undefined)[],
  logger: Logger,
): Promise<void> {
  const open = closing.filter((each) => each !== undefined);
  const closed = withDeadline(Promise.all(open), limitMs, `not everything is closed after ${limitMs} ms`);
  await closed.catch((error: unknown) => {
    if (!(error instanceof DeadlineError)) throw error;
    logger.warn({ err: error }, 'stopping all the same');
  });
}

async function startOrExit(start: (stopping: AbortSignal) => Promise<Running>, signal: AbortSignal): Promise<Running> {
  try {
    return await start(signal);
  } catch (error) {
    if (signal.aborted && error === signal.reason) process.exit(0);
    printFailure(error);
    process.exit(1);
  }
}

/** One sentence for a mistake that its reader can correct, everything there is to know for any other fault. */
export function printFailure(error: unknown): void {
  if (error instanceof AlreadyTold) return;
  process.stderr.write(`${error instanceof ConfigurationError ? error.message : errorLines(error)}\n`);
}

/** Without a supervisor there is nobody to tell; one that has just died is noticed by `disconnect`, not here. */
function tellSupervisor(message: Record<string, unknown>): void {
  process.send?.(message, undefined, undefined, () => undefined);
}

function exitFatal(what: string, error?: unknown): void {
  createLogger('process', 'fatal').fatal(error === undefined ? {} : { err: error }, what);
  process.exit(1);
}
