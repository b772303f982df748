/**
 * The fleets that are compared: so many partitions over so many workers, each on a database of its own. Between every
 * worker and PostgreSQL lies a slow network; all else is where it always is.
 */
import { judgeBooks } from '../report/books.ts';
import type { BooksResult } from '../report/books.ts';
import { WALLETS } from '../servers/seed.ts';
import type { Servers } from '../servers/servers.ts';
import { startSaldo } from '../targets/saldo.ts';
import { requireRedis } from '../targets/target.ts';
import type { Target } from '../targets/target.ts';
import { connectClient } from '../../shared/store/database/connection.ts';

export interface ScaledFleet {
  partitions: number;
  workers: number;
  databaseUrl: string;
  /** Movements of money that it has answered as done. */
  acknowledged: number;
}

export async function createFleets(
  servers: Servers,
  counts: { partitions: readonly number[]; workers: readonly number[] },
): Promise<ScaledFleet[]> {
  const fleets: ScaledFleet[] = [];
  for (const partitions of counts.partitions) {
    for (const workers of counts.workers) {
      const databaseUrl = await servers.createDatabase(`scaling_${partitions}_${workers}`);
      await recordPartitions(databaseUrl, partitions);
      fleets.push({ partitions, workers, databaseUrl, acknowledged: 0 });
    }
  }
  return fleets;
}

/** For this one turn; so that the others take nothing of the machine meanwhile. */
export function startFleet(fleet: ScaledFleet, servers: Servers, proxyPort: number): Promise<Target> {
  const { partitions, workers, databaseUrl } = fleet;
  const slow = new URL(databaseUrl);
  slow.port = String(proxyPort);
  return startSaldo({
    ...{ databaseUrl, workers, redisUrl: requireRedis(servers).nextUrl() },
    env: { PARTITIONS: String(partitions) },
    workerEnv: { DATABASE_URL: slow.href },
  });
}

export function judgeFleet({ partitions, workers, databaseUrl, acknowledged }: ScaledFleet): Promise<BooksResult> {
  const name = `${partitions} partitions, ${workers} workers`;
  return judgeBooks({ name, databaseUrl, acknowledged, appliedBefore: WALLETS });
}

/** The template has those of the other benches. Nothing was routed by them yet. */
async function recordPartitions(databaseUrl: string, partitions: number): Promise<void> {
  const client = await connectClient(databaseUrl, 'bench');
  try {
    await client.query(`UPDATE setting SET value = $1 WHERE key = 'partitions'`, [String(partitions)]);
  } finally {
    await client.end();
  }
}
