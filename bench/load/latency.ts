/** Latencies as they are met, to the microsecond, in bounded memory. */
import { createHistogram } from 'node:perf_hooks';
import type { LatencyMs } from './load.ts';

export interface LatencyRecorder {
  record: (tookMs: number) => void;
  summary: () => LatencyMs;
}

const MAX_US = 3_600_000_000;

export function createLatencyRecorder(): LatencyRecorder {
  const histogram = createHistogram({ lowest: 1, highest: MAX_US, figures: 3 });
  const atMs = (percentile: number) => (histogram.count === 0 ? 0 : histogram.percentile(percentile) / 1000);
  return {
    record: (tookMs) => histogram.record(Math.min(Math.max(1, Math.round(tookMs * 1000)), MAX_US)),
    summary: () => ({
      p50: atMs(50),
      p90: atMs(90),
      p99: atMs(99),
      max: histogram.count === 0 ? 0 : histogram.max / 1000,
    }),
  };
}
