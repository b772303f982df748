/**
 * Deposits and transfers as a client means them: checks what never changes (the wallets exist, their kind and currency),
 * so that a mistake is answered at once and claims no key, makes the command, submits it, and turns what is known of it
 * into an answer or a `Problem`. The JSON routes and the form share it.
 */
import { Fault } from '../../shared/errors/fault.ts';
import type { AtomicList, Command, MovementKind, WalletFacts } from '../../shared/ledger/command.ts';
import { judgeParties, toldWalletId } from '../../shared/ledger/kinds.ts';
import { amountToNumber, parseAmount } from '../../shared/ledger/money.ts';
import type { EqualPayment } from '../../shared/store/ledger/promisePayment.ts';
import type { KnownOutcome } from '../../shared/store/ledger/readOutcomes.ts';
import type { DatabaseClock } from '../../shared/time.ts';
import { createCommand } from '../submission/command.ts';
import { invalidRequest } from '../http/invalidRequest.ts';
import type { Preference } from '../http/prefer.ts';
import { Problem } from '../http/problem.ts';
import type { Principal, Role } from '../http/route.ts';
import type { Submit, SubmitPayment } from '../submission/submit.ts';
import type { FindWallet } from '../wallets/findWallet.ts';

/** What an account of each role moves money by. */
const MOVEMENTS: Record<Role, MovementKind | undefined> = {
  customer: 'transfer',
  bank: 'deposit',
  operator: undefined,
};

/** Throws `forbidden` for whoever moves no money. */
export function movementOf({ role }: Pick<Principal, 'role'>): MovementKind {
  const kind = MOVEMENTS[role];
  if (!kind) throw new Problem('forbidden');
  return kind;
}

/** Who asks, and in which request. */
export interface MovementRequest {
  kind: MovementKind;
  principal: Principal;
  list?: AtomicList | undefined;
  requestId: string;
}

/** What is to be moved, and the wallet that receives it. */
export interface MovementItem {
  toWalletId: number;
  amount: number | string;
  details?: string | undefined;
  externalId?: string | undefined;
  idempotencyKey?: string | undefined;
}

export interface Movement extends MovementRequest, MovementItem {
  prefer: Preference;
}

export type Moved = {
  operationId: string;
  /** The outcome was stored by an earlier request. */
  isReplay: boolean;
} & ({ status: 'OK'; toldWalletId: number; balance: number } | { status: 'PENDING' });

export type Move = (movement: Movement) => Promise<Moved>;

/** A movement that a person asks for on a page. */
interface Payment extends MovementRequest, MovementItem {
  /** The payment just like it that they have been asked about, and mean to repeat. */
  confirmed: string | undefined;
}

/** Answers the payment just like it that was made a moment ago, where its sender has to be asked first. */
export type Pay = (payment: Payment) => Promise<Moved | EqualPayment>;

export interface MoveDeps {
  submit: Submit;
  findWallet: FindWallet;
  clock: DatabaseClock;
  timeoutMs: number;
}

interface PayDeps extends Omit<MoveDeps, 'submit'> {
  submitPayment: SubmitPayment;
}

/** Throws a `Problem` for a refusal, also for one by the ledger. */
export function createMove(deps: MoveDeps): Move {
  return async (movement) => {
    const [facts] = await findFacts(movement.principal, [movement.toWalletId], deps);
    const command = toCommand(movement, movement, facts as Facts);
    const known = await deps.submit(command, {
      isKeyed: movement.externalId !== undefined || movement.idempotencyKey !== undefined,
      ...waitAsPreferred(movement.prefer, deps.timeoutMs),
    });
    return toMoved(known, command);
  };
}

