/**
 * The ledger against an auditor that was written without it. Random clients send deposits and transfers, sensible and
 * not, twice, or under a used key; random envelopes carry them, split and merged; and after each step the database and
 * the auditor must agree on every outcome, balance and sequence number. A failing run prints its seed and the steps.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyEnvelope } from '../../worker/applyEnvelope.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { toEnvelope } from '../../shared/queue/contracts.ts';
import { insertPending } from '../../shared/store/pendingOperations.ts';
import type { Pool } from '../../shared/store/pool.ts';
import { withOtherBody } from '../support/accounts.ts';
import { expectSoundBooks } from '../support/inspect.ts';
import { applyDeps } from '../support/applyDeps.ts';
import type { TestDatabase } from '../support/database.ts';
import { openApplyPool } from '../support/pools.ts';
import { createTestDatabase } from '../support/stores.ts';
import type { Auditor } from './auditor.ts';
import { again, anyWish, audited, auditorOf, createWorld, stored, toCommand } from './world.ts';
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
}
type Step = fc.AsyncCommand<Auditor, Real>;

/** One command on its way: a new one, or an old one again, perhaps with another body under the same id. */
type Item = { what: 'new'; wish: Wish } | { what: 'again' | 'other body'; place: number; amountMinor: bigint };

const anyItem: fc.Arbitrary<Item> = fc.oneof(
  { weight: 6, arbitrary: anyWish.map((wish) => ({ what: 'new' as const, wish })) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constantFrom('again' as const, 'other body' as const),
      place: fc.nat(999),
      amountMinor: fc.bigInt(1n, 90n),
    }),
  },
);

function send(auditor: Auditor, { world, sent }: Real, item: Item): Command {
  const command = make(auditor, world, sent, item);
  sent.push(command);
  return command;
}

function make(auditor: Auditor, world: World, sent: readonly Command[], item: Item): Command {
  if (item.what === 'new') return toCommand(world, item.wish, auditor);
  const old = sent[item.place % sent.length];
  if (!old) return toCommand(world, { ...PLAIN, amountMinor: item.amountMinor });
  return item.what === 'again' ? again(old) : withOtherBody(old, item.amountMinor);
}

const PLAIN: Wish = { kind: 'deposit', from: 0, to: 0, amountMinor: 1n, stranger: null, isExpired: false, brim: null };

async function agree(auditor: Auditor, { world, sent }: Real): Promise<void> {
  const ids = sent.map(({ id }) => id);
  expect(await stored(world, auditor, ids)).toEqual(audited(auditor));
}

/** Commands travel in envelopes of the given sizes, one after another. */
function deliver(items: readonly Item[], sizes: readonly number[]): Step {
  return {
    check: () => true,
    async run(auditor, real) {
      const commands = items.map((item) => send(auditor, real, item));
      for (let at = 0, turn = 0; at < commands.length; turn++) {
        const envelope = commands.slice(at, at + sizes[turn % sizes.length]!);
        at += envelope.length;
        await applyEnvelope(applyDeps(pool), 'e-model', toEnvelope(envelope));
        for (const command of envelope) auditor.hear(command, Date.now());
      }
      await agree(auditor, real);
    },
    toString: () => `deliver ${fc.stringify(items)} in envelopes of ${sizes.join(', ')}`,
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
      await applyEnvelope(applyDeps(pool), 'e-model', toEnvelope(commands));
      for (const command of commands) auditor.hear(command, Date.now());
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
      const command = send(auditor, real, item);
      await insertPending(pool, [{ command, dueInMs: 0 }], { partitions: 4, maxPending: 1_000_000 });
      auditor.promise(command);
      await agree(auditor, real);
    },
    toString: () => `promise ${fc.stringify(item)}`,
  };
}

/** Part of a balance is held back, so that less is available than there is. */
function hold(person: number, percent: number): Step {
  return {
    check: () => true,
    async run(auditor, { world }) {
      const { walletId } = world.people[person % world.people.length]!;
      const heldMinor = (auditor.balance(walletId) * BigInt(percent)) / 100n;
      await pool.query('UPDATE wallet SET held = $2 WHERE id = $1', [walletId, heldMinor]);
      auditor.wallets.get(walletId)!.heldMinor = heldMinor;
    },
    toString: () => `hold ${percent}% of person ${person}`,
  };
}

const steps = [
  fc
    .tuple(
      fc.array(anyItem, { minLength: 1, maxLength: 30, size: 'max' }),
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
    )
    .map(([items, sizes]) => deliver(items, sizes)),
  fc.nat(999).map(redeliver),
  anyItem.map(promise),
  fc.tuple(fc.nat(9), fc.nat(100)).map(([person, percent]) => hold(person, percent)),
];

test('whatever is sent, however often and in whatever envelopes, the ledger and the auditor agree on every step', async () => {
  const said = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: MAX_STEPS, size: 'max' }), async (commands) => {
      const world = await createWorld(pool, PEOPLE);
      const auditor = auditorOf(world);
      await fc.asyncModelRun(() => ({ model: auditor, real: { world, sent: [] } }), commands);
      for (const verdict of auditor.verdicts.values()) said.set(verdict.said, (said.get(verdict.said) ?? 0) + 1);
    }),
    { numRuns: RUNS, endOnFailure: false },
  );
  // A run that met only sunshine would have proved nothing.
  for (const reason of [
    'applied',
    'expired',
    'wallet_not_found',
    'same_wallet',
    'currency_mismatch',
    'insufficient_funds',
    'balance_limit_exceeded',
  ]) {
    expect(said.get(reason) ?? 0, reason).toBeGreaterThan(0);
  }
  await expectSoundBooks(database.url);
});
