/**
 * The ledger against an auditor that was written without it. Random clients send deposits and transfers, sensible and
 * not, one by one or in atomic lists, twice, in part, or under a used key, hold money for each other and take it or let it
 * go, while an operator freezes wallets and thaws them and the time of holds runs out; random envelopes carry them, split and merged; and after each step the database and the auditor must agree on
 * every outcome, balance and sequence number. A failing run prints its seed and the steps.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyEnvelope } from '../../worker/apply/applyEnvelope.ts';
import { expireOnce } from '../../worker/sweep/expireDue.ts';
import { REJECTION_REASONS } from '../../shared/ledger/command.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { toEnvelope } from '../../shared/queue/contracts.ts';
import { insertPending } from '../../shared/store/ledger/pendingOperations.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { expectSoundBooks } from '../support/inspect.ts';
import { applyDeps } from '../support/applyDeps.ts';
import type { TestDatabase } from '../support/database.ts';
import { openApplyPool } from '../support/pools.ts';
import { createTestDatabase } from '../support/stores.ts';
import { resolution } from '../support/accounts.ts';
import type { Auditor } from './auditor.ts';
import {
  again,
  alone,
  anyItemWish,
  anyWish,
  audited,
  auditorOf,
  createWorld,
  otherBody,
  stored,
  toCommand,
  toList,
} from './world.ts';
import type { Wish, World } from './world.ts';

const RUNS = 60;
const MAX_STEPS = 25;
const PEOPLE = 4;

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openApplyPool(database.url);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

interface Real {
  world: World;
  /** Every command that was ever sent, for those that are sent again. */
  sent: Command[];
  /** Every list that was ever sent. */
  lists: Command[][];
}
type Step = fc.AsyncCommand<Auditor, Real>;

/** One command on its way: a new one, or an old one again, perhaps without its list or with another body. */
type Item =
  { what: 'new'; wish: Wish } | { what: 'again' | 'alone' | 'other body'; place: number; amountMinor: bigint };
/** What a client sends at once: one command, an atomic list, or some of an old list from one item to another. */
type Parcel =
  | Item
  | { what: 'list'; items: Item[]; flaw: 'an item twice' | 'one said too many' | null }
  | { what: 'part of a list'; place: number; from: number; to: number }
  /** A hold, and all that may be asked of it, in some order. */
  | { what: 'a hold to its end'; from: number; to: number; order: number };

const anOld = fc.record({
  what: fc.constantFrom('again' as const, 'alone' as const, 'other body' as const),
  place: fc.nat(999),
  amountMinor: fc.bigInt(1n, 90n),
});
const aNew = (wish: fc.Arbitrary<Wish>) => wish.map((each) => ({ what: 'new' as const, wish: each }));
const anyItem = fc.oneof({ weight: 3, arbitrary: aNew(anyWish) }, { weight: 1, arbitrary: anOld });
const anyParcel: fc.Arbitrary<Parcel> = fc.oneof(
  { weight: 12, arbitrary: anyItem },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('list' as const),
      items: fc.array(fc.oneof({ weight: 15, arbitrary: aNew(anyItemWish) }, { weight: 1, arbitrary: anOld }), {
        minLength: 1,
        maxLength: 6,
        size: 'max',
      }),
      flaw: fc.oneof(
        { weight: 10, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.constantFrom('an item twice' as const, 'one said too many' as const) },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('a hold to its end' as const),
      ...{ from: fc.nat(99), to: fc.nat(99), order: fc.nat(99) },
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('part of a list' as const),
      place: fc.nat(999),
      from: fc.nat(2),
      to: fc.nat(6),
    }),
  },
);

function send(auditor: Auditor, real: Real, parcel: Parcel): Command[] {
  const commands = pack(auditor, real, parcel);
  real.sent.push(...commands);
  return commands;
}

function pack(auditor: Auditor, { world, sent, lists }: Real, parcel: Parcel): Command[] {
  if (parcel.what === 'part of a list') {
    return (lists[parcel.place % lists.length] ?? []).slice(parcel.from, parcel.to + 1).map(again);
  }
  if (parcel.what === 'a hold to its end') return toTheEnd(world, parcel);
  if (parcel.what !== 'list') return [make(auditor, world, sent, parcel)];
  const list = toList(
    parcel.items.map((item) => make(auditor, world, sent, item)),
    parcel.flaw === 'one said too many' ? 1 : 0,
  );
  lists.push(list);
  return parcel.flaw === 'an item twice' ? [...list, again(list[0]!)] : list;
}

function toTheEnd(world: World, { from, to, order }: Extract<Parcel, { what: 'a hold to its end' }>): Command[] {
  const one = toCommand(world, { ...PLAIN, kind: 'hold', from, to, amountMinor: 10n });
  const about = world.asked.at(-1)!;
  const pair = [about.from, about.to] as const;
  const asked = [
    resolution('capture', pair, one.id, { amountMinor: 4n, terms: { isFinal: false } }),
    resolution('release', pair, one.id, { amountMinor: 1n }),
    resolution('capture', pair, one.id, { amountMinor: 11n }),
    resolution('capture', pair, one.id),
    resolution('release', pair, one.id),
  ];
  const cut = order % asked.length;
  return [one, ...asked.slice(cut), ...asked.slice(0, cut)];
}

