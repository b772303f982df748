/**
 * Turns many single calls into few calls on a list: one list is under way at a time, and what arrives meanwhile leaves
 * together as the next. No timer: a lone call leaves at once.
 */

/** The longest list that is sent; the rest waits for the next. */
const MAX_ITEMS = 1_000;

interface Waiting<In, Out> {
  item: In;
  resolve: (result: Out) => void;
  reject: (error: unknown) => void;
}

/** `run` answers a list with results in the same order; when it throws, every caller of that list gets the error. */
export function createBatcher<In, Out>(run: (items: In[]) => Promise<Out[]>): (item: In) => Promise<Out> {
  let waiting: Waiting<In, Out>[] = [];
  let running = false;

  const runNext = async () => {
    if (running) return;
    running = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MAX_ITEMS);
      waiting = waiting.slice(MAX_ITEMS);
      try {
        const results = await run(batch.map(({ item }) => item));
        batch.forEach(({ resolve }, index) => resolve(results[index] as Out));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    running = false;
  };

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      // Deferred, so that calls made in the same turn of the event loop share the first list too.
      if (!running) setImmediate(() => void runNext());
    });
}
