/**
 * Places for requests that wait for an operation to be decided. Each is a connection, a timer and a look ten times a
 * second, which nothing else would bound. A wait is a wish (RFC 7240): whoever finds no place is not refused, but
 * answered at once with what is known.
 */

/** In this process. As many as one query looks up, so that all of them together cost ten queries a second. */
const MAX_POLLS = 1_000;
/** Of one account, whichever sessions it has: nobody alone can take the places of all. */
export const MAX_POLLS_EACH = 100;

export interface PollPlaces {
  /** Returns how to leave the place again, or nothing when there is none. */
  take: (userId: bigint) => (() => void) | undefined;
}

export function createPollPlaces(): PollPlaces {
  const takenBy = new Map<bigint, number>();
  let taken = 0;
  const add = (userId: bigint, change: 1 | -1) => {
    const now = (takenBy.get(userId) ?? 0) + change;
    if (now === 0) takenBy.delete(userId);
    else takenBy.set(userId, now);
    taken += change;
  };
  return {
    take: (userId) => {
      if (taken >= MAX_POLLS || (takenBy.get(userId) ?? 0) >= MAX_POLLS_EACH) return undefined;
      add(userId, 1);
      return () => add(userId, -1);
    },
  };
}
