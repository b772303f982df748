/**
 * `operator_action` and `operator_action_outcome`: what operators did, append-only. An action is written before it is
 * done, so that nothing is done that is not written down; what became of it is a row of its own.
 */
import type { PrismaClient } from '../database/pool.ts';

export type OperatorActionKind =
  | 'look_up_person'
  | 'look_up_wallet'
  | 'look_up_operation'
  | 'freeze'
  | 'unfreeze'
  | 'unlock'
  | 'verify'
  | 'queue_pause'
  | 'queue_resume'
  | 'queue_retry'
  | 'queue_promote'
  | 'queue_clean';

/** `promised`: it will be done, and that is durable. `failed`: whether it was done is not known here. */
export type ActionOutcome = 'done' | 'promised' | 'refused' | 'failed';

export interface NewAction {
  operatorId: bigint;
  action: OperatorActionKind;
  /** What it is done to: `wallet 7`, `queue ledger-0`. */
  target: string;
  details?: string | undefined;
  /** UUID of the HTTP request. */
  requestId: string;
}

export interface RecordedAction {
  id: bigint;
  at: Date;
  operator: { id: bigint; email: string };
  action: string;
  target: string;
  details: string | null;
  requestId: string;
  /** Absent for what has none (a look-up), and for what was cut off. */
  outcome: { outcome: string; details: string | null; at: Date } | null;
}

/** Answers the action's number. */
export async function recordAction(prisma: PrismaClient, { details, ...action }: NewAction): Promise<bigint> {
  const { id } = await prisma.operatorAction.create({
    data: { ...action, details: details ?? null },
    select: { id: true },
  });
  return id;
}

export async function concludeAction(
  prisma: PrismaClient,
  actionId: bigint,
  outcome: ActionOutcome,
  details?: string,
): Promise<void> {
  await prisma.operatorActionOutcome.create({ data: { actionId, outcome, details: details ?? null } });
}

interface ActionFilter {
  limit: number;
  /** The number of an action: only older ones. */
  before?: bigint | undefined;
  target?: string;
  kinds?: readonly OperatorActionKind[];
}

/** The newest actions first. */
export async function readActions(
  prisma: PrismaClient,
  { limit, before, target, kinds }: ActionFilter,
): Promise<RecordedAction[]> {
  const rows = await prisma.operatorAction.findMany({
    where: {
      ...(before !== undefined && { id: { lt: before } }),
      ...(target !== undefined && { target }),
      ...(kinds && { action: { in: [...kinds] } }),
    },
    include: { outcome: true, operator: { select: { id: true, email: true } } },
    orderBy: { id: 'desc' },
    take: limit,
  });
  return rows.map(({ id, createdAt, operator, action, target, details, requestId, outcome }) => ({
    ...{ id, at: createdAt, operator, action, target, details, requestId },
    outcome: outcome && { outcome: outcome.outcome, details: outcome.details, at: outcome.createdAt },
  }));
}
