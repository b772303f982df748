/**
 * What a client asks of the ledger, of whichever kind: checks what never changes (the wallets exist, their kind and
 * currency), so that a mistake is answered at once and claims no key, makes the command, submits it, and turns what is
 * known of it into an answer or a `Problem`. The JSON routes, the customers' form and the console share it.
 */
import { Fault } from '../../shared/errors/fault.ts';
import type { AtomicList, Command, KindName, MovementKind, WalletFacts } from '../../shared/ledger/command.ts';
import { KINDS, isMovement, judgeParties, toldWalletId } from '../../shared/ledger/kinds.ts';
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

/** Who asks for what kind of operation, and in which request. */
export interface Asking<Name extends KindName = KindName> {
  kind: Name;
  principal: Principal;
  list?: AtomicList | undefined;
  requestId: string;
}

export interface Item {
  /** The wallet that receives; of a kind that is about one wallet, that one. */
  toWalletId: number;
  /** None for a kind that moves no money. */
  amount?: number | string;
  details?: string | undefined;
  externalId?: string | undefined;
  idempotencyKey?: string | undefined;
}

export interface Asked<Name extends KindName = KindName> extends Asking<Name>, Item {
  prefer: Preference;
}

/** A movement that a person asks for on a page. */
interface Payment extends Asking<MovementKind>, Item {
  /** The payment just like it that they have been asked about, and mean to repeat. */
  confirmed: string | undefined;
}

/** `balance` is that of the wallet which is told of, where money moved. */
export type Told = {
  operationId: string;
  /** The outcome was stored by an earlier request. */
  isReplay: boolean;
} & ({ status: 'OK'; toldWalletId: number; balance?: number } | { status: 'PENDING' });

export type Operate<Name extends KindName = KindName> = (asked: Asked<Name>) => Promise<Told>;
export type Freeze = Operate<'freeze' | 'unfreeze'>;

/** Answers the payment just like it that was made a moment ago, where its sender has to be asked first. */
export type Pay = (payment: Payment) => Promise<Told | EqualPayment>;

export interface OperateDeps {
  submit: Submit;
  findWallet: FindWallet;
  clock: DatabaseClock;
  timeoutMs: number;
}

/** Throws a `Problem` for a refusal, also for one by the ledger. */
export function createOperate(deps: OperateDeps): Operate {
  return async (asked) => {
    const command = await makeCommand(asked, deps);
    const known = await deps.submit(command, {
      isKeyed: asked.externalId !== undefined || asked.idempotencyKey !== undefined,
      ...waitAsPreferred(asked.prefer, deps.timeoutMs),
    });
    return toTold(known, command);
  };
}

interface PayDeps extends Omit<OperateDeps, 'submit'> {
  submitPayment: SubmitPayment;
}

/** Throws a `Problem` for a refusal, also for one by the ledger. */
export function createPay(deps: PayDeps): Pay {
  return async ({ confirmed, ...payment }) => {
    const command = await makeCommand(payment, deps);
    const isKeyed = payment.idempotencyKey !== undefined;
    const known = await deps.submitPayment(command, { isKeyed, waitMs: deps.timeoutMs, confirmed });
    return known.state === 'equal' ? known : toTold(known, command);
  };
}

/** RFC 7240, section 4.3: with `wait` beside it, `respond-async` only matters once that time is up. */
export function waitAsPreferred({ waitMs, respondAsync }: Preference, timeoutMs: number) {
  return { waitMs: waitMs ?? timeoutMs, respondAsync: respondAsync && waitMs === undefined };
}

/** What is known of the world when an item becomes a command. `nowMs` is the database's time. */
interface Facts {
  payer: WalletFacts | undefined;
  receiver: WalletFacts | undefined;
  nowMs: number;
}

async function makeCommand(asked: Asking & Item, deps: Omit<OperateDeps, 'submit'>): Promise<Command> {
  const [facts] = await findFacts(asked, [asked.toWalletId], deps);
  return toCommand(asked, asked, facts as Facts);
}

/** The facts for each of several items of one request, in their order. */
export async function findFacts(
  { kind, principal: { walletId } }: Asking,
  toWalletIds: readonly number[],
  { findWallet, clock }: Pick<OperateDeps, 'findWallet' | 'clock'>,
): Promise<Facts[]> {
  const isOwn = !KINDS[kind].oneWallet && walletId !== null;
  const own = isOwn ? await findWallet(walletId) : undefined;
  const receivers = await Promise.all(toWalletIds.map((id) => findWallet(BigInt(id))));
  const nowMs = await clock.nowMs();
  return receivers.map((receiver) => ({ payer: KINDS[kind].oneWallet ? receiver : own, receiver, nowMs }));
}

/** The command that `item` asks for. Throws a `Problem` that names the first thing that is wrong with it. */
export function toCommand({ kind, principal, requestId, list }: Asking, item: Item, facts: Facts): Command {
  const { payer: debit, receiver: credit, nowMs } = facts;
  if (!debit) throw new Problem('wallet_not_found');
  const { currency } = debit;
  const amountMinor = isMovement(kind) ? readAmount(item.amount, currency) : 0n;
  const wallets = judgeParties({ kind, currency }, { debit, credit });
  if (typeof wallets === 'string') throw new Problem(wallets);
  return createCommand(
    {
      ...{ kind, debitWalletId: debit.id, creditWalletId: wallets.credit.id, amountMinor, currency },
      ...{ initiatorId: principal.userId, requestId, list },
      ...{ details: item.details, externalId: item.externalId, idempotencyKey: item.idempotencyKey },
    },
    nowMs,
  );
}

/** What is known of a command, as its client is told. Throws a `Problem` for a refusal. */
export function toTold(known: KnownOutcome, command: Command): Told {
  refuseReuse(known, command);
  const { id: operationId } = known;
  if (known.state === 'pending') return { status: 'PENDING', operationId, isReplay: false };
  const isReplay = known.requestId !== command.requestId;
  if (known.state === 'rejected') throw new Problem(known.reason, { operationId, isReplay });
  const told = { status: 'OK', operationId, toldWalletId: Number(toldWalletId(command)), isReplay } as const;
  if (!isMovement(command.kind)) return told;
  if (known.balanceMinor === null) throw new Fault(`operation ${operationId} moved no money`);
  return { ...told, balance: amountToNumber(known.balanceMinor, command.currency) };
}

/** Throws when the identity that the client chose belongs to another request. */
function refuseReuse(known: KnownOutcome, command: Command): void {
  if (known.requestHash === command.requestHash) return;
  throw new Problem(command.externalId === null ? 'idempotency_key_reused' : 'external_id_reused', {
    operationId: command.id,
  });
}

function readAmount(amount: number | string | undefined, currency: string): bigint {
  const parsed = parseAmount(amount ?? '', currency);
  if (!parsed.ok) throw invalidRequest([{ path: 'amount', message: parsed.broke }]);
  return parsed.amountMinor;
}
