/** Holds: money that is spoken for. Placed by the payer, captured or released by the payee, and free again when they expire. */
import { z } from 'zod';
import { DEFAULT_EXPIRES_IN, HOLD_STATES, MAX_EXPIRES_IN } from '../../shared/ledger/kinds/holds.ts';
import { amountToNumber } from '../../shared/ledger/money.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { readHold, readHolds } from '../../shared/store/ledger/readHolds.ts';
import type { AskersWallet, HoldView } from '../../shared/store/ledger/readHolds.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';
import { Problem } from '../http/problem.ts';
import { route } from '../http/route.ts';
import type { Route } from '../http/route.ts';
import { amountField, detailsField, queryInteger, walletIdField } from '../http/schemas.ts';
import type { Quotas } from '../quotas/quotas.ts';
import { kindRoute } from './kindRoute.ts';
import type { KindRouteDeps } from './kindRoute.ts';

export interface HoldRouteDeps extends KindRouteDeps<'hold' | 'capture' | 'release'> {
  readPool: Pool;
  guard: DatabaseGuard;
  quotas: Quotas;
}

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;

const idField = z
  .uuid()
  .overwrite((id) => id.toLowerCase())
  .meta({ examples: ['019a3f5e-7c1a-7000-8000-0123456789ab'] });
const params = z.strictObject({ id: idField });

const numbers = {
  hold_id: z.uuid(),
  state: z.enum(HOLD_STATES),
  amount: z.number(),
  captured: z.number(),
  released: z.number().meta({ description: 'Also what the last capture or expiry has freed.' }),
  remaining: z.number(),
  expires_at: z.iso.datetime().meta({ description: 'From then on it is expired.' }),
};
const own = {
  balance: z.number().meta({ description: 'Of the wallet of whoever asks.' }),
  available: z.number().meta({ description: 'The balance less what is held.' }),
};
const holdBody = z.object({
  ...numbers,
  currency: z.string(),
  from_wallet_id: z.int(),
  to_wallet_id: z.int(),
  details: z.string().nullable(),
  created_at: z.iso.datetime(),
});

/** As the ledger has it told: `resultOf` in shared/ledger/kinds/holds.ts. Amounts are minor units. */
const resultSchema = z.object({
  state: z.enum(HOLD_STATES),
  amount: z.int(),
  captured: z.int(),
  released: z.int(),
  expiresAt: z.int(),
});

const TOLD: Pick<Parameters<typeof kindRoute>[1], 'answer' | 'toAnswer'> = {
  answer: { ...numbers, ...own },
  toAnswer: ({ claim, currency, balance, available }) => {
    const { state, amount, captured, released, expiresAt } = resultSchema.parse(claim?.result);
    const inWords = (minor: number) => amountToNumber(BigInt(minor), currency);
    return {
      ...{
        hold_id: claim?.id,
        state,
        amount: inWords(amount),
        captured: inWords(captured),
        released: inWords(released),
      },
      ...{ remaining: inWords(amount - captured - released), expires_at: new Date(expiresAt).toISOString() },
      ...{ balance, available },
    };
  },
};

export function createHoldRoutes(deps: HoldRouteDeps): Route[] {
  return [placeRoute(deps), captureRoute(deps), releaseRoute(deps), holdRoute(deps), listRoute(deps)];
}

function placeRoute(deps: HoldRouteDeps): Route {
  return kindRoute(deps, {
    ...TOLD,
    kind: 'hold',
    path: '/api/holds',
    summary: 'Holds money of yours for another wallet',
    description: 'Only the wallet that it is held for can take it, or let it go; you have it back when it expires.',
    roles: ['customer'],
    body: z.strictObject({
      wallet_id: walletIdField.meta({ description: 'The wallet that it is held for.' }),
      amount: amountField,
      details: detailsField.optional(),
      expires_in: z
        .int({ error: `must be an integer from 1 to ${MAX_EXPIRES_IN}` })
        .min(1, `must be an integer from 1 to ${MAX_EXPIRES_IN}`)
        .max(MAX_EXPIRES_IN, `must be an integer from 1 to ${MAX_EXPIRES_IN}`)
        .optional()
        .meta({ description: `In seconds, from when it is placed; ${DEFAULT_EXPIRES_IN} by default.` }),
    }),
    toItem: ({ wallet_id: toWalletId, amount, details, expires_in: expiresIn }) => ({
      ...{ toWalletId, amount, details },
      terms: expiresIn === undefined ? undefined : { expiresIn },
    }),
  });
}

