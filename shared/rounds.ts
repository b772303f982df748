/** Work that is done again and again for as long as the process lives, and that may fail in any single round. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Rounds {
  /** Resolves once no round is under way any more. */
  stop: () => Promise<void>;
}

interface RoundsOptions {
  /** Between two rounds; asked after each, where it is not always the same. */
  pauseMs: number | (() => number);
  work: () => Promise<unknown>;
  /** A round has failed; the next one comes all the same. */
  onFailure: (error: unknown) => void;
}

/** The first round begins at once. */
export function startRounds({ pauseMs, work, onFailure }: RoundsOptions): Rounds {
  const stopping = new AbortController();
  const run = async () => {
    while (!stopping.signal.aborted) {
      await work().catch(onFailure);
      const restMs = typeof pauseMs === 'number' ? pauseMs : pauseMs();
      await sleep(restMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
