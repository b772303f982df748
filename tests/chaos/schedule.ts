/**
 * When which fault strikes whom: drawn from the seed before the run begins. The kinds are dealt like cards, so that none
 * is left out for long. A quarter of the faults begins while the one before it is still on; no process, server or link
 * is struck twice at once.
 */
import type { FaultKind } from './faultKind.ts';
import type { Random } from './random.ts';
import type { System } from './system.ts';

export interface PlannedFault {
  kind: FaultKind;
  target: string;
  /** After the start of the run. */
  startMs: number;
  durationMs: number;
}

export interface Pace {
  firstMs: number;
  /** Between the beginnings of two faults. */
  gapMs: readonly [min: number, max: number];
}

const OVERLAP_SHARE = 0.25;
const OVERLAP_GAP_MS = [500, 2_000] as const;
/** What was struck is left alone until it has surely recovered. */
const RECOVERY_MS = 6_000;
export function drawSchedule(
  random: Random,
  system: System,
  { kinds, pace, runMs }: { kinds: readonly FaultKind[]; pace: Pace; runMs: number },
): PlannedFault[] {
  const planned: PlannedFault[] = [];
  const busyUntilMs = new Map<string, number>();
  let deck: FaultKind[] = [];
  let aloneUntilMs = 0;
  for (let startMs = pace.firstMs; startMs < runMs - RECOVERY_MS;) {
    if (deck.length === 0) deck = random.shuffle(kinds);
    const kind = deck.shift();
    if (!kind) break;
    const targets = kind.targets(system);
    if (targets.length > 0) {
      const beginMs = kind.isAlone ? Math.max(startMs, ...busyUntilMs.values()) : Math.max(startMs, aloneUntilMs);
      const free = targets.filter((target) => (busyUntilMs.get(struck(target)) ?? 0) <= beginMs);
      const target = random.pick(free.length > 0 ? free : targets);
      const atMs = Math.max(beginMs, busyUntilMs.get(struck(target)) ?? 0);
      if (atMs > runMs - RECOVERY_MS) break;
      const durationMs = random.integer(...kind.durationMs);
      planned.push({ kind, target, startMs: atMs, durationMs });
      busyUntilMs.set(struck(target), atMs + durationMs + RECOVERY_MS);
      if (kind.isAlone) aloneUntilMs = atMs + durationMs + RECOVERY_MS;
      startMs = atMs;
    }
    startMs += random.chance(OVERLAP_SHARE) ? random.integer(...OVERLAP_GAP_MS) : random.integer(...pace.gapMs);
  }
  return planned;
}

/** A process and its links are one: a link of a process that is being restarted cannot fail by itself. */
export function struck(target: string): string {
  return /(?:api|worker)\d/.exec(target)?.[0] ?? target;
}
