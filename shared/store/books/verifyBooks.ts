/**
 * The auditor: proves from the entries that the books are what they should be (`bookChecks.ts` says what that is).
 *
 * Nothing is locked or written, and no snapshot is held for longer than one statement takes: a long one keeps PostgreSQL
 * from clearing away what has been overwritten, and every deposit would step over all former versions of its bank's wallet.
 * So the tables are walked in chunks by primary key, each chunk in a snapshot of its own, up to the last key that was there
 * at the beginning. That proves the same, because what the chunks meet is appended and never changed:
 *
 * - A movement is committed whole, so in every snapshot an operation has its entries and a wallet has the balance after
 *   its newest one. What joins rows asks about one snapshot only.
 * - Wallets are walked before entries. An entry that a wallet's balance was held against is there for good, and the walk of
 *   the entries comes past it and all before it, whatever has been appended behind it.
 *
 * Memory stays the same however long the books are, and progress can be shown. Row by row joins go through indexes, because
 * a plan that hashes a whole table would do so again for every chunk; the few questions to a whole table are planned
 * freely, and each is one statement, which takes as long as it takes to read that table.
 */
import { Fault } from '../../errors/fault.ts';
import { WALKS, WHOLE_CHECKS } from './bookChecks.ts';
import type { WholeCheck } from './bookChecks.ts';
import type { Walk } from './walk.ts';

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

/** For one statement. A chunk takes a fraction of a second; a question to a whole, very long table may take minutes. */
const STATEMENT_LIMIT = '1h';
const CHUNK_ROWS = 10_000;
/** A walk that has met so many times the rows that were there at its beginning is overtaken by what is appended. */
const MAX_GROWTH = 10;
const MAX_NAMED = 20;

// Over whatever limits the session has, and those for transactions of PostgreSQL 17 and newer.
const BEGIN = `
  BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;
  SET LOCAL statement_timeout = '${STATEMENT_LIMIT}';
  SET LOCAL idle_in_transaction_session_timeout = 0;
  SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout';
  SET LOCAL jit = off;
  SET LOCAL max_parallel_workers_per_gather = 0`;
const BY_INDEX = 'SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off';

/** Asks every check of every row. Throws what `pg` throws; broken books are a result, not an error. */
export async function verifyBooks(session: Session, options: VerifyOptions = {}): Promise<BooksReport> {
  const { onProgress, chunkRows = CHUNK_ROWS, maxNamed = MAX_NAMED } = options;
  const { counts, ends, takenAt } = await measure(session);
  const total = Object.values(counts).reduce((sum, rows) => sum + rows, 0);
  const checks: CheckResult[] = [];
  let done = 0;
  for (const check of WHOLE_CHECKS) checks.push(await askWhole(session, check, counts[check.of], maxNamed));
  for (const walk of WALKS) {
    const onRows = (rows: number) => {
      // What has been appended meanwhile is walked as well.
      done = Math.min(done + rows, total);
      onProgress?.(done, total);
    };
    checks.push(...(await walkTable(session, walk, counts[walk.of], ends[walk.of], { chunkRows, maxNamed, onRows })));
  }
  return { takenAt, counts, checks };
}

/** One statement in a snapshot of its own. */
async function ask(session: Session, text: string, values: unknown[], planning = ''): Promise<unknown[]> {
  await session.query(planning === '' ? BEGIN : `${BEGIN}; ${planning}`);
  try {
    const { rows } = await session.query(text, values);
    return rows;
  } finally {
    // Nothing to keep. When the connection is lost there is nothing to end either.
    await session.query('ROLLBACK').catch(() => undefined);
  }
}

/** The key of a table's last row; null when it has none. */
type End = string[] | null;

/** How long the books are now, and where they end: what comes behind that is for the next time. */
async function measure(
  session: Session,
): Promise<{ counts: BooksReport['counts']; ends: Record<Walk['of'], End>; takenAt: Date }> {
  const columns = WALKS.flatMap(({ of, table, key }) => {
    const names = key.map(([column]) => column);
    const last = `SELECT ARRAY[${names.map((name) => `${name}::text`).join(', ')}] FROM ${table}
      ORDER BY ${names.map((name) => `${name} DESC`).join(', ')} LIMIT 1`;
    return [`(SELECT count(*) FROM ${table})::float8 AS ${of}`, `(${last}) AS ${of}_end`];
  });
  const [row] = (await ask(session, `SELECT clock_timestamp() AS taken_at, ${columns.join(', ')}`, [])) as (Record<
    Walk['of'],
    number
  > &
    Record<`${Walk['of']}_end`, End> & { taken_at: Date })[];
  if (!row) throw new Fault('the count answered no row');
  const each = <T>(valueOf: (of: Walk['of']) => T) =>
    Object.fromEntries(WALKS.map(({ of }) => [of, valueOf(of)])) as Record<Walk['of'], T>;
  return { counts: each((of) => row[of]), ends: each((of) => row[`${of}_end`]), takenAt: row.taken_at };
}

async function askWhole(
  session: Session,
  { id, says, of, query }: WholeCheck,
  asked: number,
  maxNamed: number,
): Promise<CheckResult> {
  const text = `WITH found AS (${query})
     SELECT (SELECT count(*) FROM found)::float8 AS broken,
       ARRAY(SELECT broken FROM found ORDER BY broken LIMIT $1) AS rows`;
  const [found] = (await ask(session, text, [maxNamed])) as Pick<CheckResult, 'broken' | 'rows'>[];
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
  end: End,
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
  let asked = 0;
  // Each chunk begins behind the last one, and none goes past the end.
  for (let isLast = end === null; !isLast;) {
    const values = [...position, options.chunkRows, options.maxNamed, ...(end ?? [])];
    const [chunk] = (await ask(session, text, values, BY_INDEX)) as ChunkRow[];
    if (!chunk?.last) break;
    isLast = chunk.rows < options.chunkRows;
    if (asked > MAX_GROWTH * (rowCount + options.chunkRows))
      throw new Fault(`${walk.table} grows faster than it is read`);
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
  return results;
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
  const end = walk.key.map(([, type], index) => `$${carried.length + 3 + index}::${type}`).join(', ');
  const isBroken = (isSound: string) => `((${isSound}) IS NOT TRUE)`;
  const broken = walk.checks.map(({ isSound }) => isBroken(isSound)).join('\n OR ');
  const found = walk.checks
    .map((check) => `CASE WHEN ${isBroken(check.isSound)} THEN ${walk.row} || ': ' || ${check.found} END`)
    .join(',\n');
  return `
    WITH page AS MATERIALIZED (
      SELECT ${walk.reads} FROM ${walk.table}
      WHERE ($1::${walk.key[0]?.[1] ?? 'text'} IS NULL OR (${key}) > (${position})) AND (${key}) <= (${end})
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
