/** The overview's figures are worked out once for all who look, whatever the number of viewers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFigures } from '../../api/console/overview/figures.ts';
import { Problem } from '../../api/http/problem.ts';
import type { Figures } from '../../api/console/overview/figures.ts';
import { createPrisma } from '../../shared/store/database/pool.ts';
import type { Pool, PrismaClient } from '../../shared/store/database/pool.ts';
import type { TestDatabase } from '../support/database.ts';
import { openRequestPool } from '../support/pools.ts';
import { createTestDatabase } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

let database: TestDatabase;
let pool: Pool;
let prisma: PrismaClient;
/** Looks into the database so far. */
let looks: number;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openRequestPool(database.url);
  prisma = createPrisma(pool);
});
afterAll(async () => {
  await prisma.$disconnect();
  await pool.end();
  await database.drop();
});

function openFigures(fault?: () => Error | undefined): () => Promise<Figures> {
  looks = 0;
  return createFigures({
    ...{ pool, prisma, partitions: 2 },
    clock: { nowMs: () => Promise.resolve(Date.now()) },
    guard: async (work) => {
      looks++;
      const error = fault?.();
      if (error) throw error;
      return work();
    },
    database: { isAway: () => false },
    workers: { areThere: () => true },
    queue: { isAway: () => true },
  });
}

test('a hundred viewers at once cost one look, and all see the same', async () => {
  const current = openFigures();
  const seen = await Promise.all(Array.from({ length: 100 }, () => current()));
  expect(new Set(seen).size).toBe(1);
  expect(looks).toBe(1);
  expect(seen[0]).toMatchObject({ isAway: { database: false, queue: true }, points: [], processes: [] });
  expect(seen[0]!.partitions.map(({ partition }) => partition)).toEqual([0, 1]);
});

test('while the database is away the last that are known are told, and that it is', async () => {
  const current = openFigures(() => new Problem('unavailable'));
  expect(await current()).toMatchObject({ isAway: { database: true }, points: [], processes: [] });
});

test('what has grown old is looked up again', async () => {
  const current = openFigures();
  const first = await current();
  await until('new figures are made', async () => (await current()) !== first);
  expect(looks).toBe(2);
});

test('a failed look is told to those who waited for it, and tried again by the next', async () => {
  let isBroken = true;
  const current = openFigures(() => (isBroken ? new Error('away') : undefined));
  const told = await Promise.allSettled([current(), current()]);
  expect(told.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(looks).toBe(1);
  isBroken = false;
  expect((await current()).isAway.queue).toBe(true);
});