/** Throws a `Problem` for a refusal, also for one by the ledger. */
export function createPay({ submitPayment, ...deps }: PayDeps): Pay {
  return async ({ confirmed, ...payment }) => {
    const [facts] = await findFacts(payment.principal, [payment.toWalletId], deps);
    const command = toCommand(payment, payment, facts as Facts);
    const isKeyed = payment.idempotencyKey !== undefined;
    const known = await submitPayment(command, { isKeyed, waitMs: deps.timeoutMs, confirmed });
    return known.state === 'equal' ? known : toMoved(known, command);
  };
}

/** RFC 7240, section 4.3: with `wait` beside it, `respond-async` only matters once that time is up. */
export function waitAsPreferred({ waitMs, respondAsync }: Preference, timeoutMs: number) {
  return { waitMs: waitMs ?? timeoutMs, respondAsync: respondAsync && waitMs === undefined };
}

/** What is known of the world when a movement becomes a command. `nowMs` is the database's time. */
interface Facts {
  payer: WalletFacts | undefined;
  receiver: WalletFacts | undefined;
  nowMs: number;
}

/** The facts for each of several movements of one principal, in their order. */
export async function findFacts(
  principal: Principal,
  toWalletIds: readonly number[],
  { findWallet, clock }: Pick<MoveDeps, 'findWallet' | 'clock'>,
): Promise<Facts[]> {
  const payer = principal.walletId === null ? undefined : await findWallet(principal.walletId);
  const receivers = await Promise.all(toWalletIds.map((id) => findWallet(BigInt(id))));
  const nowMs = await clock.nowMs();
  return receivers.map((receiver) => ({ payer, receiver, nowMs }));
}

/** The command that `item` asks for. Throws a `Problem` that names the first thing that is wrong with it. */
export function toCommand(request: MovementRequest, item: MovementItem, facts: Facts): Command {
  const { payer, receiver, amountMinor } = resolve(request.kind, item.amount, facts);
  return createCommand(
    {
      kind: request.kind,
      debitWalletId: payer.id,
      creditWalletId: receiver.id,
      amountMinor,
      currency: payer.currency,
      initiatorId: request.principal.userId,
      requestId: request.requestId,
      details: item.details,
      externalId: item.externalId,
      idempotencyKey: item.idempotencyKey,
      list: request.list,
    },
    facts.nowMs,
  );
}

/** What is known of a command, as its client is told. Throws a `Problem` for a refusal. */
export function toMoved(known: KnownOutcome, command: Command): Moved {
  refuseReuse(known, command);
  const { id: operationId } = known;
  if (known.state === 'pending') return { status: 'PENDING', operationId, isReplay: false };
  const isReplay = known.requestId !== command.requestId;
  if (known.state === 'rejected') throw new Problem(known.reason, { operationId, isReplay });
  if (known.balanceMinor === null) throw new Fault(`operation ${operationId} moved no money`);
  const balance = amountToNumber(known.balanceMinor, command.currency);
  return { status: 'OK', operationId, toldWalletId: Number(toldWalletId(command)), balance, isReplay };
}

/** Throws when the identity that the client chose belongs to another request. */
export function refuseReuse(known: KnownOutcome, command: Command): void {
  if (known.requestHash === command.requestHash) return;
  throw new Problem(command.externalId === null ? 'idempotency_key_reused' : 'external_id_reused', {
    operationId: command.id,
  });
}

/** The wallets and the amount, or the first thing that is wrong with them. */
function resolve(
  kind: MovementKind,
  amount: number | string,
  { payer, receiver }: Facts,
): { payer: WalletFacts; receiver: WalletFacts; amountMinor: bigint } {
  if (!payer) throw new Problem('forbidden');
  const parsed = parseAmount(amount, payer.currency);
  if (!parsed.ok) throw invalidRequest([{ path: 'amount', message: parsed.broke }]);
  const wallets = judgeParties({ kind, currency: payer.currency }, { debit: payer, credit: receiver });
  if (typeof wallets === 'string') throw new Problem(wallets);
  return { payer, receiver: wallets.credit, amountMinor: parsed.amountMinor };
}