function make(auditor: Auditor, world: World, sent: readonly Command[], item: Item): Command {
  if (item.what === 'new') return toCommand(world, item.wish, auditor);
  const old = sent[item.place % sent.length];
  if (!old) return toCommand(world, { ...PLAIN, amountMinor: item.amountMinor });
  if (item.what === 'other body') return otherBody(old, item.amountMinor);
  return item.what === 'again' ? again(old) : alone(old);
}

const PLAIN: Wish = { kind: 'deposit', from: 0, to: 0, amountMinor: 1n, stranger: null, isExpired: false, brim: null };

async function agree(auditor: Auditor, { world, sent }: Real): Promise<void> {
  const ids = sent.map(({ id }) => id);
  expect(await stored(world, auditor, ids)).toEqual(audited(auditor));
}

/** Commands travel in envelopes of the given sizes, one after another. */
function deliver(parcels: readonly Parcel[], sizes: readonly number[]): Step {
  return {
    check: () => true,
    async run(auditor, real) {
      const commands = parcels.flatMap((parcel) => send(auditor, real, parcel));
      for (let at = 0, turn = 0; at < commands.length; turn++) {
        const envelope = commands.slice(at, at + sizes[turn % sizes.length]!);
        at += envelope.length;
        await applyEnvelope(applyDeps(pool), { partition: 0, jobId: 'e-model' }, toEnvelope(envelope));
        auditor.hear(envelope, Date.now());
      }
      await agree(auditor, real);
    },
    toString: () => `deliver ${fc.stringify(parcels)} in envelopes of ${sizes.join(', ')}`,
  };
}

/** Everything that was ever sent arrives once more, in one envelope, in another order. */
function redeliver(order: number): Step {
  return {
    check: () => true,
    async run(auditor, real) {
      const cut = order % (real.sent.length + 1);
      const turned = [...real.sent.slice(cut), ...real.sent.slice(0, cut)];
      const commands = turned.slice(0, 500);
      await applyEnvelope(applyDeps(pool), { partition: 0, jobId: 'e-model' }, toEnvelope(commands));
      auditor.hear(commands, Date.now());
      await agree(auditor, real);
    },
    toString: () => `redeliver all from ${order}`,
  };
}

/** A 202: the promise is committed, and the command may reach the ledger or not. */
function promise(item: Item): Step {
  return {
    check: () => true,
    async run(auditor, real) {
      const [command] = send(auditor, real, item) as [Command];
      await insertPending(pool, [{ command, dueInMs: 0 }], { partitions: 4, room: 1_000_000 });
      auditor.promise(command, Date.now());
      await agree(auditor, real);
    },
    toString: () => `promise ${fc.stringify(item)}`,
  };
}

/** The time of a hold is up: of one that is open, some moments from now. */
function timeOut(place: number): Step {
  return {
    check: () => true,
    async run(auditor, real) {
      const open = [...auditor.holds].filter(([, { state, overdue }]) => state === 'open' && overdue === null);
      const [holdId, it] = open[place % open.length] ?? [];
      if (holdId === undefined || !it) return;
      await pool.query(
        `WITH due AS (UPDATE hold SET expires_at = date_trunc('milliseconds', clock_timestamp()) + interval '1 ms'
           WHERE id = $1 RETURNING debit_wallet_id, expires_at)
         UPDATE wallet SET next_expiry_at = least(next_expiry_at, due.expires_at) FROM due WHERE id = debit_wallet_id`,
        [holdId],
      );
      await pool.query('SELECT pg_sleep(0.002)');
      auditor.timeOut(holdId);
      await agree(auditor, real);
    },
    toString: () => `time out hold ${place}`,
  };
}

/** The workers' leader comes past. */
function sweep(): Step {
  return {
    check: () => true,
    async run(auditor, real) {
      await expireOnce(pool);
      auditor.sweep();
      await agree(auditor, real);
    },
    toString: () => 'sweep',
  };
}

const steps = [
  fc
    .tuple(
      fc.array(anyParcel, { minLength: 1, maxLength: 30, size: 'max' }),
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
    )
    .map(([parcels, sizes]) => deliver(parcels, sizes)),
  fc.nat(999).map(redeliver),
  anyItem.map(promise),
  fc.nat(99).map(timeOut),
  fc.nat(99).map(timeOut),
  fc.constant(sweep()),
];

test('whatever is sent, however often and in whatever envelopes, the ledger and the auditor agree on every step', async () => {
  const said = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: MAX_STEPS, size: 'max' }), async (commands) => {
      const world = await createWorld(pool, PEOPLE);
      const auditor = auditorOf(world);
      const real: Real = { world, sent: [], lists: [] };
      await fc.asyncModelRun(() => ({ model: auditor, real }), commands);
      const count = (word: string) => said.set(word, (said.get(word) ?? 0) + 1);
      for (const verdict of auditor.verdicts.values()) count(verdict.said);
      for (const list of real.lists) {
        const isApplied = list.every(({ id }) => auditor.verdicts.get(id)?.said === 'applied');
        if (isApplied && list.length > 1) count('a list applied');
      }
    }),
    { numRuns: RUNS, endOnFailure: false },
  );
  // A run that met only sunshine would have proved nothing.
  for (const reason of [
    'applied',
    'a list applied',
    ...REJECTION_REASONS.filter((reason) => reason !== 'internal_error'),
  ]) {
    expect(said.get(reason) ?? 0, reason).toBeGreaterThan(0);
  }
  await expectSoundBooks(database.url);
});
