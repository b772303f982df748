/**
 * What a worker counts: the envelopes it takes, what becomes of the commands in them, what it sweeps. It knows no HTTP:
 * API processes publish it from the worker's samples.
 */
import { Registry } from 'prom-client';
import type { Decision } from '../shared/ledger/decide.ts';
import { createCounter, createGauge, createHistogram } from '../shared/telemetry/catalogue.ts';

export type EnvelopeResult = 'applied' | 'failed' | 'unreadable';

export interface Metrics {
  registry: Registry;
  onEnvelope: (partition: number, result: EnvelopeResult, durationMs: number) => void;
  /** It is committed. */
  onDecision: (decision: Decision) => void;
  onSweep: (round: { swept: number; failed: readonly unknown[] }) => void;
  watchRoles: (roles: { isWorking: () => boolean; isSweeper: () => boolean }) => void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const applyDuration = createHistogram(registry, 'saldo_apply_duration_seconds');
  const envelopes = createCounter(registry, 'saldo_envelopes_total');
  const operations = createCounter(registry, 'saldo_operations_total');
  const rounds = createCounter(registry, 'saldo_sweep_rounds_total');
  const swept = createCounter(registry, 'saldo_swept_commands_total');
  return {
    registry,
    onEnvelope: (partition, result, durationMs) => {
      applyDuration.observe(durationMs / 1_000);
      envelopes.inc({ partition, result });
    },
    onDecision: ({ outcomes }) => {
      let applied = 0;
      for (const outcome of outcomes) {
        if (outcome.status === 'applied') applied += 1;
        else operations.inc({ outcome: outcome.reason });
      }
      if (applied > 0) operations.inc({ outcome: 'applied' }, applied);
    },
    onSweep: (round) => {
      rounds.inc({ result: round.failed.length === 0 ? 'done' : 'failed' });
      swept.inc(round.swept);
    },
    watchRoles: ({ isWorking, isSweeper }) => {
      createGauge(registry, 'saldo_worker_working', (gauge) => gauge.set(isWorking() ? 1 : 0));
      createGauge(registry, 'saldo_sweep_leader', (gauge) => gauge.set(isSweeper() ? 1 : 0));
    },
  };
}
