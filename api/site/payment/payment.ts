/**
 * What happens to the form that sends money. It carries its own idempotency key, so a double click or a form sent again
 * moves money once; a payment is promised before it is waited for, so that from then on every page of its sender shows it.
 *
 *     form ──nobody logged in──▶ the log-in, which brings the form back as it was
 *       ├──filled in for another wallet──▶ nothing, and says so
 *       ├──like one of the last minutes──▶ asks once whether it is meant
 *       └──▶ sent ──decided or promised──▶ the start page        refused──▶ the form again, with the reason
 *
 * The form comes back as it was filled in whatever refuses it: on its page, or alone where that page cannot be made.
 */
import type { Request, Response } from 'express';
import { z } from 'zod';
import { readOwnerName } from '../../../shared/store/accounts/readOwnerName.ts';
import type { Pool } from '../../../shared/store/database/pool.ts';
import type { Auth } from '../../auth/auth.ts';
import type { DatabaseGuard } from '../../database/databaseGuard.ts';
import { refuseForeign } from '../../http/browser/csrf.ts';
import { movementOf } from '../../kinds/operate.ts';
import type { Pay } from '../../kinds/operate.ts';
import { Problem } from '../../http/problem.ts';
import { PROBLEMS } from '../../../shared/problems.ts';
import type { ReadBody } from '../../http/body/readBody.ts';
import type { Quotas } from '../../quotas/quotas.ts';
import { requestIdOf } from '../../http/reply.ts';
import type { Principal } from '../../http/route.ts';
import { detailsField, idempotencyKeyField, parsePart, walletIdField } from '../../http/schemas.ts';
import type { ShowLogIn } from '../accountPages.ts';
import type { Answered } from './answered.ts';
import { draftSchema } from './draft.ts';
import type { Flashes } from '../flash.ts';
import type { RenderPage } from '../render.ts';
import { seeOther } from '../../html/forms.ts';
import { viewBareForm } from './paymentForm.ts';
import { AMOUNT_RULE, readTypedAmount } from './typedAmount.ts';

export interface PaymentDeps {
  auth: Auth;
  pay: Pay;
  /** For what is only looked at. */
  readPool: Pool;
  guard: DatabaseGuard;
  quotas: Quotas;
  /** Refuses with a `Problem` when no command could be served now. */
  admit: () => void;
  readForm: ReadBody;
  renderPage: RenderPage;
  flashes: Flashes;
  showLogIn: ShowLogIn;
}

type ShowAnswer = (req: Request, res: Response, principal: Principal, answered: Answered) => Promise<void>;

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
  from_wallet: z.string().optional(),
  /** The earlier payment that its sender has been asked about, and means to repeat. */
  again: z.uuid().optional().catch(undefined),
});

export async function pay(deps: PaymentDeps, req: Request, res: Response, show: ShowAnswer): Promise<void> {
  refuseForeign(req);
  const given = (await deps.readForm(req, res)) as Record<string, unknown>;
  let told: Problem | undefined;
  try {
    const principal = await deps.auth.identify(req, res);
    if (!principal) {
      deps.showLogIn(res, draftSchema.parse(given));
      return;
    }
    const answered = await tryToSend(deps, req, res, { given, principal });
    if (answered?.why === 'refused') told = answered.problem;
    if (answered) await show(req, res, principal, answered);
    else seeOther(res, '/');
  } catch (error) {
    // What is known of the money is the news, not that the page could not be made either.
    const problem = told ?? notNowOf(error);
    if (!problem) throw error;
    const page = { title: 'Error: Your payment', heading: 'Your payment', form: viewBareForm(given, problem) };
    deps.renderPage(res, 'unsent', { ...page, loggedIn: true }, PROBLEMS[problem.code].status);
  }
}

/** The same form may be sent again. */
function notNowOf(error: unknown): Problem | undefined {
  return error instanceof Problem && PROBLEMS[error.code].means === 'open' ? error : undefined;
}

/** Undefined for what has been sent. */
async function tryToSend(
  deps: PaymentDeps,
  req: Request,
  res: Response,
  { given, principal }: { given: Record<string, unknown>; principal: Principal },
): Promise<Answered | undefined> {
  const kind = movementOf(principal);
  if (isForAnother(given['from_wallet'], principal)) return { given, why: 'foreign' };
  try {
    deps.admit();
    await deps.quotas.toLook(principal);
    const payment = parsePart(paymentForm, given, 'body');
    const paid = await deps.pay({
      kind,
      principal,
      toWalletId: payment.wallet_id,
      amount: payment.amount,
      details: payment.details,
      idempotencyKey: payment.idempotency_key,
      requestId: requestIdOf(res),
      confirmed: payment.again,
    });
    if ('state' in paid) {
      const payeeName = await deps.guard(() => readOwnerName(deps.readPool, paid.payeeWalletId));
      return { given, why: 'equal', earlier: paid, payeeName };
    }
    deps.flashes.leave(req, res, principal, { sent: paid.operationId });
    return undefined;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { given, why: 'refused', problem: error };
  }
}

/** The form names the wallet of whoever filled it in. */
export function isForAnother(fromWallet: unknown, { walletId }: Pick<Principal, 'walletId'>): boolean {
  return fromWallet !== undefined && fromWallet !== String(walletId);
}
