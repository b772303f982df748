/**
 * What befalls the service's own processes: killed, frozen, stopped and started again in good order, started with a wrong
 * clock.
 *
 * Three kinds are not single mishaps. `no-worker` takes all of them away under load, for longer than anybody waits: what is
 * asked for is promised, and done when they are back. The others are the worst moment for one promise. `worker-hold` freezes a worker in the middle of
 * a transaction, so that it holds rows. `blackout` lets requests be accepted while no worker moves, then empties the
 * queue and kills every API process at once: what was promised is then known to PostgreSQL alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DOWN_MS, FREEZE_MS, ended } from './faultKind.ts';
import type { FaultKind, Note } from './faultKind.ts';
import type { Keeper } from './keeper.ts';
import type { Proxy } from './proxy.ts';
import { emptyQueue } from './storeFaults.ts';
import type { System } from './system.ts';

/** Longer than the service waits before it says that there is none. */
const NO_WORKER_MS = [5_000, 10_000] as const;
const BLACKOUT_MS = [2_000, 3_000] as const;
const HOLD_MS = [8_000, 8_000] as const;
const ROLLING_MS = [12_000, 12_000] as const;
const CLOCK_MS = [4_000, 8_000] as const;
const HOLD_TRIES = 200;
const HOUR_MS = 3_600_000;

export const PROCESS_FAULTS: readonly FaultKind[] = [
  killed('worker'),
  killed('api'),
  frozen('worker'),
  frozen('api'),
  stopped('worker'),
  stopped('api'),
  clock('clock-ahead', HOUR_MS),
  clock('clock-behind', -HOUR_MS),
  { name: 'rolling', durationMs: ROLLING_MS, isAlone: true, targets: () => ['all'], inflict: rollOver },
  {
    name: 'worker-hold',
    durationMs: HOLD_MS,
    isAlone: true,
    targets: ({ workers }) => workers.map(({ name }) => name),
    inflict: freezeHoldingRows,
  },
  { name: 'no-worker', durationMs: NO_WORKER_MS, isAlone: true, targets: () => ['workers'], inflict: loseWorkers },
  { name: 'blackout', durationMs: BLACKOUT_MS, isAlone: true, targets: () => ['all'], inflict: blackOut },
];

function keeperOf({ apis, workers }: System, target: string): Keeper {
  const keeper = [...apis, ...workers].find(({ name }) => name === target);
  if (!keeper) throw new Error(`no process ${target}`);
  return keeper;
}

function killed(role: 'api' | 'worker'): FaultKind {
  return {
    name: `${role}-kill`,
    durationMs: DOWN_MS,
    targets: (system) => system[`${role}s`].map(({ name }) => name),
    async inflict(system, target) {
      const keeper = keeperOf(system, target);
      await keeper.kill();
      return keeper.start;
    },
  };
}

function frozen(role: 'api' | 'worker'): FaultKind {
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

function stopped(role: 'api' | 'worker'): FaultKind {
  return {
    name: `${role}-stop`,
    durationMs: DOWN_MS,
    targets: (system) => system[`${role}s`].map(({ name }) => name),
    async inflict(system, target) {
      const keeper = keeperOf(system, target);
      await keeper.stop();
      return keeper.start;
    },
  };
}

/** In good order, and with another environment: a fault of its own, because it is felt while the clock is not. */
async function restart(keeper: Keeper, note: Note, env: Record<string, string> = {}): Promise<void> {
  const end = note(`${keeper.name.replace(/\d/, '')}-stop`, keeper.name);
  await keeper.stop();
  await keeper.start(env);
  end();
}

/** The process believes another time than its machine, from its start on. */
function clock(name: string, byMs: number): FaultKind {
  return {
    name,
    durationMs: CLOCK_MS,
    targets: ({ apis, workers }) => [...apis, ...workers].map((keeper) => keeper.name),
    async inflict(system, target, note) {
      const keeper = keeperOf(system, target);
      await restart(keeper, note, shiftClock(byMs));
      return () => restart(keeper, note);
    },
  };
}

/** An environment in which Node is told another time, but for what it measures; PostgreSQL and Redis keep theirs. */
function shiftClock(byMs: number): { NODE_OPTIONS: string } {
  const program = `
    const Right = Date;
    globalThis.Date = class Date extends Right {
      static now() { return Right.now() + ${byMs}; }
      constructor(...given) { super(...(given.length === 0 ? [Date.now()] : given)); }
    };`;
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(program)}` };
}

/** Every process in turn, as a new version is rolled out. */
function rollOver({ apis, workers }: System, _target: string, note: Note): Promise<() => Promise<void>> {
  const rolling = (async () => {
    for (const keeper of [...workers, ...apis]) await restart(keeper, note);
  })();
  rolling.catch(() => undefined); // whoever ends it hears of it
  return Promise.resolve(() => rolling);
}

/**
 * A slow link keeps its transactions open between two round trips for longer, so that one is soon met in that state. On
 * the PostgreSQL queue only one worker works: it is struck, whichever it is.
 */
async function freezeHoldingRows(system: System, target: string): Promise<() => Promise<void>> {
  const candidates = system.queue === 'postgres' ? system.workers : [keeperOf(system, target)];
  const linkOf = ({ name }: Keeper) => system.links.get(`${name}-postgres`);
  for (const keeper of candidates) linkOf(keeper)?.misbehave('delay', 20);
  try {
    for (let tries = 0; tries < HOLD_TRIES; tries++) {
      for (const keeper of candidates) {
        keeper.freeze();
        if (await holdsRows(system, linkOf(keeper))) return await ended(keeper.thaw);
        keeper.thaw();
      }
      await sleep(10);
    }
  } finally {
    for (const keeper of candidates) linkOf(keeper)?.heal();
  }
  throw new Error(`${target} was never met in the middle of a transaction`);
}

async function holdsRows({ query }: System, link: Proxy | undefined): Promise<boolean> {
  const [held] = await query<{ sessions: number }>(
    `SELECT count(*)::int AS sessions FROM pg_stat_activity
     WHERE client_port = ANY($1::int[]) AND state = 'idle in transaction'`,
    [link?.serverSidePorts() ?? []],
  );
  return (held?.sessions ?? 0) > 0;
}

/** All of them, in the two ways in which that happens: killed, or stopped in good order. */
async function loseWorkers({ workers }: System): Promise<() => Promise<void>> {
  await Promise.all(workers.map((worker, index) => (index % 2 === 0 ? worker.kill() : worker.stop())));
  return async () => {
    await Promise.all(workers.map((worker) => worker.start()));
  };
}

/** Begins with frozen workers; its end is the blow. */
function blackOut(system: System): Promise<() => Promise<void>> {
  for (const worker of system.workers) worker.freeze();
  return Promise.resolve(async () => {
    await Promise.all([emptyQueue(system), ...system.apis.map((api) => api.kill())]);
    for (const worker of system.workers) worker.thaw();
    await Promise.all(system.apis.map((api) => api.start()));
  });
}
