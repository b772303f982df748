/** Freezing wallets and thawing them, for operators: a command like any other, whose details are the operator's reason. */
import { z } from 'zod';
import type { Route } from '../http/route.ts';
import { queryInteger, reasonField } from '../http/schemas.ts';
import { kindRoute } from './kindRoute.ts';
import type { KindRouteDeps } from './kindRoute.ts';

type FreezingRouteDeps = KindRouteDeps<'freeze' | 'unfreeze'>;

export function createFreezingRoutes(deps: FreezingRouteDeps): Route[] {
  return [
    freezingRoute(deps, 'freeze', 'Freezes a wallet: it pays nobody, and can still be paid'),
    freezingRoute(deps, 'unfreeze', 'Thaws a frozen wallet'),
  ];
}

function freezingRoute(deps: FreezingRouteDeps, kind: 'freeze' | 'unfreeze', summary: string): Route {
  return kindRoute(deps, {
    kind,
    path: `/api/wallets/{id}/${kind}`,
    summary,
    description:
      'It queues behind what the wallet was asked before, and is an operation like any other: one outcome per key, and a reason that stays.',
    roles: ['operator'],
    params: z.strictObject({ id: queryInteger(1, Number.MAX_SAFE_INTEGER).meta({ examples: [3] }) }),
    body: z.strictObject({ reason: reasonField }),
    toItem: ({ reason }, { id }) => ({ toWalletId: id, details: reason }),
    answer: { frozen: z.boolean() },
    toAnswer: () => ({ frozen: kind === 'freeze' }),
  });
}
