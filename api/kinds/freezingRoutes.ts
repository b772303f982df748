/** Freezing wallets and thawing them, for operators. */
import { z } from 'zod';
import type { Freeze, Frozen } from './freezing.ts';
import { problemsOfKind } from './kindProblems.ts';
import { parsePrefer } from '../http/prefer.ts';
import { route } from '../http/route.ts';
import type { Reply, Route } from '../http/route.ts';
import { queryInteger, readIdempotencyKey, reasonField } from '../http/schemas.ts';

const done = z.object({
  status: z.literal('OK'),
  operation_id: z.uuid(),
  wallet_id: z.int(),
  frozen: z.boolean(),
});
const promised = z.object({ status: z.literal('PENDING'), operation_id: z.uuid() });

export interface FreezingRouteDeps {
  freeze: Freeze;
  admit: () => void;
}

export function createFreezingRoutes(deps: FreezingRouteDeps): Route[] {
  return [
    freezingRoute(deps, true, 'Freezes a wallet: it pays nobody, and can still be paid'),
    freezingRoute(deps, false, 'Thaws a frozen wallet'),
  ];
}

function freezingRoute({ freeze, admit }: FreezingRouteDeps, isFrozen: boolean, summary: string): Route {
  return route({
    method: 'post',
    path: `/api/wallets/{id}/${isFrozen ? 'freeze' : 'unfreeze'}`,
    summary,
    description:
      'It queues behind what the wallet was asked before, and is an operation like any other: one outcome per key, and a reason that stays.',
    roles: ['operator'],
    params: z.strictObject({ id: queryInteger(1, Number.MAX_SAFE_INTEGER).meta({ examples: [3] }) }),
    body: z.strictObject({ reason: reasonField }),
    headers: {
      'Idempotency-Key': 'One to 255 printable ASCII characters.',
      Prefer: '`respond-async`, `wait=N` (RFC 7240).',
    },
    answers: {
      200: { description: 'Applied.', schema: done },
      202: { description: 'Promised: it will be decided. Ask at `Location`.', schema: promised },
    },
    problems: problemsOfKind(isFrozen ? 'freeze' : 'unfreeze'),
    admit,
    handle: async ({ params, body, principal, requestId, req }) => {
      const frozen = await freeze({
        principal,
        walletId: params.id,
        isFrozen,
        reason: body.reason,
        idempotencyKey: readIdempotencyKey(req),
        requestId,
        prefer: parsePrefer(req.get('Prefer')),
      });
      return toReply(frozen);
    },
  });
}

function toReply(result: Frozen): Reply {
  const { operationId } = result;
  if (result.status === 'PENDING') {
    const headers = { Location: `/api/operations/${operationId}`, 'Retry-After': '1' };
    return { status: 202, body: { status: 'PENDING', operation_id: operationId }, headers };
  }
  const { walletId, isFrozen, isReplay } = result;
  return {
    status: 200,
    body: { status: 'OK', operation_id: operationId, wallet_id: walletId, frozen: isFrozen },
    ...(isReplay && { headers: { 'Idempotency-Replayed': 'true' } }),
  };
}
