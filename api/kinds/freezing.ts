/**
 * Freezing a wallet and thawing it, by an operator: a command through the wallet's own queue like any other, so that it
 * has a place in the order of the wallet's operations, one stored outcome, and a reason that stays.
 */
import type { DatabaseClock } from '../../shared/time.ts';
import { createCommand } from '../submission/command.ts';
import { refuseReuse, waitAsPreferred } from './movements.ts';
import type { Preference } from '../http/prefer.ts';
import { Problem } from '../http/problem.ts';
import type { Principal } from '../http/route.ts';
import type { Submit } from '../submission/submit.ts';
import type { FindWallet } from '../wallets/findWallet.ts';

interface Freezing {
  principal: Principal;
  walletId: number;
  isFrozen: boolean;
  /** The operator's own words, kept as the operation's details. */
  reason: string;
  idempotencyKey?: string | undefined;
  requestId: string;
  prefer: Preference;
}

export type Frozen = {
  operationId: string;
  isReplay: boolean;
} & ({ status: 'OK'; walletId: number; isFrozen: boolean } | { status: 'PENDING' });

export type Freeze = (freezing: Freezing) => Promise<Frozen>;

interface FreezeDeps {
  submit: Submit;
  findWallet: FindWallet;
  clock: DatabaseClock;
  timeoutMs: number;
}

/** Throws a `Problem` for a refusal, also for one by the ledger. */
export function createFreeze(deps: FreezeDeps): Freeze {
  return async ({ principal, walletId, isFrozen, reason, idempotencyKey, requestId, prefer }) => {
    const wallet = await deps.findWallet(BigInt(walletId));
    if (!wallet) throw new Problem('wallet_not_found');
    const command = createCommand(
      {
        kind: isFrozen ? 'freeze' : 'unfreeze',
        debitWalletId: wallet.id,
        creditWalletId: wallet.id,
        amountMinor: 0n,
        currency: wallet.currency,
        initiatorId: principal.userId,
        requestId,
        details: reason,
        externalId: undefined,
        idempotencyKey,
      },
      await deps.clock.nowMs(),
    );
    const known = await deps.submit(command, {
      isKeyed: idempotencyKey !== undefined,
      ...waitAsPreferred(prefer, deps.timeoutMs),
    });
    refuseReuse(known, command);
    const { id: operationId } = known;
    if (known.state === 'pending') return { status: 'PENDING', operationId, isReplay: false };
    const isReplay = known.requestId !== requestId;
    if (known.state === 'rejected') throw new Problem(known.reason, { operationId, isReplay });
    return { status: 'OK', operationId, walletId, isFrozen, isReplay };
  };
}
