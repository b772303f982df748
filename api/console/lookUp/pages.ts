/**
 * Look-ups: one field that takes the number of a wallet, the id of an operation or an e-mail, and a page for each. A
 * search is a POST that leads to a page, so that no e-mail gets into a URL and from there into the logs of proxies; and
 * whatever is shown of a customer is in the audit log.
 */
import type { Request, Response } from 'express';
import { z } from 'zod';
import { MAX_EMAIL_LENGTH } from '../../auth/email.ts';
import { findPerson } from '../../../shared/store/accounts/findPerson.ts';
import type { PrismaClient } from '../../../shared/store/database/pool.ts';
import type { OperatorActionKind } from '../../../shared/store/accounts/operatorActions.ts';
import type { DatabaseGuard } from '../../database/databaseGuard.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { seeOther } from '../../html/forms.ts';
import { Problem } from '../../http/problem.ts';
import { PROBLEMS, isSettled } from '../../../shared/problems.ts';
import type { ReadBody } from '../../http/body/readBody.ts';
import { requestIdOf } from '../../http/reply.ts';
import { claimedEmailField, parsePart } from '../../http/schemas.ts';
import { operatorOf } from '../access.ts';
import type { Audit } from '../audit.ts';
import type { RenderConsole } from '../render.ts';
import { walletNumber } from './fields.ts';

interface LookUpDeps {
  prisma: PrismaClient;
  guard: DatabaseGuard;
  audit: Audit;
  readForm: ReadBody;
  render: RenderConsole;
}

const searchForm = z.strictObject({
  what: z.union(
    [
      z
        .string()
        .trim()
        .pipe(walletNumber)
        .transform((walletId) => ({ path: `/ops/wallets/${walletId}` })),
      z
        .string()
        .trim()
        .toLowerCase()
        .pipe(z.uuid())
        .transform((id) => ({ path: `/ops/operations/${id}` })),
      z
        .string()
        .trim()
        .max(MAX_EMAIL_LENGTH)
        .regex(/.@./)
        .pipe(claimedEmailField)
        .transform((email) => ({ email })),
    ],
    { error: 'must be the number of a wallet, the id of an operation or an e-mail' },
  ),
});

export function createLookUpPages(deps: LookUpDeps): Endpoint[] {
  return [
    { method: 'get', path: '/look-up', handler: (_req, res) => showSearch(deps, res) },
    { method: 'post', path: '/look-up', handler: (req, res) => search(deps, req, res) },
  ];
}

/** The form to search with; after a search that led nowhere with what was searched for and why. */
export function showSearch(
  { render }: Pick<LookUpDeps, 'render'>,
  res: Response,
  refused?: { what: unknown; problem: Problem },
): void {
  const error = refused?.problem.extras.errors?.[0]?.message ?? refused?.problem.extras.detail;
  const status = refused && PROBLEMS[refused.problem.code].status;
  render(res, 'lookUp', { title: 'Look up', section: 'look-up', what: refused?.what ?? '', error }, status);
}

async function search(deps: LookUpDeps, req: Request, res: Response): Promise<void> {
  const given = (await deps.readForm(req, res)) as Record<string, unknown>;
  try {
    const { what } = parsePart(searchForm, given, 'body');
    seeOther(res, 'path' in what ? what.path : await pathOfPerson(deps, res, what.email));
  } catch (error) {
    if (!(error instanceof Problem) || !isSettled(error.code)) throw error;
    showSearch(deps, res, { what: given['what'], problem: error });
  }
}

/** That nobody was found is worth a line too; the e-mail itself is not kept, for it may be anybody's. */
async function pathOfPerson({ prisma, guard, audit }: LookUpDeps, res: Response, email: string): Promise<string> {
  const person = await guard(() => findPerson(prisma, { email }));
  if (person) return `/ops/people/${person.id}`;
  await noteLookUp(audit, res, 'look_up_person', 'nobody has that e-mail');
  throw new Problem('not_found', { detail: 'Nobody has signed up with that e-mail.' });
}

/** Writes down who looked at what, before it is shown. */
export function noteLookUp(audit: Audit, res: Response, action: OperatorActionKind, target: string): Promise<void> {
  return audit.note({ action, target, operatorId: operatorOf(res).userId, requestId: requestIdOf(res) });
}
