/** What a main file starts for its process to be seen: figures of its own, and its turn at those of the fleet. */
import type { Registry } from 'prom-client';
import type { Dependency } from '../dependency.ts';
import type { LedgerQueue } from '../queue/ledgerQueue.ts';
import { createSamplePool } from '../store/database/pool.ts';
import type { Pool } from '../store/database/pool.ts';
import { createFleetCount } from './fleet.ts';
import { watchProcess } from './processMetrics.ts';
import type { SampleRole } from './sample.ts';
import { startSampler } from './sampler.ts';
import type { Sampler } from './sampler.ts';

interface SamplingDeps {
  databaseUrl: string;
  role: SampleRole;
  registry: Registry;
  /** By name; one that this process does not have is undefined. */
  pools: Record<string, Pool | undefined>;
  dependencies: Record<'database' | 'queue', Dependency>;
  queues: readonly LedgerQueue[];
}

export function startSampling({ databaseUrl, role, registry, queues, ...watched }: SamplingDeps): Sampler {
  const pool = createSamplePool({ databaseUrl, role });
  const processMetrics = watchProcess(registry, watched);
  return startSampler({ pool, role, registry, processMetrics, countFleet: createFleetCount({ pool, queues }) });
}
