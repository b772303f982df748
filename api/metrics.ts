/** What an API process counts: its requests, the envelopes it sends, how long commands wait, what it reads. */
import { Registry, collectDefaultMetrics } from 'prom-client';
import { createCounter, createGauge, createHistogram } from '../shared/telemetry/catalogue.ts';
import type { Coalescer } from './submission/coalescer.ts';
import type { Code } from '../shared/problems.ts';
import type { Workers } from './submission/workers.ts';

export interface Metrics {
  registry: Registry;
  onEnvelope: (commands: number) => void;
  /** A command's outcome was handed out, so long after the command was accepted. */
  onOutcome: (waitedMs: number) => void;
  onOutcomeRead: (durationMs: number) => void;
  watchBuffers: (coalescers: readonly Coalescer[]) => void;
  watchWorkers: (workers: Pick<Workers, 'count'>) => void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const envelope = createHistogram(registry, 'saldo_envelope_commands');
  const wait = createHistogram(registry, 'saldo_command_wait_seconds');
  const outcomeRead = createHistogram(registry, 'saldo_outcome_read_duration_seconds');
  return {
    registry,
    onEnvelope: (commands) => envelope.observe(commands),
    onOutcome: (waitedMs) => wait.observe(waitedMs / 1_000),
    onOutcomeRead: (durationMs) => outcomeRead.observe(durationMs / 1_000),
    watchBuffers: (coalescers) => {
      createGauge(registry, 'saldo_waiting_commands', (gauge) => {
        coalescers.forEach((coalescer, partition) => gauge.set({ partition }, coalescer.waiting()));
      });
    },
    watchWorkers: (workers) => {
      createGauge(registry, 'saldo_workers', (gauge) => gauge.set(workers.count()));
    },
  };
}

export interface RequestMetrics {
  onAnswer: (method: string, route: string, status: number, durationMs: number) => void;
  onProblem: (code: Code) => void;
}

export function createRequestMetrics(registry: Registry): RequestMetrics {
  const duration = createHistogram(registry, 'saldo_http_request_duration_seconds');
  const problems = createCounter(registry, 'saldo_problems_total');
  return {
    onAnswer: (method, route, status, durationMs) => duration.observe({ method, route, status }, durationMs / 1_000),
    onProblem: (code) => problems.inc({ code }),
  };
}
