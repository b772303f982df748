/** The routes that move money, and the one that reads an operation again. */
import { z } from 'zod';
import { KIND_NAMES } from '../../shared/ledger/command.ts';
import { KINDS } from '../../shared/ledger/kinds.ts';
import { amountToNumber } from '../../shared/ledger/money.ts';
import type { OperationView } from '../../shared/store/ledger/operationView.ts';
import type { UnreadablePromise } from '../../shared/store/ledger/readOperation.ts';
import type { Bulk } from './bulk.ts';
import type { Freeze, Operate } from './operate.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';
import type { Outcomes } from '../submission/outcomes.ts';
import { kindRoute } from './kindRoute.ts';
import { MAX_POLLS_EACH, createPollPlaces } from '../quotas/pollPlaces.ts';
import { parsePrefer } from '../http/prefer.ts';
import { Problem } from '../http/problem.ts';
import type { Quotas } from '../quotas/quotas.ts';
import { route } from '../http/route.ts';
import type { Principal, Route } from '../http/route.ts';
import { createBulkRoute } from './bulkRoute.ts';
import { createFreezingRoutes } from './freezingRoutes.ts';
import { createHoldRoutes } from './holdRoutes.ts';
import { amountField, detailsField, externalIdField, walletIdField } from '../http/schemas.ts';

export interface OperationRouteDeps {
  operate: Operate;
  bulk: Bulk;
  freeze: Freeze;
  /** Refuses with a `Problem` when no command could be served now. */
  admit: () => void;
  outcomes: Outcomes;
  quotas: Quotas;
  readPool: Pool;
  guard: DatabaseGuard;
}

export function createOperationRoutes(deps: OperationRouteDeps): Route[] {
  return [
    depositRoute(deps),
    transferRoute(deps),
    createBulkRoute(deps),
    operationRoute(deps),
    ...createHoldRoutes(deps),
    ...createFreezingRoutes({ operate: deps.freeze, admit: deps.admit }),
  ];
}

const MOVED: Pick<Parameters<typeof kindRoute>[1], 'answer' | 'toAnswer'> = {
  answer: { balance: z.number() },
  toAnswer: ({ balance }) => ({ balance }),
};

function depositRoute(deps: OperationRouteDeps): Route {
  return kindRoute(deps, {
    ...MOVED,
    kind: 'deposit',
    path: '/api/external_to_wallet',
    summary: 'A bank deposits into a wallet; answers with the credited wallet’s balance',
    description:
      '`external_id` is the bank’s own number of the transfer: unique per bank, and the deposit’s identity. A key beside it is ignored.',
    roles: ['bank'],
    body: z.strictObject({
      wallet_id: walletIdField,
      amount: amountField,
      details: detailsField.optional(),
      external_id: externalIdField.optional(),
    }),
    toItem: ({ wallet_id: toWalletId, external_id: externalId, ...rest }) => ({ ...rest, toWalletId, externalId }),
    problems: ['external_id_reused'],
  });
}

function transferRoute(deps: OperationRouteDeps): Route {
  return kindRoute(deps, {
    ...MOVED,
    kind: 'transfer',
    path: '/api/wallet_to_wallet',
    summary: 'A customer pays another wallet; answers with the sender’s balance',
    roles: ['customer'],
    body: z.strictObject({
      wallet_id: walletIdField.meta({ description: 'The recipient’s wallet.' }),
      amount: amountField,
      details: detailsField.optional(),
    }),
    toItem: ({ wallet_id: toWalletId, ...rest }) => ({ ...rest, toWalletId }),
  });
}

const STATUS_WORDS = { applied: 'OK', rejected: 'REJECTED', pending: 'PENDING' } as const;

const operationBody = z.object({
  operation_id: z.uuid(),
  status: z.enum(['OK', 'REJECTED', 'PENDING']),
  type: z.enum(KIND_NAMES),
  amount: z.number(),
  currency: z.string(),
  from_wallet_id: z.int(),
  to_wallet_id: z.int(),
  hold_id: z.uuid().optional().meta({ description: 'The hold that it is about.' }),
  reason: z.string().optional().meta({ description: 'Why it was rejected: a problem code.' }),
  details: z.string().nullable(),
  external_id: z.string().optional().meta({ description: 'For the bank that gave it, and for operators.' }),
  created_at: z.iso.datetime().meta({ description: 'When it was accepted: the same wherever the operation is shown.' }),
  decided_at: z.iso.datetime().nullable().meta({ description: 'Null while it is pending.' }),
});

