/** One run of load, flat out: as many requests under way as there are connections. */
import { runGenerator } from './generator.ts';
import type { Load, LoadResult } from './load.ts';
import { findWrk, runWrk } from './wrk.ts';

export interface LoadRunner {
  /** What the load comes from. */
  name: string;
  run: (load: Load, onPid: (pid: number) => void) => Promise<LoadResult>;
}

/** For machines without wrk. */
export const AUTOCANNON: LoadRunner = {
  name: 'autocannon',
  run: (load, onPid) => runGenerator('bench/load/autocannonProcess.ts', load, onPid),
};

export function chooseLoadRunner(): LoadRunner {
  const wrk = findWrk();
  return wrk === undefined ? AUTOCANNON : { name: wrk, run: runWrk };
}
