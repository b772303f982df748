/** Structured logs, one JSON object a line, with what must never be written in them removed. */
import { pino } from 'pino';
import type { Logger } from 'pino';

export type { Logger };

const SECRETS = ['password', 'authorization', 'cookie', 'DATABASE_URL', 'REDIS_URL', 'SESSION_SECRET'];

export function createLogger(role: string, level: string): Logger {
  return pino({
    level,
    base: { role, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
  });
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
