import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBag } from '../../api/submission/bag.ts';
import type { Placed } from '../../api/submission/bag.ts';

test('whatever comes and goes, in whatever order, it holds what has come and not gone, each once', () => {
  const changes = fc.array(fc.record({ isAdded: fc.boolean(), which: fc.nat(7) }), { maxLength: 60 });
  fc.assert(
    fc.property(changes, (steps) => {
      const elements = Array.from({ length: 8 }, (): Placed => ({ place: -1 }));
      const bag = createBag<Placed>();
      const expected = new Set<Placed>();
      for (const { isAdded, which } of steps) {
        const element = elements[which] as Placed;
        if (!isAdded) {
          bag.remove(element);
          expected.delete(element);
        } else if (!expected.has(element)) {
          bag.add(element);
          expected.add(element);
        }
      }
      const all = bag.all();
      expect(new Set(all)).toEqual(expected);
      expect(all).toHaveLength(expected.size);
    }),
  );
});
