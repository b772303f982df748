/** Asks both services the same, in turns, and every other round in the opposite order. */
import { showProgress } from '../../cli/progress.ts';
import { measureRow } from '../measure.ts';
import type { MeasureDeps, Measured } from '../measure.ts';
import type { Book } from './books.ts';
import type { GrowthRow } from './rows.ts';

/** What a row came to, by round. */
export interface GrowthResult extends Pick<GrowthRow, 'label' | 'connections' | 'atLeast'> {
  empty: Measured[];
  grown: Measured[];
}

const WARM_UP_SECONDS = 3;

export async function measureInTurns(
  books: readonly Book[],
  { rounds, seconds, signal }: { rounds: number; seconds: number; signal: AbortSignal },
  deps: MeasureDeps,
): Promise<GrowthResult[]> {
  const measure = async (book: Book, row: GrowthRow, forSeconds: number) => {
    signal.throwIfAborted();
    const measured = await measureRow(deps, row, book.target, forSeconds);
    book.acknowledged += measured.moved;
    return measured;
  };
  const results = (books[0]?.rows ?? []).map(({ label, connections, atLeast }): GrowthResult => {
    return { label, connections, atLeast, empty: [], grown: [] };
  });
  for (const book of books) if (book.rows[0]) await measure(book, book.rows[0], WARM_UP_SECONDS);
  const progress = showProgress('measured', rounds * results.length * books.length);
  let done = 0;
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [at, result] of results.entries()) {
        for (const book of round % 2 === 0 ? books : books.toReversed()) {
          const row = book.rows[at];
          if (row) result[book.name].push(await measure(book, row, seconds));
          done += 1;
          progress.update(done);
        }
      }
    }
  } finally {
    progress.stop();
  }
  return results;
}
