/**
 * How many more promises there may be. Counting them takes longer the more there are, so it is done once in a while; those
 * that this process has made since are added. The bound may be passed by what the other API processes make meanwhile.
 */

const RECOUNT_MS = 1_000;
/** Counting is to take no more than this part of the time. */
const COUNTING_SHARE = 1 / 20;

interface PendingRoomDeps {
  maxPending: number;
  count: () => Promise<number>;
}

export interface PendingRoom {
  /** For how many there is room; `wanted` is how many there are to be. */
  left: (wanted: number) => Promise<number>;
  /** So many have been made, at most. */
  take: (promises: number) => void;
}

/** For one who asks at a time. */
export function createPendingRoom({ maxPending, count }: PendingRoomDeps): PendingRoom {
  let counted = 0;
  let made = 0;
  let freshUntilMs = -Infinity;
  const known = () => maxPending - counted - made;
  const recount = async () => {
    const startedMs = performance.now();
    counted = await count();
    made = 0;
    const nowMs = performance.now();
    freshUntilMs = nowMs + Math.max(RECOUNT_MS, (nowMs - startedMs) / COUNTING_SHARE);
  };
  return {
    async left(wanted) {
      // Near the bound it is exact: what was made may have been kept by now.
      const isTight = made > 0 && known() < wanted;
      if (isTight || performance.now() >= freshUntilMs) await recount();
      return Math.max(0, known());
    },
    take(promises) {
      made += promises;
    },
  };
}
