/** Whether requests can be served: asked of the database and the queue themselves, each time, with a deadline. */
import type { Dependency } from '../shared/dependency.ts';
import { isDurable } from '../shared/store/durability.ts';
import { pendingMigrations } from '../shared/store/migrate.ts';
import type { Pool } from '../shared/store/pool.ts';
import type { Readiness } from './routes/health.ts';

interface ReadinessDeps {
  pool: Pool;
  database: Dependency;
  queue: Dependency;
  stopping: AbortSignal;
}

export function createReadiness({ pool, database, queue, stopping }: ReadinessDeps): () => Promise<Readiness> {
  const holds = (check: Promise<boolean>) => check.catch(() => false);
  return async () => {
    const [databaseUp, queueUp, migrations, durability] = await Promise.all([
      holds(database.check().then(() => true)),
      holds(queue.check().then(() => true)),
      holds(pendingMigrations(pool).then((pending) => pending.length === 0)),
      holds(isDurable(pool)),
    ]);
    const checks = { database: databaseUp, queue: queueUp, migrations, durability, serving: !stopping.aborted };
    return { ready: Object.values(checks).every(Boolean), checks };
  };
}
