/** The audit log, newest first, page by page. */
import type { Request, Response } from 'express';
import { z } from 'zod';
import { readActions } from '../../shared/store/accounts/operatorActions.ts';
import type { PrismaClient } from '../../shared/store/database/pool.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { parsePart, queryInteger } from '../http/schemas.ts';
import type { RenderConsole } from './render.ts';

interface AuditPagesDeps {
  prisma: PrismaClient;
  guard: DatabaseGuard;
  render: RenderConsole;
}

const PAGE = 50;
const auditQuery = z.object({ before: queryInteger(1, Number.MAX_SAFE_INTEGER).optional().catch(undefined) });

export function createAuditPages(deps: AuditPagesDeps): Endpoint[] {
  return [{ method: 'get', path: '/audit', handler: (req, res) => showAudit(deps, req, res) }];
}

async function showAudit({ prisma, guard, render }: AuditPagesDeps, req: Request, res: Response): Promise<void> {
  const { before } = parsePart(auditQuery, { ...req.query }, 'query');
  const read = await guard(() =>
    readActions(prisma, { limit: PAGE + 1, before: before === undefined ? undefined : BigInt(before) }),
  );
  const actions = read.slice(0, PAGE);
  render(res, 'audit', {
    title: 'Audit log',
    section: 'audit',
    actions,
    isFirst: before === undefined,
    nextBefore: read.length > PAGE ? actions.at(-1)?.id : undefined,
  });
}
