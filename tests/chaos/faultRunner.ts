/** Inflicts planned faults in time, undoes each after its duration, and keeps the record. At the end nothing is left broken. */
import { setTimeout as sleep } from 'node:timers/promises';
import { clockMs } from './history.ts';
import type { FaultRecord } from './history.ts';
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

  const runOne = async ({ kind, target, startMs, durationMs }: PlannedFault) => {
    await wait(startedMs + startMs - clockMs());
    if (stop.aborted) return;
    const record: FaultRecord = { kind: kind.name, target, startMs: clockMs(), endMs: Infinity };
    onFault(record);
    const heal = await kind.inflict(system, target);
    await wait(durationMs);
    await heal();
    record.endMs = clockMs();
    onHealed(record);
  };
  // All of them are waited for, also when one fails, so that nothing goes on behind the back of a run that has ended.
  const settled = await Promise.allSettled(planned.map(runOne));
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
