/** The two services of a growth bench: each on books of its own, which were filled before it was started. */
import { showProgress } from '../../cli/progress.ts';
import { judgeBooks } from '../report/books.ts';
import type { BooksResult } from '../report/books.ts';
import { WALLETS } from '../servers/seed.ts';
import type { Servers } from '../servers/servers.ts';
import { startSaldo } from '../targets/saldo.ts';
import type { Target } from '../targets/target.ts';
import { fill } from './fill.ts';
import { growthRows, middleOfHistory } from './rows.ts';
import type { GrowthRow } from './rows.ts';

export interface Book {
  name: 'empty' | 'grown';
  target: Target;
  /** What it is asked; the same for both but for where the middle of a history is. */
  rows: GrowthRow[];
  /** Operations that were there before the service was started. */
  filled: number;
  /** Movements of money that it has answered as done. */
  acknowledged: number;
}

export async function openBook(
  servers: Servers,
  { name, entries, signal }: { name: Book['name']; entries: number; signal: AbortSignal },
): Promise<Book> {
  const databaseUrl = await servers.createDatabase(name);
  const { people } = servers;
  const progress = showProgress(name, entries);
  const options = { databaseUrl, people, entries, signal, onProgress: progress.update };
  const filled = await fill(options).finally(progress.stop);
  const [merchant] = people;
  if (!merchant) throw new RangeError('there is nobody to pay');
  const rows = growthRows(merchant, await middleOfHistory(databaseUrl, merchant));
  const target = await startSaldo({ databaseUrl, redisUrl: servers.redis?.nextUrl() });
  return { name, target, rows, filled, acknowledged: 0 };
}

export function judgeBook({ name, target, filled, acknowledged }: Book): Promise<BooksResult> {
  const { databaseUrl } = target;
  return judgeBooks({ name, databaseUrl, acknowledged, appliedBefore: WALLETS + filled });
}
