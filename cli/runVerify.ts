/**
 * `npm run verify` as a function, because `npm run demo` ends with it too: finds the database, has the books checked,
 * says what was checked and what is wrong.
 */
import { ConfigurationError } from '../shared/env.ts';
import type { Env } from '../shared/env.ts';
import { describeError } from '../shared/errors/describeError.ts';
import { connectClient } from '../shared/store/database/connection.ts';
import { verifyBooks } from '../shared/store/books/verifyBooks.ts';
import type { BooksReport, CheckResult } from '../shared/store/books/verifyBooks.ts';
import { openBooks } from './openBooks.ts';
import type { Books } from './openBooks.ts';
import { showProgress } from './progress.ts';
import type { Progress } from './progress.ts';

/** 0 the books are sound, 1 they are not, 2 they could not be checked. */
export type VerifyStatus = 0 | 1 | 2;

/**
 * Prints to standard output, and one sentence to standard error when it returns 2. Never throws. Once `stopping` is
 * aborted it ends as soon as it can, having proven nothing.
 */
export async function runVerify(env: Env, stopping: AbortSignal): Promise<VerifyStatus> {
  let books: Books | undefined;
  try {
    books = await openBooks(env);
    const { report, tookMs } = await check(books.databaseUrl, stopping);
    for (const line of reportLines(report, tookMs)) console.log(line);
    return report.checks.some(({ broken }) => broken > 0) ? 1 : 0;
  } catch (error) {
    console.error(stopping.aborted ? 'Stopped before the end: nothing is proven.' : sentenceFor(error));
    return 2;
  } finally {
    await books?.close();
  }
}

async function check(databaseUrl: string, stopping: AbortSignal): Promise<{ report: BooksReport; tookMs: number }> {
  const client = await connectClient(databaseUrl, 'verify');
  // Ending a client in the middle of a query drops the connection, and so fails that query.
  const endNow = (): void => void client.end();
  stopping.addEventListener('abort', endNow);
  let progress: Progress | undefined;
  try {
    stopping.throwIfAborted();
    console.log(`Verifying the books in "${client.database ?? ''}" at ${client.host}:${client.port}`);
    const startedAtMs = performance.now();
    const report = await verifyBooks(client, {
      onProgress(done, total) {
        progress ??= showProgress('rows', total);
        progress.update(done);
      },
    });
    return { report, tookMs: performance.now() - startedAtMs };
  } finally {
    progress?.stop();
    stopping.removeEventListener('abort', endNow);
    await client.end();
  }
}

/** What was checked, one line a check, with the broken rows under it, and the verdict last. */
function reportLines({ counts, checks, takenAt }: BooksReport, tookMs: number): string[] {
  const failed = checks.filter(({ broken }) => broken > 0);
  const inAll = Object.entries(counts).map(([name, rows]) => `${written(rows)} ${name}`);
  const seconds = (tookMs / 1000).toFixed(1);
  return [
    ...checks.flatMap(checkLines),
    '',
    `${checks.length} checks of ${inAll.join(', ')}, as of ${takenAt.toISOString()}, in ${seconds} s.`,
    failed.length === 0
      ? 'The books are sound.'
      : `The books are NOT sound: ${failed.map(({ id, broken }) => `${id} (${written(broken)})`).join(', ')}.`,
  ];
}

function checkLines({ id, says, of, asked, broken, rows }: CheckResult): string[] {
  const line = `${id.padEnd(20)} ${written(asked).padStart(11)} ${of.padEnd(10)}  ${says}`;
  if (broken === 0) return [`ok    ${line}`];
  const unnamed = broken - rows.length;
  return [
    `FAIL  ${line}`,
    ...rows.map((row) => `        ${row}`),
    ...(unnamed > 0 ? [`        … and ${written(unnamed)} more`] : []),
  ];
}

function written(count: number): string {
  return count.toLocaleString('en');
}

const UNDEFINED_TABLE = '42P01';
const UNDEFINED_COLUMN = '42703';
const INSUFFICIENT_PRIVILEGE = '42501';

function sentenceFor(error: unknown): string {
  if (error instanceof ConfigurationError) return error.message;
  const { code } = error as { code?: unknown };
  const said = describeError(error).message;
  if (code === UNDEFINED_TABLE || code === UNDEFINED_COLUMN) {
    return 'The database does not have the tables of this version: run `npm run migrate` first.';
  }
  if (code === INSUFFICIENT_PRIVILEGE) return `The user of DATABASE_URL may not read the books: ${said}.`;
  return `The verification could not be finished: ${said}.`;
}
