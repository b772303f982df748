/** What Prometheus is told of the books: whether the last verification that came through found them sound, and when. */
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { PrismaClient } from '../../../shared/store/database/pool.ts';
import { readVerdict } from '../../../shared/store/books/verifyRuns.ts';
import type { Verdict } from '../../../shared/store/books/verifyRuns.ts';

/** The gauges are left out until there is a verdict: a zero would say that the books are cooked. */
export function registerBooksMetrics(registry: Registry, prisma: PrismaClient): void {
  const read = createReader(prisma);
  const register = (name: string, help: string, valueOf: (verdict: Verdict) => number) =>
    new Gauge({
      ...{ name, help, registers: [registry] },
      async collect() {
        const verdict = await read();
        if (verdict) this.set(valueOf(verdict));
        else this.remove();
      },
    });
  register(
    'saldo_books_sound',
    'Whether the last verification of the books that came through found them sound: 1, or 0.',
    ({ isSound }) => (isSound ? 1 : 0),
  );
  register(
    'saldo_books_verified_timestamp_seconds',
    'When the last verification of the books that came through has ended, in seconds since the epoch.',
    ({ endedAt }) => endedAt.getTime() / 1_000,
  );
}

/** The gauges of one scrape ask together, and one look serves them all. */
function createReader(prisma: PrismaClient): () => Promise<Verdict | undefined> {
  let reading: Promise<Verdict | undefined> | undefined;
  return () => {
    reading ??= readVerdict(prisma)
      // While the database is away the other figures are wanted all the more.
      .catch(() => undefined)
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
}
