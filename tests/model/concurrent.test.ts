/**
 * Many appliers at once over the same people, with shuffled envelopes in which commands and atomic lists come twice,
 * thrice, in part, and under used keys, while wallets are frozen and thawed. No order is the right one; but there must be
 * one: the auditor, told the envelopes in the order in which the database took them, arrives at the same outcomes,
 * balances and sequence numbers. A failing run prints its seed.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyEnvelope } from '../../worker/apply/applyEnvelope.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { toEnvelope } from '../../shared/queue/contracts.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { expectSoundBooks, query } from '../support/inspect.ts';
import { applyDeps } from '../support/applyDeps.ts';
import type { TestDatabase } from '../support/database.ts';
import { openApplyPool } from '../support/pools.ts';
import { createTestDatabase } from '../support/stores.ts';
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

const RUNS = 8;
const PEOPLE = 6;
const APPLIERS = 6;
const PARCELS = { minLength: 120, maxLength: 250 };
const MAX_COPIES = 3;
const MAX_ENVELOPE = 25;

let database: TestDatabase;
let pools: Pool[];

beforeAll(async () => {
  database = await createTestDatabase();
  pools = [openApplyPool(database.url, APPLIERS), openApplyPool(database.url, APPLIERS)];
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await database.drop();
});

/** What leaves a client at once: a single command, or an atomic list. */
const anyWishes = fc.oneof(
  { weight: 4, arbitrary: anyWish.map((wish) => ({ wishes: [wish], isList: false })) },
  {
    weight: 1,
    arbitrary: fc
      .array(anyItemWish, { minLength: 1, maxLength: 6, size: 'max' })
      .map((wishes) => ({ wishes, isList: true })),
  },
);

const anyPlan = fc.record({
  parcels: fc.array(anyWishes, { ...PARCELS, size: 'max' }),
  /** Per parcel how often it is delivered, and whether something else or a part of it comes under its ids as well. */
  copies: fc.array(fc.tuple(fc.integer({ min: 1, max: MAX_COPIES }), fc.nat(9)), { minLength: 20, maxLength: 40 }),
  sizes: fc.array(fc.integer({ min: 1, max: MAX_ENVELOPE }), { minLength: 5, maxLength: 20 }),
  order: fc.infiniteStream(fc.nat(1_000_000)),
});

test('whatever several appliers do at once is what one auditor makes of it in the order of the database', async () => {
  let listsApplied = 0;
  await fc.assert(
    fc.asyncProperty(anyPlan, async ({ parcels, copies, sizes, order }) => {
      const world = await createWorld(pools[0]!, PEOPLE);
      const made = parcels.map(({ wishes, isList }) => {
        const commands = wishes.map((wish) => toCommand(world, wish));
        return isList ? toList(commands) : commands;
      });
      const deliveries = made.flatMap((parcel, index) => {
        const [count, whim] = copies[index % copies.length]!;
        const same = Array.from({ length: count }, () => parcel.map(again));
        if (whim === 0) return [...same, parcel.map((command) => otherBody(command, 7n))];
        if (whim === 1) return [...same, parcel.slice(1).map(again)];
        return whim === 2 ? [...same, parcel.slice(0, 1).map(alone)] : same;
      });
      const envelopes = cut(shuffle(deliveries, order).flat(), sizes);
      await applyTogether(envelopes);

      const ids = made.flat().map(({ id }) => id);
      const rows = await query<{ id: string; request_id: string; applied_ms: number }>(
        database.url,
        `SELECT id, request_id, extract(epoch FROM applied_at)::float8 * 1000 AS applied_ms FROM outcome
         WHERE id = ANY($1::uuid[])`,
        [ids],
      );
      expect(rows).toHaveLength(ids.length);
      // What one envelope brought has one time; one that brought nothing new has none.
      const takenMs = new Map(rows.map((row) => [row.request_id, row.applied_ms]));
      const taken = envelopes.flatMap((envelope) => {
        const times = new Set(envelope.flatMap(({ requestId }) => takenMs.get(requestId) ?? []));
        expect(times.size).toBeLessThanOrEqual(1);
        return [...times].map((atMs) => ({ envelope, atMs }));
      });
      taken.sort((one, other) => one.atMs - other.atMs);

      const auditor = auditorOf(world);
      for (const { envelope, atMs } of taken) auditor.hear(envelope, atMs);
      expect(await stored(world, auditor, ids)).toEqual(audited(auditor));
      const isApplied = ({ id }: Command) => auditor.verdicts.get(id)?.said === 'applied';
      listsApplied += made.filter((parcel) => parcel.length > 1 && parcel.every(isApplied)).length;
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  expect(listsApplied).toBeGreaterThan(0);
  await expectSoundBooks(database.url);
  const [row] = await query<{ deadlocks: string }>(
    database.url,
    'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
  );
  expect(row?.deadlocks).toBe('0');
});

/** Each applier takes the next envelope as soon as it has done one. */
async function applyTogether(envelopes: readonly Command[][]): Promise<void> {
  const left = [...envelopes];
  const applier = async (_: unknown, index: number) => {
    const deps = applyDeps(pools[index % pools.length]!);
    for (let next = left.shift(); next; next = left.shift())
      await applyEnvelope(deps, { partition: 0, jobId: 'e-model' }, toEnvelope(next));
  };
  await Promise.all(Array.from({ length: APPLIERS }).map(applier));
}

function shuffle<T>(list: readonly T[], order: Iterator<number>): T[] {
  return list
    .map((item) => ({ item, at: Number(order.next().value) }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}

function cut<T>(list: readonly T[], sizes: readonly number[]): T[][] {
  const pieces: T[][] = [];
  for (let at = 0; at < list.length;) {
    const piece = list.slice(at, at + sizes[pieces.length % sizes.length]!);
    pieces.push(piece);
    at += piece.length;
  }
  return pieces;
}
