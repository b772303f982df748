/**
 * `npm run bench:apply`: how fast the ledger's one write path is by itself, by the number of transfers that share a
 * transaction: what the envelopes are for. No HTTP and no queue; a real PostgreSQL of its own, with fsync.
 *
 * The sizes take turns in every round, so that the machine's mood hits all of them; medians and the spread are printed,
 * and the books are verified at the end, because a fast wrong answer does not count.
 */
import { applyCommands } from '../shared/store/ledger/applyCommands.ts';
import { createApplyPool } from '../shared/store/database/pool.ts';
import type { Pool } from '../shared/store/database/pool.ts';
import type { Person } from '../tests/support/people.ts';
import { judgeBooks } from './report/books.ts';
import { runBenchProgram } from './commandLine.ts';
import { makeCommand } from './commands.ts';
import { writtenSpread } from './report/figures.ts';
import { booksLines } from './report/report.ts';
import { WALLETS, seed } from './servers/seed.ts';
import { startBenchPostgres } from './servers/postgres.ts';
import { alignColumns } from './report/table.ts';

const SIZES = [1, 30, 500];
const ROUNDS = 5;
const ROUND_MS = 2_000;

await runBenchProgram(async (signal) => {
  const postgres = await startBenchPostgres();
  try {
    return await run(await postgres.createDatabase('apply'), signal);
  } finally {
    await postgres.stop();
  }
});

async function run(databaseUrl: string, signal: AbortSignal): Promise<number> {
  const people = await seed(databaseUrl);
  const pool = createApplyPool({ databaseUrl, role: 'bench', maxConnections: 2 });
  const rates = new Map<number, number[]>(SIZES.map((size) => [size, []]));
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const size of SIZES) {
      signal.throwIfAborted();
      const { done, tookMs } = await measure(pool, people, size);
      rates.get(size)?.push((done * 1000) / tookMs);
      acknowledged += done;
    }
  }
  await pool.end();
  const rows = [...rates].map(([size, measured]) => [String(size), writtenSpread(measured)]);
  console.log(alignColumns([['transfers per transaction', 'transfers a second (least–most)'], ...rows]).join('\n'));
  const books = await judgeBooks({ name: 'apply', databaseUrl, acknowledged, appliedBefore: WALLETS });
  for (const line of booksLines([books])) console.log(line);
  return books.isSound ? 0 : 1;
}

/** One round of transactions of `size` one after another. */
async function measure(pool: Pool, people: readonly Person[], size: number): Promise<{ done: number; tookMs: number }> {
  const startedMs = performance.now();
  let done = 0;
  while (performance.now() - startedMs < ROUND_MS) {
    await applyCommands(
      pool,
      Array.from({ length: size }, () => randomTransfer(people)),
    );
    done += size;
  }
  return { done, tookMs: performance.now() - startedMs };
}

function randomTransfer(people: readonly Person[]) {
  const payerAt = Math.floor(Math.random() * people.length);
  const receiverAt = (payerAt + 1 + Math.floor(Math.random() * (people.length - 1))) % people.length;
  const [payer, receiver] = [people[payerAt], people[receiverAt]];
  if (!payer || !receiver) throw new RangeError('there is nobody to pay');
  return makeCommand({
    kind: 'transfer',
    initiatorId: BigInt(payer.userId),
    debitWalletId: BigInt(payer.walletId),
    creditWalletId: BigInt(receiver.walletId),
    amountMinor: 1n,
  });
}
