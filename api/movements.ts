/**
 * Deposits and transfers as a client means them: checks what never changes (the wallets exist, their kind and currency),
 * so that a mistake is answered at once and claims no key, makes the command, submits it, and turns what is known of it
 * into an answer or a `Problem`. The JSON routes and the form share it.
 */
import type { AtomicList, Command, MovementKind } from '../shared/ledger/command.ts';
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
  kind: MovementKind;
  principal: Principal;
  walletId: number;
  amount: number | string;
  details?: string | undefined;
  externalId?: string | undefined;
  idempotencyKey?: string | undefined;
  list?: AtomicList | undefined;
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
    const command = await toCommand(movement, deps);
    const known = await deps.submit(command, {
      isKeyed: movement.externalId !== undefined || movement.idempotencyKey !== undefined,
      waitMs: movement.prefer.waitMs ?? deps.timeoutMs,
      // RFC 7240, section 4.3: with `wait` beside it, `respond-async` only matters once that time is up.
      respondAsync: movement.prefer.respondAsync && movement.prefer.waitMs === undefined,
    });
    return toMoved(known, command);
  };
}

/** The command that a movement asks for. Throws a `Problem` that names the first thing that is wrong with it. */
export async function toCommand(
  movement: Omit<Movement, 'prefer'>,
  { findWallet, clock }: Pick<MoveDeps, 'findWallet' | 'clock'>,
): Promise<Command> {
  const { payer, receiver, amountMinor } = await resolve(movement, findWallet);
  return createCommand(
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
      list: movement.list,
    },
    await clock.nowMs(),
  );
}

/** What is known of a command, as its client is told. Throws a `Problem` for a refusal. */
export function toMoved(known: KnownOutcome, command: Command): Moved {
  refuseReuse(known, command);
  const { id: operationId } = known;
  if (known.state === 'pending') return { status: 'PENDING', operationId, isReplay: false };
  const isReplay = known.requestId !== command.requestId;
  if (known.state === 'rejected') throw new Problem(known.reason, { operationId, isReplay });
  if (known.balanceMinor === null) throw new Error(`operation ${operationId} moved no money`);
  const balance = amountToNumber(known.balanceMinor, command.currency);
  return { status: 'OK', operationId, walletId: Number(answeredWallet(command)), balance, isReplay };
}

/** Throws when the identity that the client chose belongs to another request. */
export function refuseReuse(known: KnownOutcome, command: Command): void {
  if (known.requestHash === command.requestHash) return;
  throw new Problem(command.externalId === null ? 'idempotency_key_reused' : 'external_id_reused', {
    operationId: command.id,
  });
}

/** The wallets and the amount, or the first thing that is wrong with them. */
async function resolve(
  { principal, walletId, amount, kind }: Omit<Movement, 'prefer'>,
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
