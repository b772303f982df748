/**
 * A load generator in a process of its own, so that it neither slows the bench's own clock nor hides in its figures: it
 * is given one order, does it, and sends one result.
 */
import { spawnProgram } from '../../tests/support/processes.ts';
import { withDeadline } from '../../shared/time.ts';
import type { Load, LoadResult } from './load.ts';

/** How long after its time it may still be waiting for answers. */
const SPARE_MS = 60_000;

/** Rejects with what the process has said when it ends without a result. */
export async function runGenerator<Result = LoadResult>(
  file: string,
  order: Pick<Load, 'url' | 'seconds'>,
  onPid: (pid: number) => void,
  spareMs = SPARE_MS,
): Promise<Result> {
  const spawned = spawnProgram(file);
  onPid(spawned.pid);
  let result: Result | undefined;
  spawned.child.on('message', (message) => {
    result = message as Result;
  });
  spawned.child.send(order);
  try {
    await withDeadline(spawned.exited, order.seconds * 1000 + spareMs, `${file} did not come to an end`);
  } finally {
    spawned.kill('SIGKILL');
  }
  if (result === undefined) throw new Error(`${file} ended without a result:\n${spawned.output()}`);
  return result;
}

/** For the process itself: does the order it is sent, tells the result, and ends. `work` knows what it is sent. */
export function serveGenerator(work: (order: never) => Promise<unknown>): void {
  process.once('message', (order) => {
    work(order as never).then(
      (result) => process.send?.(result, undefined, undefined, () => process.exit(0)),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  // Nobody is left to tell.
  process.once('disconnect', () => process.exit(1));
}
