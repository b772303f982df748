/**
 * The bench itself: starts the targets, measures them in turns, and judges their books.
 *
 * Every row is measured once per round, and the rounds go through the rows from another place and every other time
 * backwards, so that the machine's mood, and whatever the one before has left behind, hits all of them. All targets are
 * up all the time, and at most one of them is asked anything.
 */
import { judgeBooks } from './report/books.ts';
import type { BooksResult } from './report/books.ts';
import { startFleet } from './servers/fleet.ts';
import type { Fleet, Member } from './servers/fleet.ts';
import type { Ask } from './load/load.ts';
import { measureRow, measureSteady } from './measure.ts';
import type { MeasureDeps, Measured } from './measure.ts';
import { isUniform } from './rows.ts';
import type { Row } from './rows.ts';
import { WALLETS } from './servers/seed.ts';
import { median } from './report/stats.ts';
import type { StartTarget, TargetName } from './targets/target.ts';
import { inTurn } from './turns.ts';

export interface BenchPlan {
  rows: readonly Row[];
  starters: Record<TargetName, StartTarget>;
  rounds: number;
  /** Of each measurement. */
  seconds: number;
  /** Of load that is not counted, for every target before the first round: compilers and caches are warm then. */
  warmUpSeconds: number;
  /** Of each measurement at a fixed rate; 0 for none. */
  steadySeconds: number;
}

export interface RowResult extends Pick<Row, 'id' | 'label' | 'target' | 'connections'> {
  /** Why there are no figures. */
  missing?: string;
  /** By round. */
  measured: Measured[];
}

export interface SteadyResult {
  target: TargetName;
  /** Asked for: half of the target's best. */
  perSecond: number;
  measured: Measured[];
}

export interface BenchResult {
  rows: RowResult[];
  steady: SteadyResult[];
  books: BooksResult[];
}

export interface BenchDeps extends MeasureDeps {
  signal: AbortSignal;
  onProgress: (done: number, total: number) => void;
}

/** Those that are asked over HTTP, and how often: their latencies are many, so that a few rounds tell enough. */
const STEADY_TARGETS: readonly TargetName[] = ['saldo', 'embedded', 'locks'];
const MAX_STEADY_ROUNDS = 3;
const WARM_UP_CONNECTIONS = 128;

export async function runBench(plan: BenchPlan, deps: BenchDeps): Promise<BenchResult> {
  const names = [...new Set(plan.rows.map(({ target }) => target))];
  const fleet = await startFleet(names, plan.starters, deps.servers);
  try {
    const step = createStep(plan, fleet, deps);
    await warmUp(plan, fleet, deps);
    const rows = await measureRounds(plan, fleet, deps, step);
    const steady = await measureHalfLoad(plan, fleet, rows, deps, step);
    await fleet.stop();
    return { rows, steady, books: await judgeAll(fleet, deps) };
  } finally {
    // Has happened already when all went well; what went wrong is what is told.
    await fleet.stop().catch(() => undefined);
  }
}

/** Counts measurements, and stops between two of them when it is told to. */
function createStep(plan: BenchPlan, fleet: Fleet, { signal, onProgress }: BenchDeps): () => void {
  const measurable = plan.rows.filter(({ target }) => fleet.find(target)).length;
  const steady = plan.steadySeconds > 0 ? steadyMembers(plan, fleet).length * steadyRounds(plan) : 0;
  const total = measurable * plan.rounds + steady;
  let done = 0;
  return () => {
    signal.throwIfAborted();
    done += 1;
    onProgress(done, total);
  };
}

async function warmUp({ warmUpSeconds: seconds }: BenchPlan, fleet: Fleet, deps: BenchDeps): Promise<void> {
  const ask: Ask = { kind: 'transfer', isKeyed: false };
  for (const member of fleet.members) {
    deps.signal.throwIfAborted();
    if (member.target.url === '') continue;
    const row = { connections: WARM_UP_CONNECTIONS, ask: () => ask };
    member.acknowledged += (await measureRow(deps, row, member.target, seconds)).moved;
  }
}

async function measureRounds(plan: BenchPlan, fleet: Fleet, deps: BenchDeps, step: () => void): Promise<RowResult[]> {
  const results = new Map(plan.rows.map((row) => [row, emptyResult(row, fleet)]));
  for (let round = 0; round < plan.rounds; round++) {
    for (const row of inTurn(plan.rows, round, plan.rounds)) {
      const member = fleet.find(row.target);
      if (!member) continue;
      const measured = await measureRow(deps, row, member.target, plan.seconds);
      member.acknowledged += measured.moved;
      results.get(row)?.measured.push(measured);
      step();
    }
  }
  return [...results.values()];
}

function emptyResult({ id, label, target, connections }: Row, fleet: Fleet): RowResult {
  const missing = fleet.missing.get(target);
  return { id, label, target, connections, measured: [], ...(missing !== undefined && { missing }) };
}

/** Each at half of its own best, in turns. */
async function measureHalfLoad(
  plan: BenchPlan,
  fleet: Fleet,
  rows: readonly RowResult[],
  deps: BenchDeps,
  step: () => void,
): Promise<SteadyResult[]> {
  if (plan.steadySeconds === 0) return [];
  const results = steadyMembers(plan, fleet).map((member) => {
    const perSecond = Math.max(1, Math.floor(bestOf(member.name, plan, rows) / 2));
    return { member, result: { target: member.name, perSecond, measured: [] as Measured[] } };
  });
  for (let round = 0; round < steadyRounds(plan); round++) {
    for (const { member, result } of results) {
      const load = { perSecond: result.perSecond, seconds: plan.steadySeconds };
      const measured = await measureSteady(deps, member.target, load);
      member.acknowledged += measured.moved;
      result.measured.push(measured);
      step();
    }
  }
  return results.map(({ result }) => result);
}

/** Those whose best is known. */
function steadyMembers({ rows }: BenchPlan, { members }: Fleet): Member[] {
  const hasBest = (name: TargetName) => rows.some((row) => row.target === name && isUniform(row));
  return members.filter(({ name }) => STEADY_TARGETS.includes(name) && hasBest(name));
}

function steadyRounds({ rounds }: BenchPlan): number {
  return Math.min(rounds, MAX_STEADY_ROUNDS);
}

/** The best median of its uniform rows. */
function bestOf(target: TargetName, plan: BenchPlan, results: readonly RowResult[]): number {
  const uniform = results.filter((_, at) => plan.rows[at]?.target === target && isUniform(plan.rows[at]));
  return Math.max(...uniform.map(({ measured }) => median(measured.map(({ perSecond }) => perSecond))));
}

async function judgeAll(fleet: Fleet, { signal }: BenchDeps): Promise<BooksResult[]> {
  const books: BooksResult[] = [];
  for (const { name, target, acknowledged } of fleet.members) {
    signal.throwIfAborted();
    const { databaseUrl } = target;
    books.push(await judgeBooks({ name, databaseUrl, acknowledged, appliedBefore: WALLETS }));
  }
  return books;
}
