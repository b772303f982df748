/**
 * The operators' console, everything below /ops/: one application of its own behind one guard. It reads what the rest of
 * the service stores and does nothing by another way than everybody else: freezing is a command through its queue, and
 * the board's actions are the queue's own.
 */
import express from 'express';
import type { Express } from 'express';
import type { Dependency } from '../../shared/dependency.ts';
import type { Logger } from '../../shared/logger.ts';
import type { LedgerQueue } from '../../shared/queue/ledgerQueue.ts';
import type { Pool, PrismaClient } from '../../shared/store/database/pool.ts';
import type { DatabaseClock } from '../../shared/time.ts';
import type { Auth } from '../auth/auth.ts';
import type { DatabaseGuard } from '../database/databaseGuard.ts';
import type { Workers } from '../submission/workers.ts';
import { mountEndpoints } from '../http/endpoint.ts';
import type { Freeze } from '../kinds/operate.ts';
import { createFormReader } from '../http/body/readBody.ts';
import { operatorsOnly } from './access.ts';
import { CONSOLE_ASSETS } from './assets.ts';
import type { Audit } from './audit.ts';
import { createAuditPages } from './auditPages.ts';
import type { Auditor } from './books/auditor.ts';
import { createBooksPages } from './books/pages.ts';
import { createOperationPages } from './lookUp/operationPages.ts';
import { createLookUpPages } from './lookUp/pages.ts';
import { createPersonPages } from './lookUp/personPages.ts';
import { createWalletPages } from './lookUp/walletPages.ts';
import { answerOutage } from './outage.ts';
import { createOverviewPages } from './overview/pages.ts';
import { createBoard } from './queues/board.ts';
import { createRenderConsole } from './render.ts';
import { createRunbook } from './runbook.ts';

export interface ConsoleDeps {
  logger: Logger;
  pool: Pool;
  prisma: PrismaClient;
  guard: DatabaseGuard;
  clock: DatabaseClock;
  database: Dependency;
  queue: Dependency;
  workers: Pick<Workers, 'areThere'>;
  /** By partition. */
  queues: readonly LedgerQueue[];
  audit: Audit;
  /** Writes itself into the audit log. */
  freeze: Freeze;
  admit: () => void;
  auditor: Auditor;
  /** With one e-mail from one address, then it is locked out there. */
  maxFailedLogins: number;
  /** Whether operators may act on the queues. */
  canWriteQueues: boolean;
}

/** What the console shares with the rest of the application. */
interface Surroundings {
  auth: Pick<Auth, 'identify'>;
  /** The address of a file below /assets/. */
  assetUrl: (path: string) => string;
}

/** To be mounted at `CONSOLE_PATH`. */
export type CreateConsole = (surroundings: Surroundings) => Express;

export function createConsole(deps: ConsoleDeps): CreateConsole {
  return ({ auth, assetUrl }) => {
    const shared = { ...deps, readForm: createFormReader(), render: createRenderConsole(assetUrl) };
    const app = express();
    app.disable('x-powered-by');
    app.disable('etag');
    app.set('case sensitive routing', true);
    app.use(operatorsOnly(auth));
    app.use('/queues', createBoard({ ...shared, canWrite: deps.canWriteQueues }));
    mountEndpoints(app, [
      ...createOverviewPages({ ...shared, partitions: deps.queues.length }),
      ...CONSOLE_ASSETS.endpoints,
      ...createLookUpPages(shared),
      ...createPersonPages(shared),
      ...createWalletPages(shared),
      ...createOperationPages(shared),
      ...createBooksPages(shared),
      ...createAuditPages(shared),
      ...createRunbook(shared),
    ]);
    app.use(answerOutage(deps.database, shared.render));
    return app;
  };
}
