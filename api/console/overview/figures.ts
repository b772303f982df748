/**
 * The overview's figures, worked out once every few seconds and shared by everybody who looks: a hundred viewers cost
 * what one does, and nobody is kept waiting by another's turn.
 */
import type { Dependency } from '../../../shared/dependency.ts';
import type { Pool, PrismaClient } from '../../../shared/store/database/pool.ts';
import { readSamples } from '../../../shared/store/fleet/readSamples.ts';
import { readVerdict } from '../../../shared/store/books/verifyRuns.ts';
import type { Verdict } from '../../../shared/store/books/verifyRuns.ts';
import type { Sample } from '../../../shared/telemetry/sample.ts';
import type { DatabaseClock } from '../../../shared/time.ts';
import type { DatabaseGuard } from '../../database/databaseGuard.ts';
import type { Workers } from '../../submission/workers.ts';
import { Problem } from '../../http/problem.ts';
import { createHistory } from './history.ts';
import type { Point, Sighting } from './history.ts';
import { newestByProcess, partitionStates, summarise } from './summary.ts';
import type { PartitionState, Summary } from './summary.ts';

/** For how long figures are given out again: half of the period in which processes store new ones. */
const FRESH_MS = 2_500;

export interface Figures {
  nowMs: number;
  now: Summary;
  partitions: (PartitionState & { lastTaken: Sighting | undefined })[];
  /** The newest sample of every process that has stored one just now. */
  processes: Sample[];
  /** The last hour, oldest first. */
  points: readonly Point[];
  /** As this process sees them. */
  isAway: { database: boolean; queue: boolean };
  areWorkersThere: boolean;
  verdict: Verdict | undefined;
}

export interface FiguresDeps {
  pool: Pool;
  prisma: PrismaClient;
  guard: DatabaseGuard;
  clock: Pick<DatabaseClock, 'nowMs'>;
  partitions: number;
  database: Pick<Dependency, 'isAway'>;
  queue: Pick<Dependency, 'isAway'>;
  workers: Pick<Workers, 'areThere'>;
}

/** Answers the figures, at most `FRESH_MS` old; while the database is away, the last that are known. */
export function createFigures(deps: FiguresDeps): () => Promise<Figures> {
  const read = createReader(deps);
  let latest: { atMs: number; figures: Promise<Figures> } | undefined;
  return () => {
    const nowMs = performance.now();
    if (latest && nowMs - latest.atMs < FRESH_MS) return latest.figures;
    const figures = read();
    const mine = { atMs: nowMs, figures };
    latest = mine;
    figures.catch(() => {
      // What failed is tried again by the next who asks.
      if (latest === mine) latest = undefined;
    });
    return figures;
  };
}

function createReader({
  pool,
  prisma,
  guard,
  clock,
  partitions,
  database,
  queue,
  workers,
}: FiguresDeps): () => Promise<Figures> {
  const history = createHistory();
  let verdict: Verdict | undefined;
  /** Answers whether the database could be read. */
  const readNew = () =>
    guard(async () => {
      const { sinceMs, stepMs } = history.wanted(await clock.nowMs());
      const [samples, newest] = await Promise.all([readSamples(pool, sinceMs, stepMs), readVerdict(prisma)]);
      history.add(samples, await clock.nowMs());
      verdict = newest;
      return true;
    }).catch((error: unknown) => {
      if (error instanceof Problem && error.code === 'unavailable') return false;
      throw error;
    });
  return async () => {
    const isRead = await readNew();
    const nowMs = await clock.nowMs().catch(() => Date.now());
    const recent = history.recent(nowMs);
    return {
      nowMs,
      now: summarise(recent),
      partitions: partitionStates(recent, partitions).map((state) => ({
        ...state,
        lastTaken: history.lastTaken.get(state.partition),
      })),
      processes: newestByProcess(recent),
      points: history.points(),
      isAway: { database: !isRead || database.isAway(), queue: queue.isAway() },
      areWorkersThere: workers.areThere(),
      verdict,
    };
  };
}
