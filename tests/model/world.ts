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
  hold,
  resolution,
  transfer,
  withOtherBody,
} from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { createAuditor, expiryOf } from './auditor.ts';
import type { Auditor, Verdict } from './auditor.ts';

export interface World {
  pool: Pool;
  bank: Account;
  people: Account[];
  operatorId: bigint;
  /** A customer of another currency, a wallet that is not there, and the bank itself: nobody to send money to. */
  strangers: Account[];
  /** Every hold that was ever asked for. */
  asked: { id: string; from: Account; to: Account }[];
}

export async function createWorld(pool: Pool, size: number): Promise<World> {
  const bank = await createBank(pool);
  const people = await Promise.all(Array.from({ length: size }, () => createCustomer(pool)));
  const foreigner = await createCustomer(pool, { currency: 'JPY' });
  const nobody = { ...foreigner, walletId: foreigner.walletId + 1_000_000_000n, currency: 'RUB' };
  return {
    pool,
    bank,
    people,
    operatorId: await createOperator(pool),
    strangers: [foreigner, nobody, bank],
    asked: [],
  };
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
    { weight: 20, arbitrary: fc.constant('deposit') },
    { weight: 30, arbitrary: fc.constant('transfer') },
    { weight: 12, arbitrary: fc.constant('hold') },
    { weight: 14, arbitrary: fc.constant('capture') },
    { weight: 8, arbitrary: fc.constant('release') },
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
    fc.constantFrom('deposit' as const, 'transfer' as const, 'hold' as const).map((kind) => ({
      ...{ kind, from, to: from + step, amountMinor },
      ...{ stranger: null, isExpired: false, brim: null },
    })),
  );

export const anyItemWish = fc.oneof({ weight: 9, arbitrary: tameWish }, { weight: 1, arbitrary: anyWish });

/** `auditor` tells how much there is. */
export function toCommand(world: World, wish: Wish, auditor?: Auditor): Command {
  const { bank, people, strangers, operatorId, asked } = world;
  const [from, to] = [people[wish.from % people.length]!, people[wish.to % people.length]!];
  const receiver = wish.stranger === null ? to : strangers[wish.stranger]!;
  const times = wish.isExpired ? { acceptedAtMs: Date.now() - 700_000, expiresAtMs: Date.now() - 100_000 } : {};
  if (wish.kind === 'freeze' || wish.kind === 'unfreeze') {
    return freezing(wish.kind, wish.stranger === null ? from : receiver, operatorId, times);
  }
  if (wish.kind === 'capture' || wish.kind === 'release') {
    // Of those that were placed mostly, and of few of them, so that one is asked of twice.
    const placed = asked.filter(({ id }) => auditor?.holds.has(id));
    const known = placed.length > 0 && wish.to % 6 > 0 ? placed.slice(-3) : asked;
    const about = known[wish.from % known.length] ?? { id: uuidv7(), from, to };
    const isFinal = wish.to % 3 > 0;
    return resolution(wish.kind, [about.from, wish.stranger === null ? about.to : receiver], about.id, {
      ...times,
      amountMinor: wish.brim === null ? 1n + (wish.amountMinor % 60n) : 0n,
      ...(wish.kind === 'capture' && !isFinal && { terms: { isFinal } }),
    });
  }
  const amountMinor = auditor ? toBrim(wish, auditor, from, receiver) : wish.amountMinor;
  if (wish.kind === 'hold') {
    const one = hold(from, receiver, amountMinor, times);
    asked.push({ id: one.id, from, to: receiver });
    return one;
  }
  return wish.kind === 'deposit'
    ? deposit(bank, receiver, amountMinor, times)
    : transfer(from, receiver, amountMinor, times);
}

function toBrim({ brim, amountMinor }: Wish, auditor: Auditor, from: Account, to: Account): bigint {
  if (brim === null) return amountMinor;
  const held = auditor.held(from.walletId);
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
    {
      balance: bigint;
      held: bigint;
      version: number;
      isFrozen: boolean;
      lines: [operation: string, change: bigint, after: bigint, held: bigint, heldAfter: bigint][];
    }
  >;
  holds: Record<string, { state: string; captured: bigint; released: bigint }>;
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
          held: auditor.held(id),
          version: lines.length,
          lines: lines.map((line, index) => [
            ...([line.operationId, line.changeMinor, auditor.balance(id, index + 1)] as const),
            ...([line.heldMinor, auditor.held(id, index + 1)] as const),
          ]),
        },
      ]),
    ),
    holds: Object.fromEntries(
      [...auditor.holds].map(([id, { state, takenMinor, freedMinor }]) => [
        id,
        { state, captured: takenMinor, released: freedMinor },
      ]),
    ),
  };
}

export async function stored({ pool }: World, auditor: Auditor, ids: readonly string[]): Promise<Picture> {
  const walletIds = [...auditor.wallets.keys()];
  const [operations, promises, wallets, entries, holds] = await Promise.all([
    pool.query<{ id: string; reason: string | null; debit_seq: bigint | null; credit_seq: bigint | null }>(
      'SELECT id, reason, debit_seq, credit_seq FROM outcome WHERE id = ANY($1::uuid[])',
      [ids],
    ),
    pool.query<{ id: string; hash: string }>(
      `SELECT id, encode(request_hash, 'hex') AS hash FROM pending_operation WHERE id = ANY($1::uuid[])`,
      [ids],
    ),
    pool.query<{ id: bigint; balance: bigint; held: bigint; version: bigint; is_frozen: boolean }>(
      'SELECT id, balance, held, version, is_frozen FROM wallet WHERE id = ANY($1)',
      [walletIds],
    ),
    pool.query<{
      wallet_id: bigint;
      operation_id: string;
      expired: string | null;
      amount: bigint;
      balance_after: bigint;
      held: bigint;
      held_after: bigint;
    }>(
      `SELECT e.wallet_id, e.operation_id, CASE o.kind WHEN 'hold_expiry' THEN o.claim_id END AS expired, e.amount,
         e.balance_after, coalesce(e.held, 0) AS held, coalesce(e.held_after, 0) AS held_after
       FROM entry e JOIN operation o ON o.id = e.operation_id WHERE wallet_id = ANY($1) ORDER BY wallet_id, seq`,
      [walletIds],
    ),
    pool.query<{ id: string; state: string; captured: bigint; released: bigint }>(
      'SELECT id, state, captured, released FROM hold WHERE debit_wallet_id = ANY($1)',
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
      wallets.rows.map(({ id, balance, held, version, is_frozen: isFrozen }) => [
        String(id),
        {
          ...{ balance, held, isFrozen },
          version: Number(version),
          lines: entries.rows
            .filter(({ wallet_id }) => wallet_id === id)
            .map((row) => [
              row.expired === null ? row.operation_id : expiryOf(row.expired),
              ...([row.amount, row.balance_after, row.held, row.held_after] as const),
            ]),
        },
      ]),
    ),
    holds: Object.fromEntries(
      holds.rows.map(({ id, state, captured, released }) => [id, { state, captured, released }]),
    ),
  };
}

function toNumber(seq: bigint | null): number | null {
  return seq === null ? null : Number(seq);
}
