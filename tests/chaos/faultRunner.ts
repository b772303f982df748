/** Inflicts planned faults in time, undoes each after its duration, and keeps the record. At the end nothing is left broken. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Note } from './faultKind.ts';
import { clockMs } from './history.ts';
import type { FaultRecord } from './history.ts';
import { struck } from './schedule.ts';
import type { PlannedFault } from './schedule.ts';
import type { System } from './system.ts';

interface FaultRunDeps {
  system: System;
  planned: readonly PlannedFault[];
  /** Ends the schedule early; what is broken then is still mended. */
  stop: AbortSignal;
  onFault: (fault: FaultRecord) => void;
  onHealed: (fault: FaultRecord) => void;
}

/** Resolves when every fault has been undone. */
export async function runFaults({ system, planned, stop, onFault, onHealed }: FaultRunDeps): Promise<void> {
  const startedMs = clockMs();
  const wait = (ms: number) => sleep(Math.max(0, ms), undefined, { signal: stop }).catch(() => undefined);

  const note: Note = (kind, target) => {
    const record: FaultRecord = { kind, target, startMs: clockMs(), endMs: Infinity };
    onFault(record);
    return () => {
      record.endMs = clockMs();
      onHealed(record);
    };
  };
  const runOne = async ({ kind, target, startMs, durationMs }: PlannedFault, before: readonly Promise<void>[]) => {
    await wait(startedMs + startMs - clockMs());
    // On a slow machine undoing takes longer than planned, and what is not mended cannot be broken.
    await Promise.allSettled(before);
    if (stop.aborted) return;
    const end = note(kind.name, target);
    const heal = await kind.inflict(system, target, note);
    await wait(durationMs);
    await heal();
    end();
  };
  const running: Promise<void>[] = [];
  for (const fault of planned) {
    const before = planned.slice(0, running.length);
    running.push(
      runOne(
        fault,
        running.filter((_, index) => collide(before[index] ?? fault, fault)),
      ),
    );
  }
  // All of them are waited for, also when one fails, so that nothing goes on behind the back of a run that has ended.
  const settled = await Promise.allSettled(running);
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

function collide(one: PlannedFault, other: PlannedFault): boolean {
  return one.kind.isAlone === true || other.kind.isAlone === true || struck(one.target) === struck(other.target);
}
