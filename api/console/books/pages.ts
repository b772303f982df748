/** The books: what the last verification found, the button that starts one, and how far it is. */
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Pool, PrismaClient } from '../../../shared/store/database/pool.ts';
import { interruptAbandoned, readReport, readRuns, readVerdict } from '../../../shared/store/books/verifyRuns.ts';
import type { StoredReport, Verdict, VerifyRunView } from '../../../shared/store/books/verifyRuns.ts';
import type { DatabaseGuard } from '../../database/databaseGuard.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { seeOther } from '../../html/forms.ts';
import type { ReadBody } from '../../http/body/readBody.ts';
import { requestIdOf, sendReply } from '../../http/reply.ts';
import { parsePart } from '../../http/schemas.ts';
import { operatorOf } from '../access.ts';
import type { Audit } from '../audit.ts';
import { printNumber, printTime } from '../print.ts';
import type { RenderConsole } from '../render.ts';
import type { Auditor } from './auditor.ts';

interface BooksPagesDeps {
  pool: Pool;
  prisma: PrismaClient;
  guard: DatabaseGuard;
  audit: Audit;
  auditor: Auditor;
  readForm: ReadBody;
  render: RenderConsole;
}

const RUNS_SHOWN = 10;
/** Without JavaScript, while a run is under way. */
const REFRESH_S = 3;
const emptyForm = z.strictObject({});

interface Books {
  runs: VerifyRunView[];
  running: VerifyRunView | undefined;
  verdict: Verdict | undefined;
}

export function createBooksPages(deps: BooksPagesDeps): Endpoint[] {
  return [
    { method: 'get', path: '/books', handler: (_req, res) => showBooks(deps, res) },
    { method: 'post', path: '/books/verify', handler: (req, res) => startRun(deps, req, res) },
    { method: 'get', path: '/books/progress', handler: (_req, res) => showProgress(deps, res) },
  ];
}

async function startRun(
  { audit, auditor, guard, readForm }: BooksPagesDeps,
  req: Request,
  res: Response,
): Promise<void> {
  parsePart(emptyForm, await readForm(req, res), 'body');
  const { userId: operatorId } = operatorOf(res);
  await audit.doing(
    { operatorId, action: 'verify', target: 'books', requestId: requestIdOf(res) },
    () => guard(() => auditor.start(operatorId)),
    (runId) =>
      runId === undefined
        ? { outcome: 'refused', details: 'one is under way already' }
        : { outcome: 'done', details: `run ${runId} began` },
  );
  // Whoever comes second sees the run that is under way, which is what they wanted.
  seeOther(res, '/ops/books');
}

async function readBooks({ pool, prisma, guard }: BooksPagesDeps): Promise<Books> {
  return guard(async () => {
    await interruptAbandoned(pool);
    const [runs, verdict] = await Promise.all([readRuns(prisma, RUNS_SHOWN), readVerdict(prisma)]);
    return { runs, verdict, running: runs.find(({ state }) => state === 'running') };
  });
}

async function showBooks(deps: BooksPagesDeps, res: Response): Promise<void> {
  const { runs, verdict, running } = await readBooks(deps);
  const report: StoredReport | undefined = verdict && (await deps.guard(() => readReport(deps.prisma, verdict.runId)));
  deps.render(res, 'books', {
    title: 'Books',
    section: 'books',
    ...{ runs, running, verdict, report },
    progress: running && progressOf(running),
    scripts: ['books.js'],
    ...(running && { refreshS: REFRESH_S }),
  });
}

async function showProgress(deps: BooksPagesDeps, res: Response): Promise<void> {
  const { running } = await readBooks(deps);
  await sendReply(res, { status: 200, body: running ? { running: true, ...progressOf(running) } : { running: false } });
}

function progressOf({ rowsDone, rowsTotal, startedAt }: VerifyRunView): { done: number; total: number; text: string } {
  const rows = rowsTotal === null ? 'counting the rows' : `${printNumber(rowsDone)} of ${printNumber(rowsTotal)} rows`;
  return { done: rowsDone, total: Math.max(rowsTotal ?? 1, 1), text: `${rows}, since ${printTime(startedAt)} UTC` };
}
