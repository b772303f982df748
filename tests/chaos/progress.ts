/** What a run says while it lasts: each fault as it begins and ends, and now and then how far it is. */
import type { FaultRecord, History } from './history.ts';

export function faultLine(fault: FaultRecord, startedMs: number): string {
  const at = (ms: number) => `${((ms - startedMs) / 1000).toFixed(1)} s`;
  const end = Number.isFinite(fault.endMs) ? `healed at ${at(fault.endMs)}` : 'begins';
  return `  ${at(fault.startMs).padStart(8)}  ${fault.kind.padEnd(16)} ${fault.target.padEnd(18)} ${end}`;
}

export function progressLine(history: History, startedMs: number, nowMs: number): string {
  const seconds = Math.round((nowMs - startedMs) / 1000);
  const attempts = history.operations.reduce((sum, operation) => sum + operation.attempts.length, 0);
  return `  ${String(seconds).padStart(5)} s  ${history.operations.length} operations, ${attempts} attempts, ${history.faults.length} faults`;
}
