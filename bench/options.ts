/** `npm run bench -- …`, as it was asked for. */
import path from 'node:path';
import { z } from 'zod';
import { ConfigurationError } from '../shared/env.ts';
import { count, parseOptions } from './commandLine.ts';
import { resultFile } from './report/results.ts';
import { ROWS, selectRows } from './rows.ts';
import type { Row } from './rows.ts';
import { TARGET_NAMES } from './targets/target.ts';

export interface Options {
  rows: readonly Row[];
  rounds: number;
  seconds: number;
  warmUpSeconds: number;
  steadySeconds: number;
  /** Connections in the pool of each baseline; their own choice without it. */
  pool: number | undefined;
  out: string;
}

/** A measurement under a steady load is longer: its rare late answers are what it is for. */
const FULL = { rounds: 5, seconds: 3, warmUpSeconds: 3, steadySeconds: 8 };
/** To see that all of it works; its figures mean little. */
const QUICK = { rounds: 1, seconds: 2, warmUpSeconds: 1, steadySeconds: 2 };
/** Names the measurements at a fixed rate in `--only`. */
const LATENCY = 'latency';

const schema = z.object({
  rounds: count(1_000).optional(),
  seconds: count(3_600).optional(),
  only: z.string().optional(),
  quick: z.boolean().default(false),
  pool: count(100).optional(),
  out: z.string().default(resultFile('latest.json')),
});

const USAGE = `npm run bench -- [--rounds ${FULL.rounds}] [--seconds ${FULL.seconds}] [--only saldo,locks,…] [--quick] [--pool 16] [--out FILE]
  --only   targets (${TARGET_NAMES.join(', ')}), rows (${ROWS.map(({ id }) => id).join(', ')}) or ${LATENCY}`;

/** Throws `ConfigurationError` with the usage. */
export function readOptions(): Options {
  const given = parseOptions(schema, { usage: USAGE, flags: ['quick'] });
  const defaults = given.quick ? QUICK : FULL;
  const names = given.only?.split(',');
  const isSteady = names === undefined || names.includes(LATENCY);
  return {
    rows: rowsNamed(names?.filter((name) => name !== LATENCY)),
    rounds: given.rounds ?? defaults.rounds,
    seconds: given.seconds ?? defaults.seconds,
    warmUpSeconds: defaults.warmUpSeconds,
    steadySeconds: isSteady ? defaults.steadySeconds : 0,
    pool: given.pool,
    out: path.resolve(given.out),
  };
}

function rowsNamed(names: readonly string[] | undefined): readonly Row[] {
  try {
    return selectRows(names);
  } catch (error) {
    throw new ConfigurationError(`--only: ${(error as RangeError).message}\nUsage: ${USAGE}`);
  }
}
