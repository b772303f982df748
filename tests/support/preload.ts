/** Programs that run in a process before its own: for what only happens inside it. */

export const HOUR_MS = 3_600_000;

/** As an environment variable. */
export function preload(program: string): { NODE_OPTIONS: string } {
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(program)}` };
}

/** The process's time of day is another one; its monotonic clock and its timers are right. */
export function shiftClock(byMs: number): { NODE_OPTIONS: string } {
  return preload(`const RealDate = Date;
    globalThis.Date = class Date extends RealDate {
      constructor(...given) { if (given.length > 0) super(...given); else super(Date.now()); }
      static now() { return RealDate.now() + ${byMs}; }
    };`);
}
