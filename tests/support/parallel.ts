/** Doing many things with a fixed number of them under way. */

/** Runs `work` on every item, `atOnce` at a time, and returns the results in the items' order. Rejects with the first failure. */
export async function inParallel<In, Out>(
  items: readonly In[],
  atOnce: number,
  work: (item: In, index: number) => Promise<Out>,
): Promise<Out[]> {
  const results: Out[] = [];
  let next = 0;
  const runLane = async () => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await work(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, runLane));
  return results;
}

export interface Load<Out> {
  /** What has come of it so far. */
  results: Out[];
  /** Lets everything that is under way finish. Rejects with the first failure. */
  stop: () => Promise<Out[]>;
}

/** Calls `work` again and again in `lanes` that do not wait for each other, until stopped. */
export function keepDoing<Out>(lanes: number, work: (lane: number) => Promise<Out>): Load<Out> {
  const results: Out[] = [];
  let stopping = false;
  const runLane = async (lane: number) => {
    while (!stopping) results.push(await work(lane));
  };
  const running = Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(lane)));
  running.catch(() => undefined); // told to whoever stops it
  return {
    results,
    stop: async () => {
      stopping = true;
      await running;
      return results;
    },
  };
}

/** Calls `work` at a steady pace, whether or not what was begun earlier has ended, until stopped. */
export function keepArriving<Out>(everyMs: number, work: (count: number) => Promise<Out>): Load<Out> {
  const results: Out[] = [];
  const running: Promise<void>[] = [];
  const arrive = () => {
    const one = work(running.length).then((result) => void results.push(result));
    one.catch(() => undefined); // told to whoever stops it
    running.push(one);
  };
  const timer = setInterval(arrive, everyMs);
  return {
    results,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(running);
      return results;
    },
  };
}

/** The middle one of `values`. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
