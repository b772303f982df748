/**
 * A set for what comes and goes all the time. A `Set` or a `Map` of V8 moves into a new table every few dozen changes, and
 * the old one goes on pointing to the new one: once one of them is in the old generation, every later one and all that
 * was in it outlive the collections of the young generation, dead or not (docs/adr/0008-what-a-transfer-costs.md).
 */

export interface Placed {
  /** The bag's own: where the element is, or -1. */
  place: number;
}

export interface Bag<T extends Placed> {
  add: (element: T) => void;
  /** Nothing happens when it is not there. */
  remove: (element: T) => void;
  /** What is in it now, in no order. */
  all: () => T[];
}

export function createBag<T extends Placed>(): Bag<T> {
  const elements: T[] = [];
  return {
    add: (element) => {
      element.place = elements.push(element) - 1;
    },
    remove: (element) => {
      if (element.place < 0) return;
      const last = elements.pop() as T;
      if (last !== element) {
        elements[element.place] = last;
        last.place = element.place;
      }
      element.place = -1;
    },
    all: () => [...elements],
  };
}
