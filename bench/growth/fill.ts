/**
 * Fills the books with transfers as if the service had made them, by SQL and many at a time: a chunk is one statement,
 * which draws its transfers at random, numbers and adds up each wallet's entries in order with window functions, and
 * leaves every wallet at its last one. So the books are sound after every chunk, and memory is that of one chunk.
 *
 * Half of the operations have ids as requests with an idempotency key make them (random), half as those without
 * (ordered by time). A share of the transfers goes to one merchant, whose history therefore grows long.
 */
import type { Person } from '../../tests/support/people.ts';
import { connectClient } from '../../shared/store/database/connection.ts';

/** Two entries each. */
const CHUNK_OPERATIONS = 100_000;
const MERCHANT_SHARE = 0.05;
/** What a chunk sorts stays in memory. */
const WORK_MEMORY = '128MB';

const FILL_CHUNK = `
  WITH drawn AS MATERIALIZED (
    SELECT n, $2::bigint + floor(random() * $3::bigint)::bigint AS payer, 1 + floor(random() * ($3::bigint - 1))::bigint AS step,
      random() < $4::float8 AS for_merchant, CASE n % 2 WHEN 0 THEN gen_random_uuid() ELSE uuidv7() END AS id
    FROM generate_series(1, $1::int) n
  ), moves AS MATERIALIZED (
    SELECT n, id, payer,
      CASE WHEN for_merchant AND payer <> $2::bigint THEN $2::bigint ELSE $2::bigint + (payer - $2::bigint + step) % $3::bigint END AS receiver
    FROM drawn
  ), sides AS (
    SELECT n, id, payer AS wallet_id, -1::bigint AS amount FROM moves
    UNION ALL SELECT n, id, receiver, 1 FROM moves
  ), posted AS MATERIALIZED (
    SELECT n, sides.id, wallet_id, amount, version + row_number() OVER own AS seq,
      (balance + sum(amount) OVER own)::bigint AS balance_after
    FROM sides JOIN wallet ON wallet.id = wallet_id WINDOW own AS (PARTITION BY wallet_id ORDER BY n)
  ), entries AS (
    INSERT INTO entry (wallet_id, seq, operation_id, amount, balance_after)
    SELECT wallet_id, seq, id, amount, balance_after FROM posted ORDER BY wallet_id, seq
  ), operations AS (
    INSERT INTO operation (id, kind, status, debit_wallet_id, credit_wallet_id, amount, currency, initiator_id,
      request_id, request_hash, debit_seq, credit_seq, accepted_at)
    SELECT moves.id, 'transfer', 'applied', payer, receiver, 1, currency, owner_id, gen_random_uuid(),
      decode(repeat('00', 32), 'hex'), debit.seq, credit.seq, now()
    FROM moves JOIN posted debit USING (n) JOIN posted credit USING (n) JOIN wallet ON wallet.id = payer
    WHERE debit.amount < 0 AND credit.amount > 0 ORDER BY moves.id
  )
  UPDATE wallet SET balance = newest.balance_after, version = newest.seq, booked_at = now()
  FROM (SELECT DISTINCT ON (wallet_id) wallet_id, balance_after, seq FROM posted ORDER BY wallet_id, seq DESC) newest
  WHERE wallet.id = newest.wallet_id`;

interface FillOptions {
  databaseUrl: string;
  /** Whose wallets are numbered without gaps; the first is the merchant's. */
  people: readonly Person[];
  entries: number;
  signal: AbortSignal;
  onProgress: (entries: number) => void;
}

/** Answers how many operations were made: half of `entries`. Leaves the tables vacuumed. */
export async function fill({ databaseUrl, people, entries, signal, onProgress }: FillOptions): Promise<number> {
  const operations = Math.ceil(entries / 2);
  const client = await connectClient(databaseUrl, 'fill');
  try {
    await client.query(`SET work_mem = '${WORK_MEMORY}'`);
    for (let done = 0; done < operations;) {
      signal.throwIfAborted();
      const chunk = Math.min(CHUNK_OPERATIONS, operations - done);
      await client.query(FILL_CHUNK, [chunk, people[0]?.walletId ?? 0, people.length, MERCHANT_SHARE]);
      done += chunk;
      onProgress(done * 2);
    }
    await client.query('VACUUM (ANALYZE)');
    return operations;
  } finally {
    await client.end();
  }
}
