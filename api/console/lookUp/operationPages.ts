/**
 * One operation's whole way, as far as it can still be known: PostgreSQL has what was accepted, decided and booked for
 * ever; what happened in between only the queue has seen, and it forgets soon. The page says which is which.
 */
import type { Request, Response } from 'express';
import { z } from 'zod';
import { Fault } from '../../../shared/errors/fault.ts';
import { partitionOf } from '../../../shared/ledger/kinds.ts';
import type { LedgerQueue } from '../../../shared/queue/ledgerQueue.ts';
import type { Pool } from '../../../shared/store/database/pool.ts';
import { readOperationTrail } from '../../../shared/store/books/readOperationTrail.ts';
import type { DatabaseGuard } from '../../database/databaseGuard.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { Problem } from '../../http/problem.ts';
import { parsePart } from '../../http/schemas.ts';
import type { Audit } from '../audit.ts';
import type { RenderConsole } from '../render.ts';
import { findEnvelope } from './findEnvelope.ts';
import { noteLookUp, showSearch } from './pages.ts';

interface OperationPagesDeps {
  pool: Pool;
  guard: DatabaseGuard;
  audit: Audit;
  queues: readonly LedgerQueue[];
  render: RenderConsole;
}

const NOT_STORED =
  'Neither an outcome nor a promise is stored under this id. For ten minutes after it was accepted an operation may still be on its way.';

const operationPath = z.strictObject({ id: z.uuid().toLowerCase() });

export function createOperationPages(deps: OperationPagesDeps): Endpoint[] {
  return [{ method: 'get', path: '/operations/:id', handler: (req, res) => showOperation(deps, req, res) }];
}

async function showOperation(
  { pool, guard, audit, queues, render }: OperationPagesDeps,
  req: Request,
  res: Response,
): Promise<void> {
  const { id } = parsePart(operationPath, { ...req.params }, 'path');
  await noteLookUp(audit, res, 'look_up_operation', `operation ${id}`);
  const trail = await guard(() => readOperationTrail(pool, id));
  if (!trail) {
    showSearch({ render }, res, { what: id, problem: new Problem('operation_not_found', { detail: NOT_STORED }) });
    return;
  }
  const page = { title: `Operation ${id}`, section: 'look-up' } as const;
  if (trail.state === 'unreadable') {
    render(res, 'unreadable', { ...page, trail });
    return;
  }
  const partition = partitionOf(trail, queues.length);
  const queue = queues[partition];
  if (!queue) throw new Fault(`no queue of partition ${partition}`);
  const envelope = await findEnvelope(queue, trail);
  render(res, 'operation', { ...page, trail, partition, envelope });
}
