/** The process's own figures, for Prometheus: how full envelopes are, what waits, what is promised. */
import { Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { countPending } from '../shared/store/pendingOperations.ts';
import type { Pool } from '../shared/store/pool.ts';
import type { Coalescer } from './coalescer.ts';

export interface Metrics {
  registry: Registry;
  onEnvelope: (commands: number) => void;
  watchBuffers: (coalescers: readonly Coalescer[]) => void;
}

export function createMetrics(pool: Pool): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const envelope = new Histogram({
    name: 'saldo_envelope_commands',
    help: 'Commands per envelope sent by this process.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 500],
    registers,
  });
  new Gauge({
    name: 'saldo_pending_operations',
    help: 'Operations promised by a 202 and not decided yet, in the whole service.',
    registers,
    async collect() {
      // While the database is away the other figures are wanted all the more.
      const count = await countPending(pool).catch(() => undefined);
      if (count !== undefined) this.set(count);
    },
  });
  return {
    registry,
    onEnvelope: (commands) => envelope.observe(commands),
    watchBuffers: (coalescers) => {
      new Gauge({
        name: 'saldo_waiting_commands',
        help: 'Commands that wait in this process to be sent, by partition.',
        labelNames: ['partition'],
        registers,
        collect() {
          coalescers.forEach((coalescer, partition) => this.set({ partition }, coalescer.waiting()));
        },
      });
    },
  };
}
