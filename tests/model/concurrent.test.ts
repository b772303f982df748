/**
 * Many appliers at once over the same people, with shuffled envelopes in which commands come twice, thrice and under
 * used keys. No order is the right one; but there must be one: the auditor, told the operations in the order in which
 * the database took them, arrives at the same outcomes, balances and sequence numbers. A failing run prints its seed.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyEnvelope } from '../../worker/applyEnvelope.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { toEnvelope } from '../../shared/queue/contracts.ts';
import type { Pool } from '../../shared/store/pool.ts';
import { withOtherBody } from '../support/accounts.ts';
import { expectSoundBooks, query } from '../support/inspect.ts';
import { applyDeps } from '../support/applyDeps.ts';
import type { TestDatabase } from '../support/database.ts';
import { openApplyPool } from '../support/pools.ts';
import { createTestDatabase } from '../support/stores.ts';
import { again, anyWish, audited, auditorOf, createWorld, stored, toCommand } from './world.ts';

const RUNS = 8;
const PEOPLE = 6;
const APPLIERS = 6;
const COMMANDS = { minLength: 200, maxLength: 400 };
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

const anyPlan = fc.record({
  wishes: fc.array(anyWish, { ...COMMANDS, size: 'max' }),
  /** Per command how often it is delivered, and whether one of those asks for something else. */
  copies: fc.array(fc.tuple(fc.integer({ min: 1, max: MAX_COPIES }), fc.nat(9)), { minLength: 20, maxLength: 40 }),
  sizes: fc.array(fc.integer({ min: 1, max: MAX_ENVELOPE }), { minLength: 5, maxLength: 20 }),
  order: fc.infiniteStream(fc.nat(1_000_000)),
});

test('whatever several appliers do at once is what one auditor makes of it in the order of the database', async () => {
  await fc.assert(
    fc.asyncProperty(anyPlan, async ({ wishes, copies, sizes, order }) => {
      const world = await createWorld(pools[0]!, PEOPLE);
      const commands = wishes.map((wish) => toCommand(world, wish));
      const deliveries = commands.flatMap((command, index) => {
        const [count, whim] = copies[index % copies.length]!;
        const same = Array.from({ length: count }, () => again(command));
        return whim === 0 ? [...same, withOtherBody(command, 7n)] : same;
      });
      const envelopes = cut(shuffle(deliveries, order), sizes);
      await applyTogether(envelopes);

      const placeOf = new Map(
        envelopes.flatMap((envelope) => envelope.map((each, place) => [each.requestId, { ...each, place }])),
      );
      const rows = await query<{ request_id: string; applied_ms: number }>(
        database.url,
        `SELECT request_id, extract(epoch FROM applied_at)::float8 * 1000 AS applied_ms FROM operation
         WHERE id = ANY($1::uuid[]) ORDER BY applied_at`,
        [commands.map(({ id }) => id)],
      );
      expect(rows).toHaveLength(commands.length);
      // What one transaction took has one time, and there the place in its envelope tells.
      const taken = rows.map((row) => ({ ...row, ...placeOf.get(row.request_id)! }));
      taken.sort((one, other) => one.applied_ms - other.applied_ms || one.place - other.place);

      const auditor = auditorOf(world);
      for (const { applied_ms, ...command } of taken) auditor.hear(command, applied_ms);
      const ids = commands.map(({ id }) => id);
      expect(await stored(world, auditor, ids)).toEqual(audited(auditor));
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
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
    for (let next = left.shift(); next; next = left.shift()) await applyEnvelope(deps, 'e-model', toEnvelope(next));
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
