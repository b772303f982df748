/**
 * A short chaos run as part of every test run: the faults that matter most, once each, under a mixed load. Longer ones,
 * with every kind of fault, are `npm run chaos`. CHAOS_SEED chooses another run.
 */
import { expect, it } from 'vitest';
import { isLost } from './history.ts';
import { RECOVERY_MS } from './reach.ts';
import { tableLines, violationLines } from './report.ts';
import { runChaos } from './run.ts';
import { defaultQueue } from './system.ts';

const FAULTS = ['worker-kill', 'flush', 'postgres-crash', 'worker-freeze', 'api-kill'];
/** Loses the queue and an API process early, so that what was promised then is swept before the load is over. */
const SEED = Number(process.env['CHAOS_SEED'] ?? 5);
const LIMIT_MS = 240_000;

it(
  'under load, with processes killed and frozen, PostgreSQL crashed and the queue wiped, every promise is kept',
  async () => {
    const queue = defaultQueue();
    if (queue === 'postgres')
      console.warn('!!! redis-server is not on the PATH: THIS RUN IS ON THE POSTGRESQL QUEUE ONLY !!!');
    const lines: string[] = [`chaos seed ${SEED}, queue on ${queue}`];
    const result = await runChaos({
      ...{ seed: SEED, queue, faults: FAULTS, runMs: 20_000, peaceMs: RECOVERY_MS + 3_000 },
      ...{ customers: 16, actors: 16, replays: 100 },
      pace: { firstMs: 1_500, gapMs: [3_500, 4_200] },
      say: (line) => lines.push(line),
    });
    const said = [...lines, ...tableLines(result), ...violationLines(result.violations, result.history.faults)].join(
      '\n',
    );
    console.log(said);

    expect([...new Set(result.violations.map(({ rule }) => rule))], said).toEqual([]);
    const answers = result.history.operations.flatMap(({ attempts }) => attempts.map((attempt) => attempt.result));
    const statuses = new Set(answers.map((answer) => (isLost(answer) ? 'lost' : answer.status)));
    expect([...statuses]).toEqual(expect.arrayContaining([200, 202, 422, 503, 'lost']));
    expect(new Set(result.history.faults.map(({ kind }) => kind))).toEqual(new Set(FAULTS));
    expect(result.history.operations.length).toBeGreaterThan(300);
  },
  LIMIT_MS,
);