function operationRoute({ outcomes, quotas }: OperationRouteDeps): Route {
  const places = createPollPlaces();
  return route({
    method: 'get',
    path: '/api/operations/{id}',
    summary: 'An operation: pending, applied or rejected',
    description:
      'For its initiator and for operators, and once applied for the counterparty. With `Prefer: wait=N` the answer waits until the operation is decided. ' +
      'What was rejected is there for ever if it had a key, an `external_id` or a 202, otherwise for an hour.',
    roles: ['customer', 'bank', 'operator'],
    params: z.strictObject({ id: z.uuid().meta({ examples: ['019a3f5e-7c1a-7000-8000-0123456789ab'] }) }),
    headers: {
      Prefer: `\`wait=N\` waits up to N seconds, at most 30, for the operation to be decided (RFC 7240). While ${MAX_POLLS_EACH} requests of one account wait, the next one is answered at once.`,
    },
    answers: { 200: { description: 'The operation.', schema: operationBody } },
    problems: ['operation_not_found'],
    handle: async ({ params, principal, req, res }) => {
      await quotas.toLook(principal);
      const id = params.id.toLowerCase();
      const { waitMs = 0 } = parsePrefer(req.get('Prefer'));
      const leave = waitMs > 0 ? places.take(principal.userId) : undefined;
      const look = async () => {
        const seen = refuseUnreadable(await outcomes.lookUpOperation(id), principal);
        const value = seen && maySee(seen, principal) ? seen : undefined;
        // A client that has gone away waits for nothing any more.
        return { value, isFinal: res.closed || (value !== undefined && value.state !== 'pending') };
      };
      const operation = await outcomes.watchFor(leave ? waitMs : 0, look).finally(leave);
      if (!operation) throw new Problem('operation_not_found');
      return { status: 200, body: toBody(operation, principal) };
    },
  });
}

/** Whoever may know of a promise must not be told that there is nothing: it will be kept. */
function refuseUnreadable(
  seen: OperationView | UnreadablePromise | undefined,
  principal: Principal,
): OperationView | undefined {
  if (seen?.state !== 'unreadable') return seen;
  if (!isInsider(seen, principal)) return undefined;
  throw new Problem('unavailable', {
    detail: 'The operation is promised and will be decided, but this process cannot read it. Ask again later.',
    operationId: seen.id,
  });
}

function isInsider(operation: OperationView | UnreadablePromise, principal: Principal): boolean {
  return principal.role === 'operator' || operation.initiatorId === principal.userId;
}

function maySee(operation: OperationView, principal: Principal): boolean {
  if (isInsider(operation, principal)) return true;
  // A counterparty never learns of what did not reach it, and nobody of an operator's reasons.
  const { kind, debitWalletId, creditWalletId } = operation;
  if (KINDS[kind].seenBy === 'operators') return false;
  return operation.state === 'applied' && [debitWalletId, creditWalletId].includes(principal.walletId ?? -1n);
}

function toBody(operation: OperationView, principal: Principal): z.infer<typeof operationBody> {
  return {
    operation_id: operation.id,
    status: STATUS_WORDS[operation.state],
    type: operation.kind,
    amount: amountToNumber(operation.amountMinor, operation.currency),
    currency: operation.currency,
    from_wallet_id: Number(operation.debitWalletId),
    to_wallet_id: Number(operation.creditWalletId),
    ...(KINDS[operation.kind].claim === 'hold' && { hold_id: operation.claimId ?? operation.id }),
    ...(operation.reason && { reason: operation.reason }),
    details: operation.details,
    ...(operation.externalId !== null && isInsider(operation, principal) && { external_id: operation.externalId }),
    created_at: operation.acceptedAt.toISOString(),
    decided_at: operation.decidedAt?.toISOString() ?? null,
  };
}
