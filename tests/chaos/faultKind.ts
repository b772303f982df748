/** What all kinds of faults have in common. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { System } from './system.ts';

/** Notes a fault that is part of another one, as it begins; call what it answers when it is over. */
export type Note = (kind: string, target: string) => () => void;

export interface FaultKind {
  name: string;
  /** Longer than a worker's lock on its envelope (2.5 s), where that makes a difference. */
  durationMs: readonly [min: number, max: number];
  /** Together with another it would leave a run with nothing that works for too long. */
  isAlone?: true;
  /** Names of what it can strike. */
  targets: (system: System) => string[];
  /** Resolves when it has begun, with how to end it. */
  inflict: (system: System, target: string, note: Note) => Promise<() => Promise<void>>;
}

export const DOWN_MS = [200, 2_500] as const;
export const FREEZE_MS = [3_000, 8_000] as const;

const INSIST_FOR_MS = 30_000;
const INSIST_EVERY_MS = 250;

/** Of a fault that is there at once, and undone as quickly. */
export function ended(undo: () => void): Promise<() => Promise<void>> {
  return Promise.resolve(() => {
    undo();
    return Promise.resolve();
  });
}

/** A store that is asked for one fault may be away on account of another: until it answers. */
export async function insist<T>(work: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + INSIST_FOR_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await sleep(INSIST_EVERY_MS);
    }
  }
}
