/**
 * Which fault excuses what. A blow to one API process, or to one of its links, is no excuse for the other one; a worker
 * and the queue are nobody's excuse for a look at the books; an operator who stops a process in good order, a clock that
 * is off and a transaction that PostgreSQL refuses now and then are no excuse at all.
 */
import type { FaultRecord } from './history.ts';

/** What the service promises: so long after a fault is over, everything works as if it had never been. */
export const RECOVERY_MS = 5_000;

/** Something a client asked for, or its connection to whom it asked. */
export interface Asked {
  /** `move` needs the queue, a worker and the database, `look` the database; a `connection` needs the process alone. */
  what: 'move' | 'look' | 'connection';
  /** Index of the API process. */
  api: number;
  partition?: number | undefined;
}

/** Whether it is only the frame around restarts that are faults of their own. */
export function isFrame({ kind }: Pick<FaultRecord, 'kind'>): boolean {
  return kind === 'rolling' || kind.startsWith('clock-');
}

/** Whether `asked` may have gone wrong on account of the fault, while it lasted or within the recovery after it. */
export function isFelt(fault: Pick<FaultRecord, 'kind' | 'target'>, { what, api, partition }: Asked): boolean {
  const { kind, target } = fault;
  if (kind === 'refuse' || isFrame(fault)) return false;
  const [, struckApi] = /api(\d)/.exec(target) ?? [];
  if (struckApi !== undefined) {
    if (Number(struckApi) !== api) return false;
    if (what === 'connection') return kind.startsWith('api-') || target.startsWith('clients-');
    return what === 'move' || !target.endsWith('-redis');
  }
  if (target === 'all') return true;
  if (target === 'postgres') return what !== 'connection';
  const [, struckPartition] = /^ledger-(\d+)$/.exec(target) ?? [];
  if (struckPartition !== undefined && partition !== undefined && Number(struckPartition) !== partition) return false;
  return what === 'move';
}

/** Whether the fault, or the recovery after it, falls into the time between. */
export function isNear(fault: Pick<FaultRecord, 'startMs' | 'endMs'>, fromMs: number, toMs: number): boolean {
  return fault.startMs < toMs && fault.endMs + RECOVERY_MS > fromMs;
}
