/**
 * What a bench runs on: PostgreSQL with a template database that everybody's wallets are in, and Redis where there is a
 * `redis-server`. Redis runs without persistence: it holds only what is under way, and all that use it here share it.
 */
import { rm, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Person } from '../../tests/support/people.ts';
import { hasRedis, startRedis } from '../../tests/support/redisServer.ts';
import { seed } from './seed.ts';
import { writePeople } from '../load/peopleFile.ts';
import { startBenchPostgres } from './postgres.ts';
import type { BenchPostgres } from './postgres.ts';

export interface Servers {
  postgres: BenchPostgres;
  redis: { pid: number; /** Of a logical database that nobody else has. */ nextUrl: () => string } | undefined;
  people: readonly Person[];
  /** The same people for a load generator. */
  peopleFile: string;
  /** A copy of the seeded template. */
  createDatabase: (name: string) => Promise<string>;
  /** In the opposite order of starting; also when only some could be started. */
  stop: () => Promise<void>;
}

const TEMPLATE = 'bench_template';

/** `installed`: the folder of the programs of a PostgreSQL other than the embedded one. */
export async function startServers({ installed }: { installed?: string | undefined } = {}): Promise<Servers> {
  const endings: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of endings.splice(0).reverse()) await end();
  };
  try {
    const postgres = await startBenchPostgres(installed);
    endings.push(postgres.stop);
    const redis = hasRedis() ? await startRedis() : undefined;
    if (redis) endings.push(redis.stop);
    const folder = await mkdtemp(path.join(os.tmpdir(), 'saldo-bench-load-'));
    endings.push(() => rm(folder, { recursive: true, force: true }));

    const people = await seed(await postgres.createDatabase(TEMPLATE));
    const peopleFile = path.join(folder, 'people');
    await writePeople(peopleFile, people);
    let databases = 0;
    return {
      postgres,
      redis: redis && { pid: redis.pid(), nextUrl: () => `${redis.url}/${databases++}` },
      people,
      peopleFile,
      createDatabase: (name) => postgres.createDatabase(name, TEMPLATE),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
