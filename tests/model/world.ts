/**
 * A small world for one run of a model: a bank of roubles, people who have accounts with it, one who has yen, an operator,
 * and requests among them that a client might send, sensible or not. And the database's word on it, in the auditor's
 * terms.
 */
import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import type { Command, KindName } from '../../shared/ledger/command.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import {
  createBank,
  createCustomer,
  createOperator,
  deposit,
  freezing,
  transfer,
  withOtherBody,
} from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { createAuditor } from './auditor.ts';
import type { Auditor, Verdict } from './auditor.ts';

export interface World {
  pool: Pool;
  bank: Account;
  people: Account[];
  operatorId: bigint;
  /** A customer of another currency, a wallet that is not there, and the bank itself: nobody to send money to. */
  strangers: Account[];
}

export async function createWorld(pool: Pool, size: number): Promise<World> {
  const bank = await createBank(pool);
  const people = await Promise.all(Array.from({ length: size }, () => createCustomer(pool)));
  const foreigner = await createCustomer(pool, { currency: 'JPY' });
  const nobody = { ...foreigner, walletId: foreigner.walletId + 1_000_000_000n, currency: 'RUB' };
  return { pool, bank, people, operatorId: await createOperator(pool), strangers: [foreigner, nobody, bank] };
}

export function auditorOf({ bank, people, strangers }: World): Auditor {
  const [foreigner] = strangers;
  return createAuditor([
    { id: bank.walletId, isBanks: true, currency: bank.currency },
    ...[...people, foreigner!].map(({ walletId, currency }) => ({ id: walletId, isBanks: false, currency })),
  ]);
}

/** A request before it has an identity. Places are taken modulo the number of people. */
export interface Wish {
  kind: KindName;
  from: number;
  to: number;
  amountMinor: bigint;
  /** Instead of `to`, or of the one to be frozen, one of those that money cannot go to. */
  stranger: number | null;
  isExpired: boolean;
  /** Instead of `amountMinor`, just as much as there is or as there is room for, or one more. */
  brim: 'all' | 'all and one' | 'room' | 'room and one' | null;
}

const LIMIT = 999_999_999_999_999n;
const amount = fc.oneof(
  { weight: 12, arbitrary: fc.bigInt(1n, 120n) },
  { weight: 2, arbitrary: fc.bigInt(1n, 1_000n) },
  { weight: 1, arbitrary: fc.bigInt(LIMIT - 100n, LIMIT) },
);

