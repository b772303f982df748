/**
 * What a client asks of the ledger, of whichever kind: checks what never changes (the wallets exist, their kind and
 * currency), so that a mistake is answered at once and claims no key, makes the command, submits it, and turns what is
 * known of it into an answer or a `Problem`. The JSON routes, the customers' form and the console share it.
 */
import { Fault } from '../../shared/errors/fault.ts';
import type {
  AtomicList,
  Command,
  JsonObject,
  KindName,
  MovementKind,
  WalletFacts,
} from '../../shared/ledger/command.ts';
import { claimIdOf } from '../../shared/ledger/book.ts';
import { KINDS, judgeParties, toldWalletId } from '../../shared/ledger/kinds.ts';
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
import type { FindHold } from '../wallets/findHold.ts';
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
  /** None for a kind that is about no amount, or for all that there is. */
  amount?: number | string | undefined;
  details?: string | undefined;
  externalId?: string | undefined;
  idempotencyKey?: string | undefined;
  /** What its kind asks for beside an amount, as far as it was said. */
  terms?: JsonObject | undefined;
}

/** What is about a hold names that instead of a wallet. */
interface Resolution extends Omit<Item, 'toWalletId'> {
  /** UUID. */
  holdId: string;
}

/** What an operation of the kind is about. */
export type Subject<Name extends KindName> = Name extends 'capture' | 'release' ? Resolution : Item;

export type Asked<Name extends KindName = KindName> = Asking<Name> & Subject<Name> & { prefer: Preference };

/** A movement that a person asks for on a page. */
interface Payment extends Asking<MovementKind>, Item {
  /** The payment just like it that they have been asked about, and mean to repeat. */
  confirmed: string | undefined;
}

/** `balance` and `available` are those of the wallet which is told of, where it was about an amount; amounts of `result` are minor units. */
export type Told = {
  operationId: string;
  /** The outcome was stored by an earlier request. */
  isReplay: boolean;
} & (Done | { status: 'PENDING' });

interface Done {
  status: 'OK';
  toldWalletId: number;
  currency: string;
  balance?: number;
  available?: number;
  /** The claim that it opened or changed: its id, and how it is after that. */
  claim?: { id: string; result: JsonObject };
}

export type Operate<Name extends KindName = KindName> = (asked: Asked<Name>) => Promise<Told>;
export type Freeze = Operate<'freeze' | 'unfreeze'>;

/** Answers the payment just like it that was made a moment ago, where its sender has to be asked first. */
export type Pay = (payment: Payment) => Promise<Told | EqualPayment>;

export interface OperateDeps {
  submit: Submit;
  findWallet: FindWallet;
  findHold: FindHold;
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

async function makeCommand(asked: Asking & (Item | Resolution), deps: Omit<OperateDeps, 'submit'>): Promise<Command> {
  if ('holdId' in asked) return toCommand(asked, asked, await findHoldFacts(asked, asked.holdId, deps));
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

/** The sides of a hold, for whom it is for. Nobody else learns that there is one, except who pays. */
async function findHoldFacts(
  { principal: { walletId } }: Asking,
  holdId: string,
  { findHold, findWallet, clock }: Pick<OperateDeps, 'findHold' | 'findWallet' | 'clock'>,
): Promise<Facts> {
  const sides = await findHold(holdId);
  if (sides && walletId === sides.debitWalletId) throw new Problem('forbidden');
  if (sides?.creditWalletId !== walletId) throw new Problem('hold_not_found');
  const [payer, receiver] = await Promise.all([findWallet(sides.debitWalletId), findWallet(sides.creditWalletId)]);
  return { payer, receiver, nowMs: await clock.nowMs() };
}

/** The command that `item` asks for. Throws a `Problem` that names the first thing that is wrong with it. */
export function toCommand(asking: Asking, item: Omit<Item, 'toWalletId'> | Resolution, facts: Facts): Command {
  const { kind, principal, requestId, list } = asking;
  const { payer: debit, receiver: credit, nowMs } = facts;
  if (!debit) throw new Problem('wallet_not_found');
  const { currency } = debit;
  const isOpen = KINDS[kind].amount === 'none' || (KINDS[kind].amount === 'open' && item.amount === undefined);
  const amountMinor = isOpen ? 0n : readAmount(item.amount, currency);
  const wallets = judgeParties({ kind, currency }, { debit, credit });
  if (typeof wallets === 'string') throw new Problem(wallets);
  return createCommand(
    {
      ...{ kind, debitWalletId: debit.id, creditWalletId: wallets.credit.id, amountMinor, currency },
      ...{ initiatorId: principal.userId, requestId, list, terms: item.terms },
      claimId: 'holdId' in item ? item.holdId : undefined,
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
  const { kind, currency } = command;
  const told = { status: 'OK', operationId, toldWalletId: Number(toldWalletId(command)), currency, isReplay } as const;
  if (KINDS[kind].amount === 'none') return told;
  if (known.balanceMinor === null) throw new Fault(`operation ${operationId} is about no amount`);
  return {
    ...told,
    balance: amountToNumber(known.balanceMinor, currency),
    available: amountToNumber(known.balanceMinor - known.heldMinor, currency),
    ...(known.result && { claim: { id: claimIdOf(command), result: known.result } }),
  };
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
