/** A wallet's balance and what has happened to it, newest first. */
import { z } from 'zod';
import { KIND_NAMES } from '../../shared/ledger/command.ts';
import { amountToNumber } from '../../shared/ledger/money.ts';
import { PENDING_LISTED } from '../../shared/store/ledger/readWalletPage.ts';
import type { PendingMovement, WalletEntry, WalletPage } from '../../shared/store/ledger/readWalletPage.ts';
import { route } from '../http/route.ts';
import type { Route } from '../http/route.ts';
import { queryInteger } from '../http/schemas.ts';
import { nextBefore, readOwnWallet } from '../wallets/ownWallet.ts';
import type { OwnWalletDeps } from '../wallets/ownWallet.ts';

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;

const query = z.strictObject({
  limit: queryInteger(1, MAX_PAGE)
    .optional()
    .meta({ description: `Operations per page, ${DEFAULT_PAGE} by default.` }),
  before: queryInteger(1, Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ description: 'Only operations with a smaller `seq`: the `next_before` of the page before.' }),
});

const operation = z.object({
  operation_id: z.uuid(),
  seq: z
    .int()
    .meta({ description: 'The operation’s number in this wallet. A freezing has one, too, and is not listed here.' }),
  type: z.enum(KIND_NAMES),
  amount: z.number().meta({ description: 'Signed: negative has left the wallet.' }),
  balance: z.number().meta({ description: 'After the operation.' }),
  counterparty_wallet_id: z.int(),
  details: z.string().nullable(),
  created_at: z.iso.datetime().meta({ description: 'When it was accepted: the same wherever the operation is shown.' }),
});

const pendingOperation = operation
  .pick({ operation_id: true, type: true, counterparty_wallet_id: true, details: true, created_at: true })
  .extend({ amount: z.number().meta({ description: 'Signed: negative leaves the wallet if it is applied.' }) });

const wallet = z.object({
  wallet_id: z.int(),
  user_id: z.int(),
  currency: z.string(),
  balance: z.number(),
  available: z.number().meta({ description: 'The balance less what is held.' }),
  pending_out: z.number().meta({
    description:
      'What leaves the wallet when all that is under way is applied: the sum of all of it, also of what is not listed.',
  }),
  frozen: z.boolean().meta({ description: 'Frozen by an operator: it pays nobody, and can still be paid.' }),
  pending: z.array(pendingOperation).meta({
    description: `What this account has asked for and a 202 or the start page has promised, and that is not decided yet: the newest ${PENDING_LISTED}, newest first. An operation is here, in \`operations\` or refused, never in two of them.`,
  }),
  operations: z.array(operation).meta({ description: 'Newest first.' }),
  next_before: z.int().nullable().meta({ description: 'Pass it as `before` for the next page; null at the end.' }),
});

type WalletView = z.infer<typeof wallet>;

export function createWalletRoutes(deps: OwnWalletDeps): Route[] {
  return [
    route({
      method: 'get',
      path: '/api/wallet',
      summary: 'Your wallet: its balance and its latest operations',
      roles: ['customer', 'bank'],
      query,
      answers: { 200: { description: 'The wallet', schema: wallet } },
      problems: ['overloaded'],
      async handle({ principal, query: { limit = DEFAULT_PAGE, before } }) {
        return { status: 200, body: viewWallet(await readOwnWallet(deps, principal, { limit, before })) };
      },
    }),
  ];
}

function viewWallet(page: WalletPage): WalletView {
  const { currency } = page;
  return {
    wallet_id: Number(page.walletId),
    user_id: Number(page.ownerId),
    currency,
    balance: amountToNumber(page.balanceMinor, currency),
    available: amountToNumber(page.balanceMinor - page.heldMinor, currency),
    pending_out: amountToNumber(page.pendingOutMinor, currency),
    frozen: page.isFrozen,
    pending: page.pending.map((each) => toPendingItem(each, currency)),
    operations: page.entries.map((entry) => toItem(entry, currency)),
    next_before: nextBefore(page),
  };
}

function toItem(entry: WalletEntry, currency: string): WalletView['operations'][number] {
  return {
    operation_id: entry.operationId,
    seq: Number(entry.seq),
    type: entry.kind,
    amount: amountToNumber(entry.amountMinor, currency),
    balance: amountToNumber(entry.balanceAfterMinor, currency),
    counterparty_wallet_id: Number(entry.counterpartyWalletId),
    details: entry.details,
    created_at: entry.createdAt.toISOString(),
  };
}

function toPendingItem(pending: PendingMovement, currency: string): WalletView['pending'][number] {
  return {
    operation_id: pending.operationId,
    type: pending.kind,
    amount: amountToNumber(-pending.amountMinor, currency),
    counterparty_wallet_id: Number(pending.counterpartyWalletId),
    details: pending.details,
    created_at: pending.acceptedAt.toISOString(),
  };
}
