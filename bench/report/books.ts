/**
 * What makes a figure count: the books are sound by the product's own auditor, and everything that the target answered
 * as done is in them. A fast wrong answer is worth nothing.
 */
import { showProgress } from '../../cli/progress.ts';
import type { Progress } from '../../cli/progress.ts';
import { connectClient } from '../../shared/store/database/connection.ts';
import { verifyBooks } from '../../shared/store/books/verifyBooks.ts';

export interface BooksResult {
  name: string;
  isSound: boolean;
  /** What is wrong, in a line each. */
  findings: string[];
  /** Applied operations, less those that were there from the start. */
  applied: number;
  /** What was answered as done. */
  acknowledged: number;
}

interface BooksOptions {
  name: string;
  databaseUrl: string;
  acknowledged: number;
  /** Operations that were there before anything was measured. */
  appliedBefore: number;
}

/** Fewer rows are through before anybody wonders. */
const LONG_BOOKS = 1_000_000;

export async function judgeBooks(options: BooksOptions): Promise<BooksResult> {
  const { name, databaseUrl, acknowledged, appliedBefore } = options;
  const client = await connectClient(databaseUrl, 'bench');
  let progress: Progress | undefined;
  const onProgress = (done: number, total: number) => {
    if (total >= LONG_BOOKS) progress ??= showProgress(`verifying ${name}`, total);
    progress?.update(done);
  };
  try {
    const { checks } = await verifyBooks(client, { onProgress });
    const applied = (await countApplied(client)) - appliedBefore;
    const findings = checks
      .filter(({ broken }) => broken > 0)
      .map(({ id, broken, rows }) => `${id}: ${broken} broken, such as ${rows[0] ?? ''}`);
    if (applied < acknowledged) findings.push(`${acknowledged} were answered as done, ${applied} are in the books`);
    return { name, isSound: findings.length === 0, findings, applied, acknowledged };
  } finally {
    progress?.stop();
    await client.end();
  }
}

async function countApplied(client: Awaited<ReturnType<typeof connectClient>>): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::float8 AS count FROM operation WHERE status = 'applied'`,
  );
  return rows[0]?.count ?? 0;
}