function captureRoute(deps: HoldRouteDeps): Route {
  return kindRoute(deps, {
    ...TOLD,
    kind: 'capture',
    path: '/api/holds/{id}/capture',
    summary: 'Takes money that is held for you',
    description: 'Of all that remains, unless `amount` says less; then the rest is freed, unless `final` is false.',
    roles: ['customer'],
    params,
    body: z.strictObject({
      amount: amountField.optional(),
      final: z.boolean().optional().meta({ description: 'True by default: the rest is freed in the same operation.' }),
    }),
    toItem: ({ amount, final: isFinal }, { id }) => ({
      ...{ holdId: id, amount },
      terms: isFinal === undefined ? undefined : { isFinal },
    }),
  });
}

function releaseRoute(deps: HoldRouteDeps): Route {
  return kindRoute(deps, {
    ...TOLD,
    kind: 'release',
    path: '/api/holds/{id}/release',
    summary: 'Lets go of money that is held for you',
    description: 'Of all that remains, unless `amount` says less.',
    roles: ['customer'],
    params,
    body: z.strictObject({ amount: amountField.optional() }),
    toItem: ({ amount }, { id }) => ({ holdId: id, amount }),
  });
}

function holdRoute({ readPool, guard, quotas }: HoldRouteDeps): Route {
  return route({
    method: 'get',
    path: '/api/holds/{id}',
    summary: 'A hold as it is now',
    description:
      'For the payer, the payee and operators. `wallet_id`, `balance` and `available` are those of whoever asks.',
    roles: ['customer', 'operator'],
    params,
    answers: {
      200: {
        description: 'The hold.',
        schema: holdBody
          .extend({ wallet_id: z.int(), ...own })
          .partial({ wallet_id: true, balance: true, available: true }),
      },
    },
    problems: ['hold_not_found', 'overloaded'],
    handle: async ({ params: { id }, principal }) => {
      const { walletId, role } = principal;
      const found = await quotas.read(principal, 1, () => guard(() => readHold(readPool, id, walletId)));
      const isParty = found && [found.hold.payerWalletId, found.hold.payeeWalletId].some((side) => side === walletId);
      if (!found || !(isParty || role === 'operator')) throw new Problem('hold_not_found');
      const { hold, wallet } = found;
      return { status: 200, body: { ...toBody(hold), ...(wallet && toOwn(wallet, hold.currency)) } };
    },
  });
}

function listRoute({ readPool, guard, quotas }: HoldRouteDeps): Route {
  return route({
    method: 'get',
    path: '/api/holds',
    summary: 'Holds on your money, or for you: newest first',
    roles: ['customer'],
    query: z.strictObject({
      role: z.enum(['payer', 'payee']).optional().meta({ description: '`payer` by default: holds on your money.' }),
      state: z.enum(HOLD_STATES).optional(),
      limit: queryInteger(1, MAX_PAGE)
        .optional()
        .meta({ description: `Per page, ${DEFAULT_PAGE} by default.` }),
      before: idField.optional().meta({ description: 'Only older ones: the `next_before` of the page before.' }),
    }),
    answers: {
      200: {
        description: 'The holds.',
        schema: z.object({
          holds: z.array(holdBody),
          next_before: z
            .uuid()
            .nullable()
            .meta({ description: 'Pass it as `before` for the next page; null at the end.' }),
        }),
      },
    },
    problems: ['overloaded'],
    handle: async ({ query: { role = 'payer', state, limit = DEFAULT_PAGE, before }, principal }) => {
      const { walletId } = principal;
      if (walletId === null) throw new Problem('forbidden');
      const read = () => guard(() => readHolds(readPool, walletId, { role, state, limit, before }));
      const found = await quotas.read(principal, limit, read);
      const holds = found.slice(0, limit);
      const next = found.length > limit ? holds.at(-1)?.id : undefined;
      return { status: 200, body: { holds: holds.map(toBody), next_before: next ?? null } };
    },
  });
}

function toBody(hold: HoldView): z.infer<typeof holdBody> {
  const { currency, amountMinor, capturedMinor, releasedMinor } = hold;
  return {
    hold_id: hold.id,
    state: hold.state,
    amount: amountToNumber(amountMinor, currency),
    captured: amountToNumber(capturedMinor, currency),
    released: amountToNumber(releasedMinor, currency),
    remaining: amountToNumber(amountMinor - capturedMinor - releasedMinor, currency),
    expires_at: hold.expiresAt.toISOString(),
    currency,
    from_wallet_id: Number(hold.payerWalletId),
    to_wallet_id: Number(hold.payeeWalletId),
    details: hold.details,
    created_at: hold.createdAt.toISOString(),
  };
}

function toOwn({ walletId, balanceMinor, heldMinor }: AskersWallet, currency: string) {
  return {
    wallet_id: Number(walletId),
    balance: amountToNumber(balanceMinor, currency),
    available: amountToNumber(balanceMinor - heldMinor, currency),
  };
}
