/**
 * The page after login. A customer sees the wallet and can send money; a bank sees its settlement wallet; an operator
 * finds the way to what operators look at.
 *
 * The form to send money carries its own idempotency key, so a double click or a form sent again moves money once. A
 * refusal that is final gets a new key with the form; while an outcome may be open the key stays.
 */
import { randomUUID } from 'node:crypto';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { currencyExponent } from '../../shared/ledger/money.ts';
import type { Pool } from '../../shared/store/pool.ts';
import { readOperation } from '../../shared/store/readOperation.ts';
import type { Auth } from '../auth/auth.ts';
import { refuseForeign } from '../csrf.ts';
import type { DatabaseGuard } from '../databaseGuard.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Move } from '../movements.ts';
import { PROBLEMS, Problem } from '../problem.ts';
import type { Code } from '../problem.ts';
import type { ReadBody } from '../readBody.ts';
import { requestIdOf } from '../reply.ts';
import type { Principal } from '../route.ts';
import { viewWallet } from '../routes/wallet.ts';
import type { WalletView } from '../routes/wallet.ts';
import { detailsField, idempotencyKeyField, parsePart, queryInteger, walletIdField } from '../schemas.ts';
import { errorsByField, seeOther } from './forms.ts';
import type { RenderPage } from './render.ts';

interface HomePageDeps {
  auth: Auth;
  pool: Pool;
  guard: DatabaseGuard;
  move: Move;
  /** Refuses with a `Problem` when no command could be served now. */
  admit: () => void;
  readForm: ReadBody;
  renderPage: RenderPage;
}

const PAGE = 20;

const FIELDS = [
  { name: 'wallet_id', label: 'To wallet', inputmode: 'numeric' },
  { name: 'amount', label: 'Amount', inputmode: 'decimal' },
  { name: 'details', label: 'Details' },
];

/** A form sends text, and an empty text for what was left empty. */
const sendForm = z.strictObject({
  wallet_id: z
    .string()
    .trim()
    .regex(/^\d{1,16}$/, 'must be the number of a wallet')
    .transform(Number)
    .pipe(walletIdField),
  amount: z.string().trim(),
  details: detailsField.trim().transform((text) => text || undefined),
  idempotency_key: idempotencyKeyField,
});

const homeQuery = z.object({
  before: queryInteger(1, Number.MAX_SAFE_INTEGER).optional().catch(undefined),
  sent: z.uuid().optional().catch(undefined),
});

interface Refused {
  given: Record<string, unknown>;
  problem: Problem;
}

export function createHomePage(deps: HomePageDeps): Endpoint[] {
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
        await showHome(deps, req, res, principal);
      },
    },
    { method: 'post', path: '/', handler: (req, res) => send(deps, req, res) },
  ];
}

async function send(deps: HomePageDeps, req: Request, res: Response): Promise<void> {
  deps.admit();
  refuseForeign(req);
  const principal = await deps.auth.identify(req, res);
  if (!principal) throw new Problem('unauthenticated');
  if (principal.role !== 'customer') throw new Problem('forbidden');
  const given = (await deps.readForm(req, res)) as Record<string, unknown>;
  try {
    const form = parsePart(sendForm, given, 'body');
    const { operationId } = await deps.move({
      kind: 'transfer',
      principal,
      walletId: form.wallet_id,
      amount: form.amount,
      details: form.details,
      idempotencyKey: form.idempotency_key,
      requestId: requestIdOf(res),
      prefer: { respondAsync: false },
    });
    seeOther(res, `/?sent=${operationId}`);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    await showHome(deps, req, res, principal, { given, problem: error }).catch(() => {
      // The page could not be made either. What is known of the money is the news, not that.
      throw error;
    });
  }
}

async function showHome(
  { pool, guard, renderPage }: HomePageDeps,
  req: Request,
  res: Response,
  principal: Principal,
  refused?: Refused,
): Promise<void> {
  if (principal.walletId === null) {
    renderPage(res, 'operator', { title: 'Operator', loggedIn: true });
    return;
  }
  const { before, sent } = parsePart(homeQuery, { ...req.query }, 'query');
  const wallet = await viewWallet({ pool, guard }, principal, { limit: PAGE, before });
  const data = {
    title: principal.role === 'bank' ? 'Settlement wallet' : 'Your wallet',
    loggedIn: true,
    wallet,
    isFirst: before === undefined,
    amount: printer(wallet.currency),
    notice: sent && (await noticeOf(sent, wallet, principal, { pool, guard })),
    form: principal.role === 'customer' ? formOf(refused) : undefined,
  };
  renderPage(res, 'home', data, refused && PROBLEMS[refused.problem.code].status);
}

/** What became of the payment that led here. */
async function noticeOf(
  sent: string,
  wallet: WalletView,
  principal: Principal,
  { pool, guard }: Pick<HomePageDeps, 'pool' | 'guard'>,
): Promise<string> {
  if (wallet.operations.some(({ operation_id: id }) => id === sent)) return 'Sent.';
  const operation = await guard(() => readOperation(pool, sent));
  const isOwn = operation?.initiatorId === principal.userId;
  if (isOwn && operation.reason) return `Not sent: ${PROBLEMS[operation.reason].title.toLowerCase()}.`;
  if (isOwn && operation.state === 'applied') return 'Sent.';
  return 'Accepted. It is listed here as soon as it is done.';
}

function formOf(refused?: Refused) {
  if (!refused) return { fields: FIELDS, values: {}, errors: {}, key: randomUUID() };
  const { problem, given } = refused;
  const errors = errorsByField(problem);
  const hasField = FIELDS.some(({ name }) => name in errors);
  const { status } = PROBLEMS[problem.code];
  return {
    fields: FIELDS,
    values: given,
    errors,
    error: hasField ? undefined : wordsFor(problem.code),
    // What has an outcome under the key keeps it for ever; what may still get one must not be sent under another.
    key: status === 503 ? given['idempotency_key'] : randomUUID(),
  };
}

/** A person has no idempotency keys: what the API says of them is said in terms of the form. */
function wordsFor(code: Code): string {
  if (code === 'outcome_unknown') {
    return 'Whether it was sent is not known yet. Send this same form again: it never sends twice.';
  }
  if (code === 'idempotency_key_reused') {
    return 'An earlier version of this form was sent, and may have moved money: look at the operations below first.';
  }
  const { status, title } = PROBLEMS[code];
  return status === 503 ? `${title}. Send this same form again in a moment: it never sends twice.` : `${title}.`;
}

/** Prints a view's amounts with all the decimals of the currency. */
function printer(currency: string): (amount: number) => string {
  const format = new Intl.NumberFormat('en', { minimumFractionDigits: currencyExponent(currency) });
  return (amount) => format.format(amount);
}
