/** Opens what the console needs beside the service's own parts, and says how operators may act on the queues. */
import type { Registry } from 'prom-client';
import type { Env } from '../../shared/env.ts';
import { createAuditor } from './books/auditor.ts';
import { registerBooksMetrics } from './books/metrics.ts';
import { createConsole } from './console.ts';
import type { ConsoleDeps, CreateConsole } from './console.ts';

interface OpenConsoleDeps extends Omit<ConsoleDeps, 'auditor' | 'canWriteQueues' | 'maxFailedLogins'> {
  env: Env;
  databaseUrl: string;
  registry: Registry;
}

export interface OpenedConsole {
  create: CreateConsole;
  /** Ends a verification that this process runs. */
  close: () => Promise<void>;
}

export function openConsole({ env, databaseUrl, registry, ...deps }: OpenConsoleDeps): OpenedConsole {
  const auditor = createAuditor({ databaseUrl, logger: deps.logger });
  registerBooksMetrics(registry, deps.prisma);
  // In production nobody gets it by forgetting a variable; whoever tries the service out has it without reading.
  const canWriteQueues = env.OPERATOR_QUEUE_WRITE ?? env.NODE_ENV !== 'production';
  const own = { auditor, canWriteQueues, maxFailedLogins: env.MAX_FAILED_LOGINS };
  return { create: createConsole({ ...deps, ...own }), close: auditor.close };
}
