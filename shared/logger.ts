/**
 * Structured logs, one JSON object a line, with what must never be written in them removed: secrets by their names, and
 * of errors everything but what is known to hold no customer's data (`errors/describeError.ts`).
 */
import { pino } from 'pino';
import type { DestinationStream, LogFn, Logger, LoggerOptions } from 'pino';
import { describeError } from './errors/describeError.ts';
import { withoutValues } from './errors/withoutValues.ts';

export type { Logger };

const SECRETS = ['password', 'authorization', 'cookie', 'DATABASE_URL', 'REDIS_URL', 'SESSION_SECRET'];

/** `destination` is for who reads the lines themselves; without, they go to standard output. */
export function createLogger(role: string, level: string, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: { role, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
    // What `withoutValues` has made of an error is plain data, which pino's own serializer would take for an error again.
    serializers: { err: (described: unknown) => described },
    formatters: { log: withoutValues },
    hooks: { logMethod },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** Of an error that is logged without a sentence, pino would take its message for one. */
function logMethod(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
  const [first, sentence, ...rest] = args as [unknown, ...unknown[]];
  const fields = first instanceof Error ? { err: first } : first;
  const error = (fields as { err?: unknown } | null)?.err;
  const said = sentence ?? (error === undefined ? undefined : describeError(error).message);
  method.apply(this, [fields, said, ...rest] as Parameters<LogFn>);
}

/** How often something that goes on being wrong is said again. */
export const REPEAT_LOG_MS = 60_000;

/**
 * Logs that a dependency went away or came back: one line per change of state, then at most one a minute while it
 * stays away, however often `down` is called. Returns the two reporters.
 */
export function createHealthLog(
  logger: Logger,
  dependency: string,
): { down: (error: unknown) => void; up: () => void } {
  let downSinceMs: number | undefined;
  let saidAtMs = 0;
  return {
    down(error) {
      const nowMs = Date.now();
      downSinceMs ??= nowMs;
      if (nowMs - saidAtMs < REPEAT_LOG_MS) return;
      saidAtMs = nowMs;
      logger.warn({ dependency, err: error, downForMs: nowMs - downSinceMs }, `${dependency} is unavailable`);
    },
    up() {
      if (downSinceMs === undefined) return;
      logger.info({ dependency, downForMs: Date.now() - downSinceMs }, `${dependency} is back`);
      downSinceMs = undefined;
      saidAtMs = 0;
    },
  };
}
