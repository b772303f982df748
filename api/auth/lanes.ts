/**
 * Who may work out a password next. argon2 takes tens of milliseconds of one core, so only a few run at once and the rest
 * waits: log-ins in one lane and sign-ups in another, so that neither can use up the other's places.
 *
 *     a place is free ─▶ the lane whose turn it is ─▶ the address whose turn it is in there ─▶ its oldest request
 *
 * A lane serves its addresses in turns, so whoever comes from an address of his own waits for one round, however many
 * others send. When a lane is full a newcomer takes the place of the newest request of the address that has the most in
 * it, which is refused; a newcomer whose own address has as many is refused himself.
 *
 * Written here because no library of queues has this: they know priorities, which let one lane starve another, and
 * neither turns by address nor who has to go when it is full, and that is all there is to it.
 */
import { Problem } from '../http/problem.ts';

export type LaneName = 'logIn' | 'signUp';

/** Whose turn it is, while both wait: most are people who have an account already. */
const TURNS: readonly LaneName[] = ['logIn', 'logIn', 'logIn', 'signUp'];

export interface Lanes {
  /**
   * Does `work` when its turn comes. Throws `overloaded` when there is no room for it to wait, and `unavailable` as soon
   * as other work does while the database is in doubt.
   */
  run: <T>(lane: LaneName, address: string, work: () => Promise<T>) => Promise<T>;
}

interface LanesOptions {
  atOnce: number;
  /** In each lane. */
  maxWaiting: number;
  /** Whether what one has met awaits all: without doubt about the database, one slow query is its own asker's trouble. */
  isInDoubt: () => boolean;
}

interface Waiting {
  begin: () => void;
  refuse: (problem: Problem) => void;
}

export function createLanes({ atOnce, maxWaiting, isInDoubt }: LanesOptions): Lanes {
  const lanes: Record<LaneName, Lane> = { logIn: createLane(maxWaiting), signUp: createLane(maxWaiting) };
  let running = 0;
  let turn = 0;

  const next = (): Waiting | undefined => {
    const first = TURNS[turn++ % TURNS.length] ?? 'logIn';
    return lanes[first].take() ?? lanes[first === 'logIn' ? 'signUp' : 'logIn'].take();
  };

  /** What waits behind something that hangs gives up together with it, instead of hanging next. */
  const giveUp = (problem: Problem): void => {
    for (const lane of Object.values(lanes)) {
      for (let waiting = lane.take(); waiting; waiting = lane.take()) waiting.refuse(problem);
    }
  };

  return {
    async run(lane, address, work) {
      if (running < atOnce) running++;
      // Whoever ends hands its place on, so `running` stays as it is.
      else await lanes[lane].wait(address);
      try {
        return await work();
      } catch (error) {
        if (error instanceof Problem && error.code === 'unavailable' && isInDoubt()) giveUp(error);
        throw error;
      } finally {
        const following = next();
        if (following) following.begin();
        else running--;
      }
    },
  };
}

interface Lane {
  wait: (address: string) => Promise<void>;
  take: () => Waiting | undefined;
}

function createLane(maxWaiting: number): Lane {
  // In the order of their turns; an address that has nobody waiting is not in it.
  const byAddress = new Map<string, Waiting[]>();
  let count = 0;

  /** Throws when nobody has to go for one more of an address that has `own` waiting. */
  const makeRoom = (own: number): void => {
    const longest = [...byAddress.values()].reduce((most, each) => (each.length > most.length ? each : most), []);
    // With one more or less the two would only change places.
    if (longest.length < own + 2) throw new Problem('overloaded');
    longest.pop()?.refuse(new Problem('overloaded'));
    count--;
  };

  return {
    async wait(address) {
      if (count >= maxWaiting) makeRoom(byAddress.get(address)?.length ?? 0);
      await new Promise<void>((begin, reject) => {
        const waiting = { begin, refuse: reject };
        const own = byAddress.get(address);
        if (own) own.push(waiting);
        else byAddress.set(address, [waiting]);
        count++;
      });
    },
    take() {
      const [first] = byAddress;
      if (!first) return undefined;
      const [address, own] = first;
      const waiting = own.shift();
      byAddress.delete(address);
      if (own.length > 0) byAddress.set(address, own);
      count--;
      return waiting;
    },
  };
}
