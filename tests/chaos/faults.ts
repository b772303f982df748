/**
 * What can go wrong, one kind each: whom it strikes, how long it lasts, how it is inflicted and how it is undone.
 *
 * Two kinds are not single mishaps but the worst moment for one promise. `worker-hold` freezes a worker in the middle of
 * a transaction, so that it holds rows. `blackout` lets requests be accepted while no worker moves, then empties the
 * queue and kills every API process at once: what was promised is then known to PostgreSQL alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Misbehaviour } from './proxy.ts';
import type { System } from './system.ts';

export interface FaultKind {
  name: string;
  /** Longer than a worker's lock on its envelope (2.5 s), where that makes a difference. */
  durationMs: readonly [min: number, max: number];
  /** Names of what it can strike. */
  targets: (system: System) => string[];
  /** Resolves when it has begun, with how to end it. */
  inflict: (system: System, target: string) => Promise<() => Promise<void>>;
}

const FREEZE_MS = [3_000, 8_000] as const;
const DOWN_MS = [200, 2_500] as const;
const NET_MS = [1_000, 8_000] as const;
const MOMENT_MS = [0, 0] as const;
const BLACKOUT_MS = [2_000, 3_000] as const;
const HOLD_MS = [8_000, 8_000] as const;
const SLOW_MS = 150;
const HOLD_TRIES = 200;

export const FAULT_KINDS: readonly FaultKind[] = [
  processKill('worker', DOWN_MS),
  { name: 'flush', durationMs: MOMENT_MS, targets: () => ['queue'], inflict: flush },
  { name: 'postgres-crash', durationMs: DOWN_MS, targets: () => ['postgres'], inflict: crashPostgres },
  processFreeze('worker'),
  processKill('api', DOWN_MS),
  { name: 'redis-kill', durationMs: DOWN_MS, targets: redisOf, inflict: killRedis },
  processFreeze('api'),
  { name: 'redis-freeze', durationMs: FREEZE_MS, targets: redisOf, inflict: freezeRedis },
  { name: 'worker-hold', durationMs: HOLD_MS, targets: workerNames, inflict: freezeHoldingRows },
  { name: 'blackout', durationMs: BLACKOUT_MS, targets: () => ['all'], inflict: blackOut },
  { name: 'refuse', durationMs: NET_MS, targets: () => ['database'], inflict: refuseWrites },
  network('cut'),
  network('delay'),
  network('hold'),
  network('blackhole'),
  network('half'),
];

/** Of a fault that is there at once, and undone as quickly. */
function ended(undo: () => void): Promise<() => Promise<void>> {
  return Promise.resolve(() => {
    undo();
    return Promise.resolve();
  });
}

function workerNames({ workers }: System): string[] {
  return workers.map(({ name }) => name);
}

function redisOf({ redis }: System): string[] {
  return redis ? ['redis'] : [];
}

function keeperOf({ apis, workers }: System, target: string) {
  const keeper = [...apis, ...workers].find(({ name }) => name === target);
  if (!keeper) throw new Error(`no process ${target}`);
  return keeper;
}

function processKill(role: 'api' | 'worker', durationMs: readonly [number, number]): FaultKind {
  return {
    name: `${role}-kill`,
    durationMs,
    targets: (system) => system[`${role}s`].map(({ name }) => name),
    async inflict(system, target) {
      const keeper = keeperOf(system, target);
      await keeper.kill();
      return keeper.start;
    },
  };
}

function processFreeze(role: 'api' | 'worker'): FaultKind {
  return {
    name: `${role}-freeze`,
    durationMs: FREEZE_MS,
    targets: (system) => system[`${role}s`].map(({ name }) => name),
    inflict(system, target) {
      const keeper = keeperOf(system, target);
      keeper.freeze();
      return ended(keeper.thaw);
    },
  };
}

function network(how: Misbehaviour): FaultKind {
  return {
    name: `net-${how}`,
    durationMs: NET_MS,
    targets: ({ links }) => [...links.keys()],
    inflict({ links }, target) {
      const link = links.get(target);
      if (!link) throw new Error(`no link ${target}`);
      link.misbehave(how, SLOW_MS);
      return ended(() => link.heal());
    },
  };
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

/** All that the queue knows is gone, and it goes on working. */
async function flush(system: System): Promise<() => Promise<void>> {
  if (system.redis) {
    const redis = new Redis(system.redis.url);
    await redis.flushall();
    redis.disconnect();
  } else {
    const tables = await system.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
       WHERE schemaname = 'bullmq' AND tablename !~ 'migration'`,
    );
    await system.query(`TRUNCATE ${tables.map(({ name }) => name).join(', ')}`);
  }
  return () => Promise.resolve();
}

/** A slow link keeps its transactions open between two round trips for longer, so that one is soon met in that state. */
async function freezeHoldingRows(system: System, target: string): Promise<() => Promise<void>> {
  const keeper = keeperOf(system, target);
  const link = system.links.get(`${target}-postgres`);
  link?.misbehave('delay', 20);
  for (let tries = 0; tries < HOLD_TRIES; tries++) {
    keeper.freeze();
    const [held] = await system.query<{ sessions: number }>(
      `SELECT count(*)::int AS sessions FROM pg_stat_activity
       WHERE client_port = ANY($1::int[]) AND state = 'idle in transaction'`,
      [link?.serverSidePorts() ?? []],
    );
    if (held && held.sessions > 0) {
      link?.heal();
      return await ended(keeper.thaw);
    }
    keeper.thaw();
    await sleep(10);
  }
  link?.heal();
  throw new Error(`${target} was never met in the middle of a transaction`);
}

/** Begins with frozen workers; its end is the blow. */
function blackOut(system: System): Promise<() => Promise<void>> {
  for (const worker of system.workers) worker.freeze();
  return Promise.resolve(async () => {
    await Promise.all([flush(system), ...system.apis.map((api) => api.kill())]);
    for (const worker of system.workers) worker.thaw();
    await Promise.all(system.apis.map((api) => api.start()));
  });
}

/** Every third envelope is refused by PostgreSQL between its first statement and its COMMIT, as by a serialization failure. */
async function refuseWrites(system: System): Promise<() => Promise<void>> {
  await system.query(`
    CREATE OR REPLACE FUNCTION chaos_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF random() < 0.33 THEN RAISE EXCEPTION 'refused on purpose' USING ERRCODE = 'serialization_failure'; END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER chaos_refuse AFTER INSERT ON entry FOR EACH STATEMENT EXECUTE FUNCTION chaos_refuse()`);
  return async () => {
    await system.query('DROP TRIGGER chaos_refuse ON entry');
  };
}
