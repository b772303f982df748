/** For whoever keeps the service running: is it alive, can it work, what has it been doing. */
import type { Registry } from 'prom-client';
import { z } from 'zod';
import type { Pool } from '../../shared/store/database/pool.ts';
import { readTotals } from '../../shared/store/fleet/readSamples.ts';
import { exposeFleet } from '../../shared/telemetry/totals.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';
import { Problem } from '../http/problem.ts';
import { route } from '../http/route.ts';
import type { Route } from '../http/route.ts';

export interface Readiness {
  ready: boolean;
  /** Whether each thing the service needs can be used, by name. */
  checks: Record<string, boolean>;
}

interface HealthDeps {
  readiness: () => Readiness;
  registry: Registry;
  pool: Pool;
  guard: DatabaseGuard;
}

export function createHealthRoutes({ readiness, registry, pool, guard }: HealthDeps): Route[] {
  return [
    route({
      method: 'get',
      path: '/livez',
      summary: 'Whether the process is alive',
      roles: 'anyone',
      answers: { 200: { description: 'It is', schema: z.object({ status: z.literal('OK') }) } },
      problems: [],
      handle: () => Promise.resolve({ status: 200, body: { status: 'OK' } }),
    }),
    route({
      method: 'get',
      path: '/readyz',
      summary:
        'Whether requests can be served: what is needed is reachable, a worker works, migrations are current, commits are durable',
      roles: 'anyone',
      answers: {
        200: {
          description: 'They can',
          schema: z.object({ status: z.literal('OK'), checks: z.record(z.string(), z.boolean()) }),
        },
      },
      problems: [],
      handle() {
        const { ready, checks } = readiness();
        if (ready) return Promise.resolve({ status: 200, body: { status: 'OK', checks } });
        const failed = Object.keys(checks).filter((name) => !checks[name]);
        throw new Problem('unavailable', { detail: `Not ready: ${failed.join(', ')}.` });
      },
    }),
    route({
      method: 'get',
      path: '/metrics',
      summary: 'Figures for Prometheus: of this process, of every worker, and of the queues',
      roles: ['operator'],
      answers: { 200: { description: 'Text exposition format', schema: z.string(), contentType: 'text/plain' } },
      problems: [],
      async handle() {
        // While the database is away the process's own figures are wanted all the more.
        const stored = await guard(() => readTotals(pool)).catch(() => []);
        const body = await exposeFleet(registry, stored);
        return { status: 200, body, headers: { 'Content-Type': registry.contentType } };
      },
    }),
  ];
}
