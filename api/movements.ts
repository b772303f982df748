/**
 * Deposits and transfers as a client means them: checks what never changes (the wallets exist, their kind and currency),
 * so that a mistake is answered at once and claims no key, makes the command, submits it, and turns what is known of it
 * into an answer or a `Problem`. The JSON routes and the form share it.
 */
import type { OperationKind } from '../shared/ledger/command.ts';
import { amountToNumber, parseAmount } from '../shared/ledger/money.ts';
import type { KnownOutcome } from '../shared/store/readOutcomes.ts';
import { answeredWallet } from '../shared/store/readOutcomes.ts';
import type { DatabaseClock } from '../shared/time.ts';
import { createCommand } from './command.ts';
import type { Preference } from './prefer.ts';
import { Problem } from './problem.ts';
import type { Principal } from './route.ts';
import type { Submit } from './submit.ts';
import type { FindWallet, WalletFacts } from './wallets.ts';

/** What a client asks for. `walletId` is the wallet that receives. */
export interface Movement {
  kind: OperationKind;
  principal: Principal;
  walletId: number;
  amount: number | string;
  details?: string | undefined;
  externalId?: string | undefined;
  idempotencyKey?: string | undefined;
  requestId: string;
  prefer: Preference;
}

export type Moved = {
  operationId: string;
  /** The outcome was stored by an earlier request. */
  isReplay: boolean;
} & ({ status: 'OK'; walletId: number; balance: number } | { status: 'PENDING' });

export type Move = (movement: Movement) => Promise<Moved>;

export interface MoveDeps {
  submit: Submit;
  findWallet: FindWallet;
  clock: DatabaseClock;
  timeoutMs: number;
}

/** Throws a `Problem` for a refusal, also for one by the ledger. */
export function createMove(deps: MoveDeps): Move {
  return async (movement) => {
    const { payer, receiver, amountMinor } = await resolve(movement, deps.findWallet);
    const command = createCommand(
      {
        kind: movement.kind,
        debitWalletId: payer.id,
        creditWalletId: receiver.id,
        amountMinor,
        currency: payer.currency,
        initiatorId: movement.principal.userId,
        requestId: movement.requestId,
        details: movement.details,
        externalId: movement.externalId,
        idempotencyKey: movement.idempotencyKey,
      },
      deps.clock.nowMs(),
    );
    const known = await deps.submit(command, {
      isKeyed: movement.externalId !== undefined || movement.idempotencyKey !== undefined,
      waitMs: movement.prefer.waitMs ?? deps.timeoutMs,
      // RFC 7240, section 4.3: with `wait` beside it, `respond-async` only matters once that time is up.
      respondAsync: movement.prefer.respondAsync && movement.prefer.waitMs === undefined,
    });
    if (known.requestHash !== command.requestHash) {
      throw new Problem(movement.externalId === undefined ? 'idempotency_key_reused' : 'external_id_reused', {
        operationId: command.id,
      });
    }
    return toMoved(known, Number(answeredWallet(command)), command.requestId, command.currency);
  };
}

/** The wallets and the amount, or the first thing that is wrong with them. */
async function resolve(
  { principal, walletId, amount, kind }: Movement,
  findWallet: FindWallet,
): Promise<{ payer: WalletFacts; receiver: WalletFacts; amountMinor: bigint }> {
  const payer = principal.walletId === null ? undefined : await findWallet(principal.walletId);
  if (!payer) throw new Problem('forbidden');
  const parsed = parseAmount(amount, payer.currency);
  if (!parsed.ok) {
    const errors = [{ path: 'amount', message: parsed.broke }];
    throw new Problem('invalid_request', { detail: `Not valid: amount ${parsed.broke}.`, errors });
  }
  const receiver = await findWallet(BigInt(walletId));
  if (receiver?.kind !== 'customer') throw new Problem('wallet_not_found');
  if (kind === 'transfer' && receiver.id === payer.id) throw new Problem('same_wallet');
  if (receiver.currency !== payer.currency) throw new Problem('currency_mismatch');
  return { payer, receiver, amountMinor: parsed.amountMinor };
}

function toMoved(known: KnownOutcome, walletId: number, requestId: string, currency: string): Moved {
  if (known.state === 'pending') return { status: 'PENDING', operationId: known.id, isReplay: false };
  const isReplay = known.requestId !== requestId;
  if (known.state === 'rejected') throw new Problem(known.reason, { operationId: known.id, isReplay });
  const balance = amountToNumber(known.balanceMinor, currency);
  return { status: 'OK', operationId: known.id, walletId, balance, isReplay };
}
