/**
 * What befalls PostgreSQL, Redis and what is in them: crashes and freezes, a queue that is emptied or that an operator
 * pauses, and a database that refuses or takes long over what it did not mind a moment before.
 *
 * The triggers are made once and stay; what they do is exchanged. So no fault waits for a lock on a table, and nobody
 * waits for it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { openQueues } from '../support/queues.ts';
import { DOWN_MS, FREEZE_MS, ended, insist } from './faultKind.ts';
import type { FaultKind } from './faultKind.ts';
import { PARTITIONS } from './system.ts';
import type { System } from './system.ts';

/** How long the address leads to the old primary, which is a replica now. */
const DEMOTED_MS = [1_000, 8_000] as const;
/** What the service promises is twenty seconds after a primary is there; the last five are everybody's (`reach.ts`). */
const FOUND_AGAIN_MS = 15_000;
const DATABASE_MS = [1_000, 8_000] as const;
const MOMENT_MS = [0, 0] as const;
const ALL_QUEUES = 'queue';

export const STORE_FAULTS: readonly FaultKind[] = [
  { name: 'postgres-crash', durationMs: DOWN_MS, targets: () => ['postgres'], inflict: crashPostgres },
  { name: 'redis-kill', durationMs: DOWN_MS, targets: redisOf, inflict: killRedis },
  { name: 'redis-freeze', durationMs: FREEZE_MS, targets: redisOf, inflict: freezeRedis },
  { name: 'redis-demote', durationMs: DEMOTED_MS, isAlone: true, targets: redisOf, inflict: demoteRedis },
  { name: 'flush', durationMs: MOMENT_MS, targets: () => [ALL_QUEUES], inflict: flush },
  { name: 'pause', durationMs: FREEZE_MS, targets: queueNames, inflict: pause },
  // Every third envelope, between its first statement and its COMMIT, as by a serialization failure.
  inDatabase(
    'refuse',
    'CREATE TRIGGER chaos_refuse AFTER INSERT ON entry FOR EACH STATEMENT EXECUTE FUNCTION chaos_refuse()',
    `IF random() < 0.33 THEN RAISE EXCEPTION 'refused on purpose' USING ERRCODE = 'serialization_failure'; END IF;`,
  ),
  // Every third COMMIT takes one to three seconds, in which the transaction holds wallets and the ids it decides.
  inDatabase(
    'slow-commit',
    `CREATE CONSTRAINT TRIGGER chaos_slow_commit AFTER INSERT ON operation DEFERRABLE INITIALLY DEFERRED
     FOR EACH ROW EXECUTE FUNCTION chaos_slow_commit()`,
    `IF current_setting('chaos.drawn', true) IS DISTINCT FROM txid_current()::text THEN
       PERFORM set_config('chaos.drawn', txid_current()::text, true);
       IF random() < 0.33 THEN PERFORM pg_sleep(1 + 2 * random()); END IF;
     END IF;`,
  ),
];

function redisOf({ redis }: System): string[] {
  return redis ? ['redis'] : [];
}

/** One partition's, or as often all of them. */
function queueNames(): string[] {
  const each = [...Array(PARTITIONS).keys()];
  return [...each.map((partition) => `ledger-${partition}`), ...each.map(() => ALL_QUEUES)];
}

async function crashPostgres({ postgres }: System): Promise<() => Promise<void>> {
  await postgres.crash();
  return postgres.start;
}

async function killRedis({ redis }: System): Promise<() => Promise<void>> {
  await redis?.kill();
  return async () => redis?.restart();
}

function freezeRedis({ redis }: System): Promise<() => Promise<void>> {
  redis?.signal('SIGSTOP');
  return ended(() => redis?.signal('SIGCONT'));
}

async function demoteRedis({ redis, links }: System): Promise<() => Promise<void>> {
  await redis?.failOver();
  return async () => {
    for (const [name, link] of links) if (name.endsWith('-redis') && redis) link.setTarget(redis.port);
    await sleep(FOUND_AGAIN_MS);
  };
}

async function flush(system: System): Promise<() => Promise<void>> {
  await emptyQueue(system);
  return () => Promise.resolve();
}

/** All that the queue knows is gone, and it goes on working. */
export async function emptyQueue(system: System): Promise<void> {
  if (system.redis) {
    const redis = new Redis(system.redis.url, { maxRetriesPerRequest: null });
    redis.on('error', () => undefined);
    await redis.flushall();
    redis.disconnect();
    return;
  }
  await insist(async () => {
    const tables = await system.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
       WHERE schemaname = 'bullmq' AND tablename !~ 'migration'`,
    );
    await system.query(`TRUNCATE ${tables.map(({ name }) => name).join(', ')}`);
  });
}

/** As an operator would, past the service. */
async function pause({ postgres, redis }: System, target: string): Promise<() => Promise<void>> {
  const partition = /\d/.exec(target);
  const act = (what: 'pause' | 'resume') =>
    insist(async () => {
      const places = { databaseUrl: postgres.url, redisUrl: redis?.url };
      const queues = openQueues(places, partition ? [Number(partition[0])] : undefined);
      await queues[what]().finally(queues.close);
    });
  await act('pause');
  return () => act('resume');
}

/** `body` is PL/pgSQL that the trigger runs while the fault lasts. */
function inDatabase(name: string, createTrigger: string, body: string): FaultKind {
  const trigger = `chaos_${name.replace('-', '_')}`;
  const define = (system: System, lines: string) =>
    insist(() =>
      system.query(`CREATE OR REPLACE FUNCTION ${trigger}() RETURNS trigger LANGUAGE plpgsql AS $body$
        BEGIN ${lines} RETURN NULL; END $body$`),
    );
  return {
    name,
    durationMs: DATABASE_MS,
    targets: () => ['database'],
    async inflict(system) {
      await define(system, body);
      await insist(() =>
        system.query(`DO $once$ BEGIN
          IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = '${trigger}') THEN ${createTrigger}; END IF;
        END $once$`),
      );
      return async () => {
        await define(system, '');
      };
    },
  };
}
