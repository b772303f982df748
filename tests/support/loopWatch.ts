/**
 * How long a process's event loop was held, as the process itself sees it: a ticking timer inside it, asked and set back
 * over IPC.
 */
import { once } from 'node:events';
import type { Service } from './processes.ts';
import { preload } from './preload.ts';

/** To be put into the environment of a process that is to be watched. */
export const WATCHED = preload(`
  import { monitorEventLoopDelay } from 'node:perf_hooks';
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  process.on('message', ({ type } = {}) => {
    if (type !== 'loop') return;
    process.send?.({ type: 'loop', heldMs: loop.max / 1e6 });
    loop.reset();
  });
  process.channel?.unref();`);

/** The longest time for which the loop did nothing else, since it was asked last, in milliseconds. */
export async function readHeldMs(service: Service): Promise<number> {
  const answer = once(service.child, 'message');
  service.child.send({ type: 'loop' });
  const [{ heldMs }] = (await answer) as [{ heldMs: number }];
  return heldMs;
}
