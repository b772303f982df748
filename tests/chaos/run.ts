/**
 * One chaos run: the system is started, people sign up, the load runs while faults strike, everything is healed, what
 * was promised is waited for, a sample is sent again, the processes are stopped, and the checker judges.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/waiting.ts';
import { readBooks } from './books.ts';
import { check } from './checker.ts';
import type { Verdict } from './checker.ts';
import { createClient } from './client.ts';
import { FAULT_KINDS } from './faults.ts';
import { runFaults } from './faultRunner.ts';
import { clockMs, createHistory } from './history.ts';
import type { FaultRecord, History } from './history.ts';
import { createHttpClient } from './httpClient.ts';
import { createLoad } from './load.ts';
import { gatherPeople } from './people.ts';
import { createRandom } from './random.ts';
import { RECOVERY_MS } from './reach.ts';
import { faultLine, progressLine } from './progress.ts';
import { drawSchedule } from './schedule.ts';
import type { Pace } from './schedule.ts';
import { PARTITIONS, startSystem } from './system.ts';
import type { QueueKind, System } from './system.ts';

export interface RunOptions {
  seed: number;
  queue: QueueKind;
  runMs: number;
  /** Names of the kinds to draw from; all of them when absent. */
  faults?: readonly string[];
  pace?: Pace;
  customers?: number;
  actors?: number;
  /** How long the load goes on once all is healed, in peace. */
  peaceMs?: number;
  /** How many old operations are sent once more at the end. */
  replays?: number;
  /** How many promises may be open in the whole service; a third of the seeds has a bound that is reached. */
  maxPending?: number;
  /** How long what was promised is waited for, once the load is over. */
  settleMs?: number;
  say: (line: string) => void;
  /** Ends the run early, without a verdict. */
  signal?: AbortSignal;
}

export interface RunResult extends Verdict {
  seed: number;
  queue: QueueKind;
  /** From the first fault's clock to the end of the load. */
  runMs: number;
  history: History;
}

const PACE: Pace = { firstMs: 4_000, gapMs: [9_000, 16_000] };
const CUSTOMERS = 48;
const ACTORS = 24;
const MAX_PAUSE_MS = 300;
const REPLAYS = 300;
const REPLAY_LIMIT_MS = 30_000;
/** For everybody's last outcome, once nothing new is begun. */
const LOAD_LIMIT_MS = 60_000;
/** So much longer than the recovery that is promised, that what is not as it should be is seen. */
const PEACE_MS = RECOVERY_MS + 8_000;
const MAX_PENDING = { ample: 100_000, scarce: 8 };
const PROGRESS_EVERY_MS = 15_000;
/** The sweep looks after half a minute, and after a minute more if its first envelope was lost. */
const SETTLE_MS = 150_000;
/**
 * A worker's lock on its envelope lasts 2.5 s and is looked at every second, twice; on the PostgreSQL queue another
 * process must first notice that the one worker is gone, which takes 3 s.
 */
const TAKEOVER_LIMIT_MS = { redis: 6_000, postgres: 10_000 };

/** Everything that it starts has ended when it resolves or rejects. */
export async function runChaos(options: RunOptions): Promise<RunResult> {
  const { seed, queue, say, signal } = options;
  const history = createHistory();
  const onDeath = (death: History['deaths'][number]) => void history.deaths.push(death);
  const maxPending = options.maxPending ?? (seed % 3 === 0 ? MAX_PENDING.scarce : MAX_PENDING.ample);
  const system = await startSystem({ queue, maxPending, onDeath });
  const http = createHttpClient();
  try {
    signal?.throwIfAborted();
    const place = queue === 'redis' ? 'Redis' : 'PostgreSQL';
    say(`started: 2 API processes, 2 workers, PostgreSQL, the queue on ${place}, ${maxPending} promises at a time`);
    const loadMs = await strike(options, system, history, http);
    await system.stopServices();
    const books = await readBooks(system.query);
    const verdict = check(history, books, {
      takeoverMs: TAKEOVER_LIMIT_MS[queue],
      partitions: PARTITIONS,
      maxPending,
    });
    const { isSound, said } = await system.verify();
    if (!isSound) verdict.violations.push({ rule: 'verify', says: `npm run verify objects:\n${said}` });
    say(`${said.trim().split('\n').at(-1) ?? ''} (npm run verify)`);
    return { seed, queue, runMs: loadMs, history, ...verdict };
  } finally {
    http.close();
    await system.stop();
  }
}

