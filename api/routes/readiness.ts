/**
 * Whether requests can be served. The process looks once a second, on a connection of its own, and everybody who asks is
 * told of that look: so asking costs nothing, however many do, and the database's hanging is noticed without a request
 * that runs into it. What has become doubtful since the look counts at once.
 */
import type { Dependency } from '../../shared/dependency.ts';
import { startRounds } from '../../shared/rounds.ts';
import { isDurable } from '../../shared/store/database/checks/durability.ts';
import { pendingMigrations } from '../../shared/store/database/migrate.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { countWorkers } from '../../shared/store/fleet/workerPresence.ts';
import { withDeadline } from '../../shared/time.ts';
import type { Readiness } from './health.ts';
import type { Workers } from '../submission/workers.ts';

const LOOK_PAUSE_MS = 1_000;
/** Of what is asked beside the two dependencies, which have a deadline of their own. */
const LOOK_LIMIT_MS = 1_500;

interface ReadinessDeps {
  /** Nothing else waits in line for it. */
  probePool: Pool;
  database: Dependency;
  queue: Dependency;
  workers: Workers;
  stopping: AbortSignal;
}

export interface ReadinessLook {
  readiness: () => Readiness;
  stop: () => Promise<void>;
}

/** The first look is over when it resolves. */
export async function startReadiness(deps: ReadinessDeps): Promise<ReadinessLook> {
  const { database, queue, workers, stopping } = deps;
  let seen = { migrations: false, durability: false, queue: false };
  const look = async () => {
    const [stored, isQueueUp] = await Promise.all([lookIntoDatabase(deps), holds(queue.check().then(() => true))]);
    seen = { ...stored, queue: isQueueUp };
  };
  await look();
  const rounds = startRounds({ pauseMs: LOOK_PAUSE_MS, work: look, onFailure: () => undefined });

  return {
    readiness: () => {
      const checks = {
        database: !database.isInDoubt(),
        queue: seen.queue && !queue.isInDoubt(),
        migrations: seen.migrations,
        durability: seen.durability,
        workers: workers.areThere(),
        serving: !stopping.aborted,
      };
      return { ready: Object.values(checks).every(Boolean), checks };
    },
    stop: rounds.stop,
  };
}

async function lookIntoDatabase({ probePool, database, workers }: ReadinessDeps) {
  const looking = async () => {
    await database.check();
    const [pending, durability, count] = await Promise.all([
      pendingMigrations(probePool),
      isDurable(probePool),
      countWorkers(probePool),
    ]);
    workers.note(count);
    return { migrations: pending.length === 0, durability };
  };
  return withDeadline(looking(), LOOK_LIMIT_MS, 'the database did not answer in time').catch(() => ({
    migrations: false,
    durability: false,
  }));
}

function holds(check: Promise<boolean>): Promise<boolean> {
  return check.catch(() => false);
}