export const anyWish: fc.Arbitrary<Wish> = fc.record({
  kind: fc.oneof(
    { weight: 10, arbitrary: fc.constant('deposit') },
    { weight: 30, arbitrary: fc.constant('transfer') },
    { weight: 1, arbitrary: fc.constant('freeze') },
    { weight: 2, arbitrary: fc.constant('unfreeze') },
  ),
  from: fc.nat(99),
  to: fc.nat(99),
  amountMinor: amount,
  stranger: fc.oneof({ weight: 11, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(2) }),
  brim: fc.oneof(
    { weight: 8, arbitrary: fc.constant(null) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('all' as const, 'all and one' as const, 'room' as const, 'room and one' as const),
    },
  ),
  isExpired: fc.oneof({ weight: 19, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

/** What little can be wrong with, so that a list of them has a chance. */
const tameWish: fc.Arbitrary<Wish> = fc
  .record({ from: fc.nat(99), step: fc.integer({ min: 1, max: 3 }), amountMinor: fc.bigInt(1n, 30n) })
  .chain(({ from, step, amountMinor }) =>
    fc.constantFrom('deposit' as const, 'transfer' as const).map((kind) => ({
      ...{ kind, from, to: from + step, amountMinor },
      ...{ stranger: null, isExpired: false, brim: null },
    })),
  );

export const anyItemWish = fc.oneof({ weight: 9, arbitrary: tameWish }, { weight: 1, arbitrary: anyWish });

/** `auditor` tells how much there is. */
export function toCommand({ bank, people, strangers, operatorId }: World, wish: Wish, auditor?: Auditor): Command {
  const [from, to] = [people[wish.from % people.length]!, people[wish.to % people.length]!];
  const receiver = wish.stranger === null ? to : strangers[wish.stranger]!;
  const times = wish.isExpired ? { acceptedAtMs: Date.now() - 700_000, expiresAtMs: Date.now() - 100_000 } : {};
  if (wish.kind === 'freeze' || wish.kind === 'unfreeze') {
    return freezing(wish.kind, wish.stranger === null ? from : receiver, operatorId, times);
  }
  const amountMinor = auditor ? toBrim(wish, auditor, from, receiver) : wish.amountMinor;
  return wish.kind === 'deposit'
    ? deposit(bank, receiver, amountMinor, times)
    : transfer(from, receiver, amountMinor, times);
}

function toBrim({ brim, amountMinor }: Wish, auditor: Auditor, from: Account, to: Account): bigint {
  if (brim === null) return amountMinor;
  const held = auditor.wallets.get(from.walletId)?.heldMinor ?? 0n;
  const brimMinor = brim.startsWith('all')
    ? auditor.balance(from.walletId) - held
    : LIMIT - auditor.balance(to.walletId);
  const wanted = brimMinor + (brim.endsWith('one') ? 1n : 0n);
  return wanted >= 1n && wanted <= LIMIT ? wanted : amountMinor;
}

/** The same id, asked for by another HTTP request. */
export function again(command: Command): Command {
  return { ...command, requestId: uuidv7() };
}

/** The same id, asked for by another HTTP request, which is about it alone. */
export function alone(command: Command): Command {
  const single = again(command);
  delete single.list;
  return single;
}

/** The same id, for something else. */
export function otherBody(command: Command, amountMinor: bigint): Command {
  const other = withOtherBody(command, amountMinor);
  if (command.kind === 'freeze') return { ...other, kind: 'unfreeze', amountMinor: 0n };
  return command.kind === 'unfreeze' ? { ...other, kind: 'freeze', amountMinor: 0n } : other;
}

/**
 * The items in one atomic list, whatever they were in before. Of an id that is there twice the first stays; the list says
 * that it has `missing` more.
 */
export function toList(items: readonly Command[], missing = 0): Command[] {
  const unique = [...new Map(items.toReversed().map((item) => [item.id, item])).values()].reverse();
  const list = { id: uuidv7(), size: unique.length + missing };
  return unique.map((item) => ({ ...item, list }));
}

/** Everything that the auditor has an opinion on, from either side, in one comparable shape. */
export interface Picture {
  verdicts: Record<string, Verdict>;
  promised: Record<string, string>;
  wallets: Record<
    string,
    { balance: bigint; version: number; isFrozen: boolean; lines: [operation: string, change: bigint, after: bigint][] }
  >;
}

export function audited(auditor: Auditor): Picture {
  return {
    verdicts: Object.fromEntries(auditor.verdicts),
    promised: Object.fromEntries(auditor.promised),
    wallets: Object.fromEntries(
      [...auditor.wallets.values()].map(({ id, isFrozen, lines }) => [
        String(id),
        {
          isFrozen,
          balance: auditor.balance(id),
          version: lines.length,
          lines: lines.map((line, index) => [line.operationId, line.changeMinor, auditor.balance(id, index + 1)]),
        },
      ]),
    ),
  };
}

export async function stored({ pool }: World, auditor: Auditor, ids: readonly string[]): Promise<Picture> {
  const walletIds = [...auditor.wallets.keys()];
  const [operations, promises, wallets, entries] = await Promise.all([
    pool.query<{ id: string; reason: string | null; debit_seq: bigint | null; credit_seq: bigint | null }>(
      'SELECT id, reason, debit_seq, credit_seq FROM outcome WHERE id = ANY($1::uuid[])',
      [ids],
    ),
    pool.query<{ id: string; hash: string }>(
      `SELECT id, encode(request_hash, 'hex') AS hash FROM pending_operation WHERE id = ANY($1::uuid[])`,
      [ids],
    ),
    pool.query<{ id: bigint; balance: bigint; version: bigint; is_frozen: boolean }>(
      'SELECT id, balance, version, is_frozen FROM wallet WHERE id = ANY($1)',
      [walletIds],
    ),
    pool.query<{ wallet_id: bigint; operation_id: string; amount: bigint; balance_after: bigint }>(
      'SELECT wallet_id, operation_id, amount, balance_after FROM entry WHERE wallet_id = ANY($1) ORDER BY wallet_id, seq',
      [walletIds],
    ),
  ]);
  return {
    verdicts: Object.fromEntries(
      operations.rows.map((row): [string, Verdict] => [
        row.id,
        row.reason === null
          ? { said: 'applied', debitSeq: toNumber(row.debit_seq), creditSeq: toNumber(row.credit_seq) }
          : { said: row.reason },
      ]),
    ),
    promised: Object.fromEntries(promises.rows.map(({ id, hash }) => [id, hash])),
    wallets: Object.fromEntries(
      wallets.rows.map(({ id, balance, version, is_frozen: isFrozen }) => [
        String(id),
        {
          ...{ balance, isFrozen },
          version: Number(version),
          lines: entries.rows
            .filter(({ wallet_id }) => wallet_id === id)
            .map((row) => [row.operation_id, row.amount, row.balance_after]),
        },
      ]),
    ),
  };
}

function toNumber(seq: bigint | null): number | null {
  return seq === null ? null : Number(seq);
}