/** Load and faults together, then peace until every promise is kept. Returns how long the load ran. */
async function strike(
  { seed, runMs, say, signal, ...options }: RunOptions,
  system: System,
  history: History,
  http: ReturnType<typeof createHttpClient>,
): Promise<number> {
  const random = createRandom(seed);
  const people = await gatherPeople(http, system.apiPorts, options.customers ?? CUSTOMERS);
  const giveUp = new AbortController();
  const client = createClient({
    ...{ http, ports: system.apiPorts, random: random.stream('client'), giveUp: giveUp.signal },
  });
  const load = createLoad({
    ...{ history, http, ports: system.apiPorts, client, people, random, seed },
    actors: options.actors ?? ACTORS,
    maxPauseMs: MAX_PAUSE_MS,
  });
  const kinds = FAULT_KINDS.filter(({ name }) => options.faults?.includes(name) ?? true);
  const planned = drawSchedule(random.stream('schedule'), system, { kinds, pace: options.pace ?? PACE, runMs });

  const startedMs = clockMs();
  const over = new AbortController();
  const stop = signal ? AbortSignal.any([over.signal, signal]) : over.signal;
  // Every actor and every fault listens to it.
  setMaxListeners(0, stop, giveUp.signal);
  signal?.addEventListener('abort', () => giveUp.abort());
  const progress = setInterval(() => say(progressLine(history, startedMs, clockMs())), PROGRESS_EVERY_MS);
  let patience: NodeJS.Timeout | undefined;
  const failures: unknown[] = [];
  const fail = (error: unknown) => {
    failures.push(error);
    over.abort();
  };
  try {
    const loading = load.run(stop).catch(fail);
    const onFault = (fault: FaultRecord) => {
      history.faults.push(fault);
      say(faultLine(fault, startedMs));
    };
    const onHealed = (fault: FaultRecord) => say(faultLine(fault, startedMs));
    const faulting = runFaults({ system, planned, stop, onFault, onHealed }).catch(fail);
    await sleep(runMs, undefined, { signal: stop }).catch(() => undefined);
    await faulting;
    if (!stop.aborted) say(`${secondsSince(startedMs)}  all is healed; the load goes on in peace`);
    await sleep(options.peaceMs ?? PEACE_MS, undefined, { signal: stop }).catch(() => undefined);
    const loadMs = clockMs() - startedMs;
    over.abort();
    if (!signal?.aborted) say(`${secondsSince(startedMs)}  the load is over; waiting for what was promised`);
    // A service that refuses for ever is not to be asked for as long.
    patience = setTimeout(() => giveUp.abort(), LOAD_LIMIT_MS);
    await loading;
    clearTimeout(patience);
    if (failures.length > 0) throw failures[0];
    signal?.throwIfAborted();
    const untilMs = clockMs() + (options.settleMs ?? SETTLE_MS);
    await settled(system, client.followed(), untilMs);
    patience = setTimeout(() => giveUp.abort(), REPLAY_LIMIT_MS);
    await load.replaySample(options.replays ?? REPLAYS);
    await settled(system, client.followed(), untilMs);
    signal?.throwIfAborted();
    return loadMs;
  } finally {
    over.abort();
    giveUp.abort();
    clearTimeout(patience);
    clearInterval(progress);
  }
}

function secondsSince(startedMs: number): string {
  return `${((clockMs() - startedMs) / 1000).toFixed(1).padStart(8)} s`;
}

/** Until every 202 has its outcome and no promise is left, or the time is up: what is missing then the checker finds. */
async function settled(system: System, followed: Promise<void>, untilMs: number): Promise<void> {
  const leftMs = () => Math.max(0, untilMs - clockMs());
  const none = async () => (await system.query('SELECT FROM pending_operation LIMIT 1')).length === 0;
  await Promise.race([followed, sleep(leftMs(), undefined, { ref: false })]);
  await until('no promise is left', none, leftMs()).catch(() => undefined);
}
