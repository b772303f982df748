/**
 * One person for an operator: who it is, which wallets, and whether guessing has locked the e-mail out; then the form that
 * unlocks it, in every API process at once.
 */
import type { Request, Response } from 'express';
import { z } from 'zod';
import { findPerson } from '../../../shared/store/accounts/findPerson.ts';
import type { Person } from '../../../shared/store/accounts/findPerson.ts';
import { readLoginFailures, unlockEmail } from '../../../shared/store/accounts/loginFailures.ts';
import type { Pool, PrismaClient } from '../../../shared/store/database/pool.ts';
import type { DatabaseGuard } from '../../database/databaseGuard.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { seeOther } from '../../html/forms.ts';
import type { Refused } from '../../html/forms.ts';
import { Problem } from '../../http/problem.ts';
import { PROBLEMS, isSettled } from '../../../shared/problems.ts';
import type { ReadBody } from '../../http/body/readBody.ts';
import { requestIdOf } from '../../http/reply.ts';
import { parsePart } from '../../http/schemas.ts';
import { operatorOf } from '../access.ts';
import type { Audit } from '../audit.ts';
import type { RenderConsole } from '../render.ts';
import { typedReasonField, walletNumber } from './fields.ts';
import { noteLookUp, showSearch } from './pages.ts';

interface PersonPagesDeps {
  pool: Pool;
  prisma: PrismaClient;
  guard: DatabaseGuard;
  audit: Audit;
  /** With one e-mail from one address; then it is locked out there. */
  maxFailedLogins: number;
  readForm: ReadBody;
  render: RenderConsole;
}

const personPath = z.strictObject({ id: walletNumber });
const unlockForm = z.strictObject({ reason: typedReasonField });

export function createPersonPages(deps: PersonPagesDeps): Endpoint[] {
  return [
    { method: 'get', path: '/people/:id', handler: (req, res) => showPerson(deps, req, res) },
    { method: 'post', path: '/people/:id/unlock', handler: (req, res) => unlock(deps, req, res) },
  ];
}

async function showPerson(deps: PersonPagesDeps, req: Request, res: Response, refused?: Refused): Promise<void> {
  const { pool, guard, audit, maxFailedLogins, render } = deps;
  const person = await readPerson(deps, req);
  await noteLookUp(audit, res, 'look_up_person', `user ${person?.id ?? String(req.params['id'])}`);
  if (!person) {
    showNobody(deps, req, res);
    return;
  }
  const failures = await guard(() => readLoginFailures(pool, person.email));
  const logIns = failures.map((each) => ({ ...each, isLocked: each.failures >= maxFailedLogins }));
  const error = refused && (refused.problem.extras.errors?.[0]?.message ?? PROBLEMS[refused.problem.code].title);
  const form = { reason: refused?.given['reason'] ?? '', error };
  const page = { title: `User ${person.id}`, section: 'look-up' as const, person, logIns, form };
  render(res, 'person', page, refused && PROBLEMS[refused.problem.code].status);
}

async function unlock(deps: PersonPagesDeps, req: Request, res: Response): Promise<void> {
  const { pool, guard, audit } = deps;
  const person = await readPerson(deps, req);
  if (!person) {
    showNobody(deps, req, res);
    return;
  }
  const given = (await deps.readForm(req, res)) as Record<string, unknown>;
  try {
    const { reason } = parsePart(unlockForm, given, 'body');
    await audit.doing(
      {
        operatorId: operatorOf(res).userId,
        action: 'unlock',
        target: `user ${person.id}`,
        details: reason,
        requestId: requestIdOf(res),
      },
      () => guard(() => unlockEmail(pool, person.email)),
      (addresses) => ({ outcome: 'done', details: `${addresses} ${addresses === 1 ? 'address' : 'addresses'}` }),
    );
  } catch (error) {
    if (!(error instanceof Problem) || !isSettled(error.code)) throw error;
    await showPerson(deps, req, res, { given, problem: error });
    return;
  }
  seeOther(res, `/ops/people/${person.id}`);
}

async function readPerson({ prisma, guard }: PersonPagesDeps, req: Request): Promise<Person | undefined> {
  const { id } = parsePart(personPath, { ...req.params }, 'path');
  return guard(() => findPerson(prisma, { id: BigInt(id) }));
}

function showNobody({ render }: PersonPagesDeps, req: Request, res: Response): void {
  const detail = `There is no user ${String(req.params['id'])}.`;
  showSearch({ render }, res, { what: '', problem: new Problem('not_found', { detail }) });
}
