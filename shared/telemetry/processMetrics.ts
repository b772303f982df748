/** What every process tells of itself, whatever its role: connections, what it depends on, how busy it is. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Registry } from 'prom-client';
import type { Dependency } from '../dependency.ts';
import type { Pool } from '../store/database/pool.ts';
import { createCounter, createGauge } from './catalogue.ts';

/** How often the event loop is asked whether it is late. Cheap, and fine enough for what a request would notice. */
const LOOP_RESOLUTION_MS = 20;
const QUANTILES = ['0.5', '0.99', '1'] as const;

interface Watched {
  /** By name; one that this process does not have is undefined. */
  pools: Record<string, Pool | undefined>;
  /** By name. */
  dependencies: Record<string, Pick<Dependency, 'isAway'>>;
}

export interface ProcessMetrics {
  /** Ends the period over which the event loop and the processor are watched: once per sample. */
  tick: () => void;
  close: () => void;
}

export function watchProcess(registry: Registry, { pools, dependencies }: Watched): ProcessMetrics {
  watchPools(registry, pools);
  createGauge(registry, 'saldo_dependency_up', (gauge) => {
    for (const dependency in dependencies) gauge.set({ dependency }, dependencies[dependency]?.isAway() ? 0 : 1);
  });
  createGauge(registry, 'saldo_resident_memory_bytes', (gauge) => gauge.set(process.memoryUsage.rss()));
  const loop = watchEventLoop(registry);
  const cpu = createCounter(registry, 'saldo_cpu_seconds_total');
  let used = process.cpuUsage();
  return {
    tick: () => {
      loop.tick();
      const { user, system } = process.cpuUsage(used);
      used = process.cpuUsage();
      cpu.inc((user + system) / 1e6);
    },
    close: loop.close,
  };
}

function watchPools(registry: Registry, pools: Watched['pools']): void {
  const entries = Object.entries(pools).flatMap(([name, pool]): [string, Pool][] => (pool ? [[name, pool]] : []));
  createGauge(registry, 'saldo_pool_connections', (gauge) => {
    for (const [pool, { totalCount, idleCount }] of entries) {
      gauge.set({ pool, state: 'idle' }, idleCount);
      gauge.set({ pool, state: 'busy' }, totalCount - idleCount);
    }
  });
  createGauge(registry, 'saldo_pool_waiting', (gauge) => {
    for (const [pool, { waitingCount }] of entries) gauge.set({ pool }, waitingCount);
  });
}

function watchEventLoop(registry: Registry): ProcessMetrics {
  const lag = createGauge(registry, 'saldo_event_loop_lag_seconds');
  const utilization = createGauge(registry, 'saldo_event_loop_utilization_ratio');
  const delays = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delays.enable();
  let seen = performance.eventLoopUtilization();
  return {
    tick: () => {
      for (const quantile of QUANTILES) {
        // It measures the time between two looks, which are the resolution apart when nothing is late.
        const betweenMs = delays.percentile(Number(quantile) * 100) / 1e6;
        lag.set({ quantile }, Math.max(0, betweenMs - LOOP_RESOLUTION_MS) / 1_000);
      }
      delays.reset();
      const now = performance.eventLoopUtilization();
      utilization.set(performance.eventLoopUtilization(now, seen).utilization);
      seen = now;
    },
    close: () => {
      delays.disable();
    },
  };
}
