/**
 * The auditor: proves from the entries that the books are what they should be (`bookChecks.ts` says what that is).
 *
 * One REPEATABLE READ READ ONLY transaction, so everything is judged as of one instant while the service goes on, and
 * nothing is locked or written. The tables are walked in chunks by primary key: memory stays the same however long the
 * books are, and progress can be shown. Row by row joins go through indexes, because a plan that hashes a whole table
 * would do so again for every chunk; the few questions to a whole table are planned freely.
 */
import { Fault } from '../errors/fault.ts';
import { WALKS, WHOLE_CHECKS } from './bookChecks.ts';
import type { Walk, WholeCheck } from './bookChecks.ts';

/** One database connection: a `pg` client. */
export interface Session {
  query: (text: string, values?: unknown[]) => Promise<{ rows: unknown[] }>;
}

export interface CheckResult {
  id: string;
  says: string;
  of: Walk['of'];
  /** How many rows were asked. */
  asked: number;
  /** How many of them are broken. */
  broken: number;
  /** The first of them, named, with what is there instead. */
  rows: string[];
}

export interface BooksReport {
  takenAt: Date;
  counts: Record<Walk['of'], number>;
  checks: CheckResult[];
}

export interface VerifyOptions {
  /** Called after every chunk. */
  onProgress?: (done: number, total: number) => void;
  /** Rows read at a time. */
  chunkRows?: number;
  /** Broken rows named per check. */
  maxNamed?: number;
}

/** For one statement. A chunk takes about a second; a question to a whole, very long table may take minutes. */
const STATEMENT_LIMIT = '1h';
const CHUNK_ROWS = 50_000;
const MAX_NAMED = 20;

/** Asks every check of every row. Throws what `pg` throws; broken books are a result, not an error. */
export async function verifyBooks(session: Session, options: VerifyOptions = {}): Promise<BooksReport> {
  const { onProgress, chunkRows = CHUNK_ROWS, maxNamed = MAX_NAMED } = options;
  await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    // Over whatever limits the database or the user have for requests.
    await session.query(`SET LOCAL statement_timeout = '${STATEMENT_LIMIT}';
      SET LOCAL idle_in_transaction_session_timeout = 0;
      SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0`);
    const { counts, takenAt } = await count(session);
    const total = Object.values(counts).reduce((sum, rows) => sum + rows, 0);
    const checks: CheckResult[] = [];
    let done = 0;
    for (const check of WHOLE_CHECKS) checks.push(await askWhole(session, check, counts[check.of], maxNamed));
    await session.query(
      'SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off',
    );
    for (const walk of WALKS) {
      const onRows = (rows: number) => {
        done += rows;
        onProgress?.(done, total);
      };
      checks.push(...(await walkTable(session, walk, counts[walk.of], { chunkRows, maxNamed, onRows })));
    }
    return { takenAt, counts, checks };
  } finally {
    // Nothing to keep. When the connection is lost there is nothing to end either.
    await session.query('ROLLBACK').catch(() => undefined);
  }
}

/** The first statement takes the snapshot. */
async function count(session: Session): Promise<{ counts: BooksReport['counts']; takenAt: Date }> {
  const columns = WALKS.map((walk) => `(SELECT count(*) FROM ${walk.table})::float8 AS ${walk.of}`).join(', ');
  const { rows } = await session.query(`SELECT clock_timestamp() AS taken_at, ${columns}`);
  const [row] = rows as (Record<Walk['of'], number> & { taken_at: Date })[];
  if (!row) throw new Fault('the count answered no row');
  const { taken_at: takenAt, ...counts } = row;
  return { counts, takenAt };
}

async function askWhole(
  session: Session,
  { id, says, of, query }: WholeCheck,
  asked: number,
  maxNamed: number,
): Promise<CheckResult> {
  const { rows } = await session.query(
    `WITH found AS (${query})
     SELECT (SELECT count(*) FROM found)::float8 AS broken,
       ARRAY(SELECT broken FROM found ORDER BY broken LIMIT $1) AS rows`,
    [maxNamed],
  );
  const [found] = rows as Pick<CheckResult, 'broken' | 'rows'>[];
  if (!found) throw new Fault('the question answered no row');
  return { id, says, of, asked, ...found };
}

