/**
 * The page after login. A customer sees the wallet and can send money; a bank sees its settlement wallet and can pay in;
 * an operator finds the way to what operators look at.
 *
 * The form carries its own idempotency key, so a double click or a form sent again moves money once. A refusal that is
 * final gets a new key with the form; while an outcome may be open the key stays.
 *
 * An open page asks for itself again with `If-None-Match`, and is answered 304 until something has changed:
 *
 *     GET / ──session──▶ mark of the wallet and of the payments under way ──as before──▶ 304
 *                                    │ another
 *                                    ▼
 *                        the page, out of which the script takes what is new
 *
 * A look that finds nothing new costs some 0.2 ms of the API and, together with the others of the same moment, one
 * primary-key query: a thousand open pages take an eighth of a core.
 */
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Env } from '../../shared/env.ts';
import type { Pool } from '../../shared/store/pool.ts';
import { readOperations } from '../../shared/store/readOperation.ts';
import type { OperationView } from '../../shared/store/readOperation.ts';
import { readWalletMarks } from '../../shared/store/readWalletMarks.ts';
import type { Auth } from '../auth/auth.ts';
import { createBatcher } from '../../shared/batcher.ts';
import { refuseForeign } from '../csrf.ts';
import type { DatabaseGuard } from '../databaseGuard.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Move } from '../movements.ts';
import { PROBLEMS, Problem } from '../problem.ts';
import type { Quotas } from '../quotas/quotas.ts';
import type { ReadBody } from '../readBody.ts';
import { requestIdOf } from '../reply.ts';
import type { Principal } from '../route.ts';
import { readOwnWallet, viewWallet } from '../routes/wallet.ts';
import { detailsField, idempotencyKeyField, parsePart, queryInteger, walletIdField } from '../schemas.ts';
import { seeOther } from './forms.ts';
import type { Refused } from './forms.ts';
import { viewHome } from './homeView.ts';
import { forgetOpenPayments, readOpenPayments, rememberOpenPayment } from './openPayments.ts';
import type { RenderPage } from './render.ts';
import { AMOUNT_RULE, readTypedAmount } from './typedAmount.ts';

interface HomePageDeps {
  env: Env;
  auth: Auth;
  readPool: Pool;
  quotas: Quotas;
  guard: DatabaseGuard;
  move: Move;
  /** Refuses with a `Problem` when no command could be served now. */
  admit: () => void;
  readForm: ReadBody;
  renderPage: RenderPage;
}

interface Home extends HomePageDeps {
  /** What differs whenever the wallet does. The pages that ask at the same moment share one query. */
  readMark: (walletId: bigint) => Promise<string | undefined>;
}

const PAGE = 20;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);

/** A form sends text, and an empty text for what was left empty. */
const paymentForm = z.strictObject({
  wallet_id: z
    .string()
    .trim()
    .regex(/^\d{1,16}$/, 'must be the number of a wallet, such as 12')
    .transform(Number)
    .pipe(walletIdField),
  amount: z.string().transform((typed, context) => {
    const amount = readTypedAmount(typed);
    if (amount === undefined) context.addIssue({ code: 'custom', message: AMOUNT_RULE });
    return amount ?? '';
  }),
  details: detailsField.trim().transform((text) => text || undefined),
  idempotency_key: idempotencyKeyField,
});

const homeQuery = z.object({
  before: queryInteger(1, Number.MAX_SAFE_INTEGER).optional().catch(undefined),
  sent: z.uuid().optional().catch(undefined),
});

export function createHomePage(deps: HomePageDeps): Endpoint[] {
  const { readPool, guard } = deps;
  const readMark = createBatcher(async (walletIds: bigint[]) => {
    const marks = await guard(() => readWalletMarks(readPool, [...new Set(walletIds)]));
    return walletIds.map((id) => marks.get(id));
  });
  const home: Home = { ...deps, readMark };
  return [
    {
      method: 'get',
      path: '/',
      async handler(req, res) {
        const principal = await deps.auth.identify(req, res);
        if (!principal) {
          seeOther(res, '/login');
          return;
        }
        await deps.quotas.toLook(principal);
        await showHome(home, req, res, principal);
      },
    },
    { method: 'post', path: '/', handler: (req, res) => pay(home, req, res) },
  ];
}

