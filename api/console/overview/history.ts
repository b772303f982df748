/**
 * The last hour, as points of fifteen seconds each. It is read once in full and from then on only what is new, so that a
 * console which is being looked at costs a handful of rows every few seconds, and one that is not costs nothing.
 */
import type { Sample } from '../../../shared/telemetry/sample.ts';
import { partitionsTaken, summarise } from './summary.ts';
import type { Summary } from './summary.ts';

export const STEP_MS = 15_000;
const HOUR_MS = 3_600_000;
/** What "now" means: two samples of every process and a little. */
const RECENT_MS = 12_500;
/** A sample is stored a moment after it is stamped, and processes store theirs at different moments. */
const LATE_MS = 5_000;

export interface Point extends Summary {
  atMs: number;
}

export interface Sighting {
  process: string;
  atMs: number;
}

export interface History {
  /** From when on samples are wanted, and with which step. */
  wanted: (nowMs: number) => { sinceMs: number; stepMs: number };
  add: (samples: readonly Sample[], nowMs: number) => void;
  /** One per step that is over, oldest first; steps without a sample are left out. */
  points: () => Point[];
  recent: (nowMs: number) => Sample[];
  /** The process that was last seen to take an envelope of each partition. */
  lastTaken: ReadonlyMap<number, Sighting>;
}

export function createHistory(): History {
  let kept: Sample[] = [];
  let points: Point[] = [];
  let newestMs = -Infinity;
  let hasLooked = false;
  const lastTaken = new Map<number, Sighting>();

  const close = (untilMs: number) => {
    const steps = new Map<number, Sample[]>();
    for (const sample of kept) {
      const stepMs = Math.floor(sample.atMs / STEP_MS) * STEP_MS;
      const lastMs = points.at(-1)?.atMs ?? -Infinity;
      if (stepMs + STEP_MS <= untilMs && stepMs > lastMs) steps.set(stepMs, [...(steps.get(stepMs) ?? []), sample]);
    }
    const added = [...steps].sort(([one], [other]) => one - other);
    points.push(...added.map(([atMs, samples]) => ({ atMs, ...summarise(samples) })));
  };

  return {
    wanted(nowMs) {
      // A fleet that has just started has stored two rows in one step, of which a look by steps sees only one.
      if (hasLooked && newestMs === -Infinity) return { sinceMs: nowMs - 2 * STEP_MS, stepMs: 1 };
      if (newestMs < nowMs - HOUR_MS) return { sinceMs: nowMs - HOUR_MS, stepMs: STEP_MS };
      // What is new, and what was stored late.
      return { sinceMs: newestMs - LATE_MS, stepMs: nowMs - newestMs > 2 * STEP_MS ? STEP_MS : 1 };
    },
    add(samples, nowMs) {
      hasLooked = true;
      const known = new Set(kept.map(identify));
      for (const sample of samples) {
        if (known.has(identify(sample))) continue;
        kept.push(sample);
        newestMs = Math.max(newestMs, sample.atMs);
        for (const partition of partitionsTaken(sample)) {
          if ((lastTaken.get(partition)?.atMs ?? -Infinity) > sample.atMs) continue;
          lastTaken.set(partition, { process: sample.process, atMs: sample.atMs });
        }
      }
      close(nowMs - LATE_MS);
      const lastMs = points.at(-1)?.atMs ?? -Infinity;
      kept = kept.filter(({ atMs }) => atMs >= Math.min(lastMs + STEP_MS, nowMs - RECENT_MS - LATE_MS));
      points = points.filter(({ atMs }) => atMs >= nowMs - HOUR_MS);
    },
    points: () => points,
    recent: (nowMs) => kept.filter(({ atMs }) => atMs > nowMs - RECENT_MS),
    lastTaken,
  };
}

function identify({ process, atMs }: Sample): string {
  return `${process} ${atMs}`;
}
