/**
 * One wallet for an operator: its balance and latest entries, what operators have done to it, and the form to freeze or
 * unfreeze it. The form carries its own key, so a double click or a reload freezes once.
 */
import { randomUUID } from 'node:crypto';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { readActions } from '../../../shared/store/accounts/operatorActions.ts';
import type { Pool, PrismaClient } from '../../../shared/store/database/pool.ts';
import { readWalletPage } from '../../../shared/store/ledger/readWalletPage.ts';
import type { DatabaseGuard } from '../../database/databaseGuard.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import type { Freeze } from '../../kinds/operate.ts';
import { seeOther } from '../../html/forms.ts';
import { Problem } from '../../http/problem.ts';
import { PROBLEMS } from '../../../shared/problems.ts';
import type { ReadBody } from '../../http/body/readBody.ts';
import { requestIdOf } from '../../http/reply.ts';
import { idempotencyKeyField, parsePart, queryInteger } from '../../http/schemas.ts';
import { operatorOf } from '../access.ts';
import type { Audit } from '../audit.ts';
import type { RenderConsole } from '../render.ts';
import { typedReasonField, walletNumber } from './fields.ts';
import { noteLookUp, showSearch } from './pages.ts';

interface WalletPagesDeps {
  pool: Pool;
  prisma: PrismaClient;
  guard: DatabaseGuard;
  audit: Audit;
  /** Writes itself into the audit log. */
  freeze: Freeze;
  /** Refuses with a `Problem` when no command could be served now. */
  admit: () => void;
  readForm: ReadBody;
  render: RenderConsole;
}

const PAGE = 25;
const ACTIONS_SHOWN = 10;

const walletPath = z.strictObject({ id: walletNumber });
const walletQuery = z.object({
  before: queryInteger(1, Number.MAX_SAFE_INTEGER).optional().catch(undefined),
  asked: z.uuid().optional().catch(undefined),
});
const freezeForm = z.strictObject({ reason: typedReasonField, idempotency_key: idempotencyKeyField });

/** Said of what is not done now. */
const SAME_FORM = ' Send this same form again: whatever came of it, it is done once.';

interface Refused {
  given: Record<string, unknown>;
  problem: Problem;
}

export function createWalletPages(deps: WalletPagesDeps): Endpoint[] {
  return [
    { method: 'get', path: '/wallets/:id', handler: (req, res) => showWallet(deps, req, res) },
    { method: 'post', path: '/wallets/:id/freeze', handler: (req, res) => setFrozen(deps, req, res, 'freeze') },
    { method: 'post', path: '/wallets/:id/unfreeze', handler: (req, res) => setFrozen(deps, req, res, 'unfreeze') },
  ];
}

async function setFrozen(
  deps: WalletPagesDeps,
  req: Request,
  res: Response,
  kind: 'freeze' | 'unfreeze',
): Promise<void> {
  const { id } = parsePart(walletPath, { ...req.params }, 'path');
  const given = (await deps.readForm(req, res)) as Record<string, unknown>;
  try {
    deps.admit();
    const form = parsePart(freezeForm, given, 'body');
    const { operationId } = await deps.freeze({
      kind,
      principal: operatorOf(res),
      toWalletId: id,
      details: form.reason,
      idempotencyKey: form.idempotency_key,
      requestId: requestIdOf(res),
      prefer: { respondAsync: false },
    });
    seeOther(res, `/ops/wallets/${id}?asked=${operationId}`);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const refused = { given, problem: error };
    await showWallet(deps, req, res, refused).catch(() => {
      // The page could not be made either. What is known of the wallet is the news, not that, and what was typed stays.
      const page = { title: `Wallet ${id}`, section: 'look-up' as const, walletId: id, isFrozen: kind === 'unfreeze' };
      deps.render(res, 'notFrozen', { ...page, form: formOf(refused) }, PROBLEMS[error.code].status);
    });
  }
}

async function showWallet(deps: WalletPagesDeps, req: Request, res: Response, refused?: Refused): Promise<void> {
  const { pool, prisma, guard, audit, render } = deps;
  const { id } = parsePart(walletPath, { ...req.params }, 'path');
  const { before, asked } = parsePart(walletQuery, { ...req.query }, 'query');
  await noteLookUp(audit, res, 'look_up_wallet', `wallet ${id}`);
  const bound = before === undefined ? undefined : BigInt(before);
  const [wallet, actions] = await guard(() =>
    Promise.all([
      readWalletPage(pool, BigInt(id), { limit: PAGE + 1, before: bound }),
      readActions(prisma, { limit: ACTIONS_SHOWN, target: `wallet ${id}`, kinds: ['freeze', 'unfreeze'] }),
    ]),
  );
  if (!wallet) {
    const problem = new Problem('wallet_not_found', { detail: `There is no wallet ${id}.` });
    showSearch({ render }, res, { what: id, problem });
    return;
  }
  const entries = wallet.entries.slice(0, PAGE);
  const data = {
    ...{ title: `Wallet ${id}`, section: 'look-up' as const, wallet, entries, actions, asked },
    isFirst: before === undefined,
    nextBefore: wallet.entries.length > PAGE ? entries.at(-1)?.seq : undefined,
    form: formOf(refused),
  };
  render(res, 'wallet', data, refused && PROBLEMS[refused.problem.code].status);
}

function formOf(refused?: Refused) {
  if (!refused) return { reason: '', key: randomUUID() };
  const { problem, given } = refused;
  const { means, title } = PROBLEMS[problem.code];
  const atField = problem.extras.errors?.find(({ path }) => path === 'reason')?.message;
  const said = problem.extras.detail ?? `${title}.`;
  const hasOutcome = means !== 'open' && problem.extras.operationId !== undefined;
  const sameKey = idempotencyKeyField.safeParse(given['idempotency_key']).data;
  return {
    reason: given['reason'],
    atField,
    error: atField === undefined ? `${said}${means === 'open' ? SAME_FORM : ''}` : undefined,
    // What has an outcome under the key keeps it for ever; what may still get one must not be sent under another.
    key: (hasOutcome ? undefined : sameKey) ?? randomUUID(),
  };
}
