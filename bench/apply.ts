/**
 * How fast the ledger's one write path is by itself, by the number of transfers that share a transaction: what the
 * envelopes are for. No HTTP and no queue; a real PostgreSQL of its own, with fsync, in a temporary folder.
 *
 * The sizes take turns in every round, so that the machine's mood hits all of them; medians and the spread are printed,
 * and the books are verified at the end, because a fast wrong answer does not count.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { startPostgres } from '../cli/embeddedPostgres.ts';
import type { Command } from '../shared/ledger/command.ts';
import { applyCommands } from '../shared/store/applyCommands.ts';
import { connectClient } from '../shared/store/connection.ts';
import { migrate } from '../shared/store/migrate.ts';
import { createApplyPool } from '../shared/store/pool.ts';
import type { Pool } from '../shared/store/pool.ts';
import { verifyBooks } from '../shared/store/verifyBooks.ts';

const WALLETS = 10_000;
const FUNDS_MINOR = 1_000_000n;
const SIZES = [1, 30, 500];
const ROUNDS = 5;
const ROUND_MS = 2_000;

/** One bank, and `WALLETS` customers with money. Answers the customers' user and wallet ids, which are the same. */
async function fund(pool: Pool): Promise<bigint[]> {
  await pool.query(
    `INSERT INTO app_user (id, name, email, password_hash, role) VALUES (1, 'Bank', 'bank', '-', 'bank')`,
  );
  await pool.query(`INSERT INTO wallet (id, owner_id, kind, currency) VALUES (1, 1, 'settlement', 'RUB')`);
  await pool.query(
    `INSERT INTO app_user (id, name, email, password_hash, role)
     SELECT n, 'Person', 'person' || n, '-', 'customer' FROM generate_series(2, $1::int + 1) n`,
    [WALLETS],
  );
  await pool.query(
    `INSERT INTO wallet (id, owner_id, kind, currency)
     SELECT n, n, 'customer', 'RUB' FROM generate_series(2, $1::int + 1) n`,
    [WALLETS],
  );
  const ids = Array.from({ length: WALLETS }, (_, index) => BigInt(index + 2));
  for (let at = 0; at < ids.length; at += 500) {
    const deposits = ids.slice(at, at + 500).map((id) => command('deposit', 1n, 1n, id, FUNDS_MINOR));
    await applyCommands(pool, deposits);
  }
  return ids;
}

function command(kind: Command['kind'], initiatorId: bigint, debit: bigint, credit: bigint, minor: bigint): Command {
  const nowMs = Date.now();
  return {
    id: uuidv7(),
    kind,
    debitWalletId: debit,
    creditWalletId: credit,
    amountMinor: minor,
    currency: 'RUB',
    details: null,
    externalId: null,
    initiatorId,
    requestId: uuidv7(),
    requestHash: '0'.repeat(64),
    acceptedAtMs: nowMs,
    expiresAtMs: nowMs + 600_000,
  };
}

/** Transfers a second, for one round of transactions of `size` one after another. */
async function measure(pool: Pool, ids: readonly bigint[], size: number): Promise<number> {
  const pick = () => ids[Math.floor(Math.random() * ids.length)] ?? 2n;
  const startedMs = performance.now();
  let done = 0;
  while (performance.now() - startedMs < ROUND_MS) {
    const transfers = Array.from({ length: size }, () => {
      const payer = pick();
      return command('transfer', payer, payer, pick(), 1n);
    });
    await applyCommands(pool, transfers);
    done += size;
  }
  return (done * 1000) / (performance.now() - startedMs);
}

async function run(databaseUrl: string): Promise<boolean> {
  await migrate({ databaseUrl, partitions: 4, queueInPostgres: false });
  const pool = createApplyPool({ databaseUrl, role: 'bench', maxConnections: 2 });
  const rates = new Map<number, number[]>(SIZES.map((size) => [size, []]));
  const ids = await fund(pool);
  for (let round = 0; round < ROUNDS; round++) {
    for (const size of SIZES) rates.get(size)?.push(await measure(pool, ids, size));
  }
  await pool.end();
  console.log('transfers per transaction   transfers a second: median (least to most)');
  for (const [size, measured] of rates) {
    const [least = 0, , median = 0, , most = 0] = measured.sort((a, b) => a - b).map(Math.round);
    console.log(`${String(size).padStart(25)}   ${median} (${least} to ${most})`);
  }
  const client = await connectClient(databaseUrl, 'bench');
  const { checks } = await verifyBooks(client);
  await client.end();
  return checks.every(({ broken }) => broken === 0);
}

const folder = await mkdtemp(path.join(os.tmpdir(), 'saldo-bench-'));
await chmod(folder, 0o711);
const server = await startPostgres({ folder });
try {
  const isSound = await run(server.url('postgres'));
  console.log(isSound ? 'The books are sound.' : 'The books are NOT sound.');
  process.exitCode = isSound ? 0 : 1;
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
