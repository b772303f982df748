/** The service's own pools, for tests that work below it. A database that is dropped may end them before they end. */
import { createApplyPool, createPool } from '../../shared/store/database/pool.ts';
import type { Pool } from '../../shared/store/database/pool.ts';

export function openApplyPool(databaseUrl: string, maxConnections = 4): Pool {
  return deaf(createApplyPool({ databaseUrl, role: 'test', maxConnections }));
}

export function openRequestPool(databaseUrl: string, maxConnections = 4): Pool {
  return deaf(createPool({ databaseUrl, role: 'test', maxConnections }));
}

function deaf(pool: Pool): Pool {
  return pool.on('error', () => undefined);
}