interface ChunkRow {
  rows: number;
  /** The key of the last row and what else the next chunk needs of it; null when there was none. */
  last: (string | null)[] | null;
  /** Per check that found something, by its place in the walk. */
  broken: { check: number; count: number; rows: string[] }[] | null;
}

async function walkTable(
  session: Session,
  walk: Walk,
  rowCount: number,
  options: { chunkRows: number; maxNamed: number; onRows: (rows: number) => void },
): Promise<CheckResult[]> {
  const results = walk.checks.map(({ id, says }): CheckResult => ({
    id,
    says,
    of: walk.of,
    asked: 0,
    broken: 0,
    rows: [],
  }));
  const text = chunkQuery(walk);
  let position: (string | null)[] = [...walk.key, ...walk.carry].map(() => null);
  // One snapshot: there are as many rows as were counted, and the chunk after the last of them is empty.
  for (let asked = 0; asked <= rowCount;) {
    const { rows } = await session.query(text, [...position, options.chunkRows, options.maxNamed]);
    const [chunk] = rows as ChunkRow[];
    if (!chunk?.last) return results;
    position = chunk.last;
    asked += chunk.rows;
    for (const result of results) result.asked = asked;
    for (const found of chunk.broken ?? []) {
      const result = results[found.check];
      if (!result) throw new Fault(`no check number ${found.check}`);
      result.broken += found.count;
      result.rows.push(...found.rows.slice(0, options.maxNamed - result.rows.length));
    }
    options.onRows(chunk.rows);
  }
  throw new Fault(`${walk.table} has more rows than the ${rowCount} that were counted`);
}

/**
 * One statement per chunk: reads the rows after the position, judges them all, and answers how many they were, where
 * they end and, per check, how many are broken with the first few named.
 */
function chunkQuery(walk: Walk): string {
  const carried = [...walk.key, ...walk.carry];
  const limit = `$${carried.length + 1}::int`;
  const maxNamed = `$${carried.length + 2}::int`;
  const key = walk.key.map(([column]) => column).join(', ');
  const position = walk.key.map(([, type], index) => `$${index + 1}::${type}`).join(', ');
  const isBroken = (holds: string) => `((${holds}) IS NOT TRUE)`;
  const broken = walk.checks.map(({ holds }) => isBroken(holds)).join('\n OR ');
  const found = walk.checks
    .map((check) => `CASE WHEN ${isBroken(check.holds)} THEN ${walk.row} || ': ' || ${check.found} END`)
    .join(',\n');
  return `
    WITH page AS MATERIALIZED (
      SELECT ${walk.reads} FROM ${walk.table} WHERE $1::${walk.key[0]?.[1] ?? 'text'} IS NULL OR (${key}) > (${position})
      ORDER BY ${key} LIMIT ${limit}
    ), chunk AS MATERIALIZED (
      SELECT ${walk.derives}
    ), judged AS MATERIALIZED (
      SELECT ${walk.key.map(([column]) => `r.${column}`).join(', ')}, ARRAY[${found}] AS found
      FROM chunk r ${walk.joins}
      WHERE ${broken}
    ), named AS (
      SELECT place - 1 AS "check", count(*) AS count, (array_agg(text ORDER BY ${key}))[1:${maxNamed}] AS rows
      FROM judged, unnest(found) WITH ORDINALITY AS each(text, place) WHERE text IS NOT NULL GROUP BY place
    )
    SELECT (SELECT count(*) FROM page)::float8 AS rows,
      (SELECT ARRAY[${carried.map(([column]) => `${column}::text`).join(', ')}] FROM page
        ORDER BY ${walk.key.map(([column]) => `${column} DESC`).join(', ')} LIMIT 1) AS last,
      (SELECT json_agg(named) FROM named) AS broken`;
}
