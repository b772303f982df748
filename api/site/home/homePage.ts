/**
 * The page after login. A customer sees the wallet and can send money; a bank sees its settlement wallet and can pay in;
 * an operator finds the way to what operators look at.
 *
 * An open page asks for itself again with `If-None-Match`, and is answered 304 until something has changed:
 *
 *     GET / ──session──▶ mark of the wallet and of what is under way out of it ──as before──▶ 304
 *                                    │ another
 *                                    ▼
 *                        the page, out of which the script takes what is new
 *
 * A look that finds nothing new costs some 0.2 ms of the API and, together with the others of the same moment, one
 * look-up by index: a thousand open pages take an eighth of a core.
 */
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Env } from '../../../shared/env.ts';
import { hasOtherCustomers } from '../../../shared/store/accounts/hasOtherCustomers.ts';
import { readOperations } from '../../../shared/store/ledger/readOperation.ts';
import type { OperationView } from '../../../shared/store/ledger/operationView.ts';
import type { WalletPage } from '../../../shared/store/ledger/readWalletPage.ts';
import { readWalletMarks } from '../../../shared/store/ledger/readWalletMarks.ts';
import { createBatcher } from '../../../shared/batcher.ts';
import { operationId } from '../../submission/command.ts';
import { refuseForeign } from '../../http/browser/csrf.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { PROBLEMS } from '../../../shared/problems.ts';
import type { Principal } from '../../http/route.ts';
import { readOwnWallet } from '../../wallets/ownWallet.ts';
import { parsePart, queryInteger } from '../../http/schemas.ts';
import type { Flash } from '../flash.ts';
import { seeOther } from '../../html/forms.ts';
import { viewHome } from './homeView.ts';
import { draftSchema } from '../payment/draft.ts';
import { isForAnother, pay } from '../payment/payment.ts';
import type { Answered } from '../payment/answered.ts';
import type { PaymentDeps } from '../payment/payment.ts';
import { logInUrl } from '../returnPath.ts';

interface HomePageDeps extends PaymentDeps {
  env: Env;
}

interface Home extends HomePageDeps {
  /** What differs whenever the wallet does. The pages that ask at the same moment share one query. */
  readMark: (walletId: bigint) => Promise<string | undefined>;
}

const PAGE = 20;
/** Refusals of the last day, of which these many are shown. */
const REFUSALS = 5;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);

const homeQuery = z.object({
  before: queryInteger(1, Number.MAX_SAFE_INTEGER).optional().catch(undefined),
});

export function createHomePage(deps: HomePageDeps): Endpoint[] {
  const { readPool, guard } = deps;
  const readMark = createBatcher(async (walletIds: bigint[]) => {
    const marks = await guard(() => readWalletMarks(readPool, [...new Set(walletIds)]));
    return walletIds.map((id) => marks.get(id));
  });
  const home: Home = { ...deps, readMark };
  return [
    { method: 'get', path: '/', handler: (req, res) => look(home, req, res) },
    {
      method: 'post',
      path: '/',
      handler: (req, res) => pay(home, req, res, (...answer) => showHome(home, ...answer)),
    },
    { method: 'post', path: '/login/draft', handler: (req, res) => leaveWithDraft(home, req, res) },
  ];
}

async function look(home: Home, req: Request, res: Response): Promise<void> {
  const principal = await home.auth.identify(req, res);
  if (!principal) seeOther(res, req.originalUrl === '/' ? '/login' : logInUrl(req));
  else if (principal.walletId === null) home.renderPage(res, 'operator', { title: 'Operator', loggedIn: true });
  else {
    await home.quotas.toLook(principal);
    await showHome(home, req, res, principal);
  }
}

/** Where the script goes when it finds the session ended. Nothing is ever sent here, whoever is logged in. */
async function leaveWithDraft(home: Home, req: Request, res: Response): Promise<void> {
  refuseForeign(req);
  home.showLogIn(res, draftSchema.parse(await home.readForm(req, res)));
}

async function showHome(
  home: Home,
  req: Request,
  res: Response,
  principal: Principal,
  answered?: Answered,
): Promise<void> {
  const { renderPage, env } = home;
  const { walletId } = principal;
  if (walletId === null) return;
  // Read before the page is: what happens in between is on the page, and at worst it is asked for once more.
  const mark = (await home.readMark(walletId)) ?? '';
  const known = answered ? undefined : req.headers['if-none-match'];
  if (known === `"${mark}"`) {
    notModified(res, mark);
    return;
  }
  const { before } = parsePart(homeQuery, { ...req.query }, 'query');
  const isFirst = before === undefined;
  const bounds = { limit: PAGE, before, refusals: isFirst ? REFUSALS : 0 };
  const wallet = await readOwnWallet(home, principal, bounds);
  // Only whoever comes here is told what has just happened: a page that looks again has been, or is another one.
  const told = known === undefined && !answered ? home.flashes.take(req, res, principal) : {};
  const { sent, draft } = await readFlash(home, principal, told);
  if (!answered) res.setHeader('ETag', `"${mark}"`);
  const page = viewHome({
    ...{ wallet, role: principal.role, sent, mark, isFirst },
    answered: answered ?? draft,
    hint: await hintFor(
      home,
      wallet,
      principal,
      isFirst && env.NODE_ENV !== 'production' && LOOPBACK.has(req.hostname),
    ),
  });
  renderPage(res, 'home', page, answered && statusOf(answered));
}

function statusOf(answered: Answered): number {
  return answered.why === 'refused' ? PROBLEMS[answered.problem.code].status : 409;
}

function notModified(res: Response, mark: string): void {
  res.statusCode = 304;
  res.setHeader('ETag', `"${mark}"`);
  res.setHeader('Cache-Control', 'no-store');
  res.end();
}

/** The payment that was sent, or the form that comes back: unless it had been sent before its sender was logged out. */
async function readFlash(
  home: Home,
  principal: Principal,
  { sent, draft }: Flash,
): Promise<{ sent?: OperationView | undefined; draft?: Answered }> {
  if (sent !== undefined) return { sent: await readPayment(home, principal, sent) };
  if (!draft || isForAnother(draft.from_wallet, principal)) return {};
  const { idempotency_key: idempotencyKey } = draft;
  const id = idempotencyKey && operationId({ initiatorId: principal.userId, externalId: undefined, idempotencyKey });
  const before = id ? await readPayment(home, principal, id) : undefined;
  return before ? { sent: before } : { draft: { given: draft, why: 'draft' } };
}

/** Nothing but the principal's own. */
async function readPayment(
  { readPool, guard }: Home,
  principal: Principal,
  id: string,
): Promise<OperationView | undefined> {
  const found = (await guard(() => readOperations(readPool, [id]))).get(id);
  return found?.state !== 'unreadable' && found?.initiatorId === principal.userId ? found : undefined;
}

/** What somebody who tries the service on their own machine needs next, until somebody has been paid. */
async function hintFor(
  { readPool, guard }: Home,
  wallet: WalletPage,
  { role }: Principal,
  isTrial: boolean,
): Promise<'pay-in' | 'second-person' | undefined> {
  const isNew = wallet.pendingCount === 0 && wallet.entries.every(({ amountMinor }) => amountMinor > 0n);
  if (!isTrial || role === 'bank' || !isNew || wallet.entries.length === PAGE) return undefined;
  if (wallet.entries.length === 0) return 'pay-in';
  return (await guard(() => hasOtherCustomers(readPool, wallet.walletId))) ? undefined : 'second-person';
}
