/**
 * The audit log. An action is written down first and done then; what became of it is written down afterwards. An action
 * that cannot be written down is refused, so the log never lacks one; an outcome may be missing, when the process died in
 * between or the database left, and the log then shows just that.
 */
import type { Logger } from '../../shared/logger.ts';
import { concludeAction, recordAction } from '../../shared/store/accounts/operatorActions.ts';
import type { ActionOutcome, NewAction } from '../../shared/store/accounts/operatorActions.ts';
import type { PrismaClient } from '../../shared/store/database/pool.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';
import type { Freeze } from '../kinds/operate.ts';
import { Problem } from '../http/problem.ts';
import { isSettled } from '../../shared/problems.ts';

export interface Conclusion {
  outcome: ActionOutcome;
  details?: string | undefined;
}

export interface Audit {
  /** For what only reads, and so has no outcome. */
  note: (action: NewAction) => Promise<void>;
  /** Does `work` once it is written down, and writes down what became of it. Throws what `work` throws. */
  doing: <T>(action: NewAction, work: () => Promise<T>, conclude: (result: T) => Conclusion) => Promise<T>;
  /** For work that is done elsewhere: answers how to write down what became of it. */
  begin: (action: NewAction) => Promise<(conclusion: Conclusion) => Promise<void>>;
}

interface AuditDeps {
  prisma: PrismaClient;
  guard: DatabaseGuard;
  logger: Logger;
}

const MAX_DETAILS = 500;

export function createAudit({ prisma, guard, logger }: AuditDeps): Audit {
  const record = (action: NewAction) =>
    guard(() => recordAction(prisma, { ...action, details: action.details?.slice(0, MAX_DETAILS) }));
  const begin: Audit['begin'] = async (action) => {
    const id = await record(action);
    return async ({ outcome, details }) => {
      try {
        await guard(() => concludeAction(prisma, id, outcome, details?.slice(0, MAX_DETAILS)));
      } catch (error) {
        // It is done, or refused, all the same; the log's gap says that this process could not say so.
        logger.error({ err: error, request_id: action.requestId, action: action.action, outcome }, 'audit gap');
      }
    };
  };
  return {
    note: async (action) => {
      await record(action);
    },
    begin,
    async doing(action, work, conclude) {
      const ended = await begin(action);
      try {
        const result = await work();
        await ended(conclude(result));
        return result;
      } catch (error) {
        await ended(concludeFailure(error));
        throw error;
      }
    },
  };
}

/** What is settled by a refusal has changed nothing; after any other failure nobody knows here. */
function concludeFailure(error: unknown): Conclusion {
  if (!(error instanceof Problem)) return { outcome: 'failed' };
  const operation = error.extras.operationId;
  const details = operation === undefined ? error.code : `${error.code}, operation ${operation}`;
  return { outcome: isSettled(error.code) ? 'refused' : 'failed', details };
}

/** Freezing as before, except that every freeze and unfreeze is in the audit log, whichever way it was asked for. */
export function auditFreeze(freeze: Freeze, audit: Audit): Freeze {
  return (asked) =>
    audit.doing(
      {
        operatorId: asked.principal.userId,
        action: asked.kind,
        target: `wallet ${asked.toWalletId}`,
        details: asked.details,
        requestId: asked.requestId,
      },
      () => freeze(asked),
      ({ status, operationId, isReplay }) => ({
        outcome: status === 'OK' ? 'done' : 'promised',
        details: `operation ${operationId}${isReplay ? ', which was done before' : ''}`,
      }),
    );
}