async function pay(home: Home, req: Request, res: Response): Promise<void> {
  refuseForeign(req);
  const principal = await home.auth.identify(req, res);
  if (!principal) throw new Problem('unauthenticated');
  if (principal.role === 'operator') throw new Problem('forbidden');
  const given = (await home.readForm(req, res)) as Record<string, unknown>;
  try {
    home.admit();
    const form = parsePart(paymentForm, given, 'body');
    const { operationId, status } = await home.move({
      kind: principal.role === 'bank' ? 'deposit' : 'transfer',
      principal,
      walletId: form.wallet_id,
      amount: form.amount,
      details: form.details,
      idempotencyKey: form.idempotency_key,
      requestId: requestIdOf(res),
      prefer: { respondAsync: false },
    });
    await keepOpen(home, req, res, principal, status === 'PENDING' ? operationId : undefined);
    seeOther(res, `/?sent=${operationId}`);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.code === 'outcome_unknown') await keepOpen(home, req, res, principal, error.extras.operationId);
    await showHome(home, req, res, principal, { given, problem: error }).catch(() => {
      // The page could not be made either. What is known of the money is the news, not that.
      throw error;
    });
  }
}

/** With every payment the browser forgets those that are decided by now. Failing to is no failure of the payment. */
async function keepOpen(
  home: Home,
  req: Request,
  res: Response,
  principal: Principal,
  opened: string | undefined,
): Promise<void> {
  if (opened !== undefined) rememberOpenPayment(req, res, opened);
  const before = readOpenPayments(req).filter((id) => id !== opened);
  const known = await readPayments(home, principal, before).catch(() => undefined);
  const decided = known?.filter(({ state }) => state !== 'pending').map(({ id }) => id);
  forgetOpenPayments(res, decided ?? []);
}

async function showHome(
  home: Home,
  req: Request,
  res: Response,
  principal: Principal,
  refused?: Refused,
): Promise<void> {
  const { renderPage, env } = home;
  if (principal.walletId === null) {
    renderPage(res, 'operator', { title: 'Operator', loggedIn: true });
    return;
  }
  const { before, sent } = parsePart(homeQuery, { ...req.query }, 'query');
  const ids = new Set([...(sent ? [sent] : []), ...readOpenPayments(req)]);
  // Read before the page is: what happens in between is on the page, and at worst it is asked for once more.
  const [walletMark, payments] = await Promise.all([
    home.readMark(principal.walletId),
    readPayments(home, principal, [...ids]),
  ]);
  const mark = [walletMark, ...payments.map(({ id, state }) => `${id}:${state}`)].join(' ');
  if (!refused && req.headers['if-none-match'] === `"${mark}"`) {
    notModified(res, mark);
    return;
  }
  const wallet = viewWallet(await readOwnWallet(home, principal, { limit: PAGE, before }));
  if (!refused) res.setHeader('ETag', `"${mark}"`);
  const facts = { wallet, role: principal.role, payments, mark, refused };
  const isLocal = env.NODE_ENV !== 'production' && LOOPBACK.has(req.hostname);
  const page = viewHome({ ...facts, isFirst: before === undefined, isLocal });
  renderPage(res, 'home', page, refused && PROBLEMS[refused.problem.code].status);
}

function notModified(res: Response, mark: string): void {
  res.statusCode = 304;
  res.setHeader('ETag', `"${mark}"`);
  res.setHeader('Cache-Control', 'no-store');
  res.end();
}

/** Those of `ids` that are there, in their order, and are the principal's own. */
async function readPayments(
  { readPool, guard }: Home,
  principal: Principal,
  ids: readonly string[],
): Promise<OperationView[]> {
  if (ids.length === 0) return [];
  const found = await guard(() => readOperations(readPool, ids));
  return ids
    .map((id) => found.get(id))
    .filter((each) => each !== undefined && each.state !== 'unreadable')
    .filter(({ initiatorId }) => initiatorId === principal.userId);
}
