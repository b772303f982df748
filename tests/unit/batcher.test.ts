/** Many single calls become few lists, in order, one list at a time, and each caller gets its own answer. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createBatcher } from '../../shared/batcher.ts';

/** A batcher whose lists wait until they are let go. */
function held() {
  const lists: number[][] = [];
  const letGo: (() => void)[] = [];
  const call = createBatcher(async (items: number[]) => {
    lists.push(items);
    await new Promise<void>((resolve) => letGo.push(resolve));
    return items.map((item) => item * 10);
  });
  const next = async () => {
    letGo.shift()?.();
    for (let turn = 0; turn < 3; turn++) await nextTurn();
  };
  return { call, lists, next };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

describe('a batcher', () => {
  test('sends a lone call at once', async () => {
    const { call, lists, next } = held();
    const answer = call(7);
    await nextTurn();
    expect(lists).toEqual([[7]]);
    await next();
    expect(await answer).toBe(70);
  });

  test('sends the calls of one turn together and answers each its own', async () => {
    const { call, lists, next } = held();
    const answers = Promise.all(range(0, 5).map(call));
    await nextTurn();
    await next();
    expect(lists).toEqual([[0, 1, 2, 3, 4]]);
    expect(await answers).toEqual([0, 10, 20, 30, 40]);
  });

  test('keeps what arrives meanwhile for the next list, of which there is never more than one under way', async () => {
    const { call, lists, next } = held();
    const answers = [call(1)];
    await nextTurn();
    answers.push(call(2));
    await nextTurn();
    answers.push(call(3));
    await nextTurn();
    expect(lists).toEqual([[1]]);
    await next();
    expect(lists).toEqual([[1], [2, 3]]);
    await next();
    expect(await Promise.all(answers)).toEqual([10, 20, 30]);
  });

  test('sends no more than a thousand together, and the rest in their order', async () => {
    const { call, lists, next } = held();
    const answers = Promise.all(range(0, 2_500).map(call));
    await nextTurn();
    for (let list = 0; list < 3; list++) await next();
    expect(lists).toEqual([range(0, 1_000), range(1_000, 2_000), range(2_000, 2_500)]);
    expect(await answers).toEqual(range(0, 2_500).map((item) => item * 10));
  });

  test('tells every caller of a list that failed, none of another list, and goes on', async () => {
    let lists = 0;
    const call = createBatcher((items: number[]) => {
      lists++;
      return lists === 1 ? Promise.reject(new Error('the first list')) : Promise.resolve(items);
    });
    const first = [call(1), call(2)];
    const failed = Promise.all(first.map((each) => expect(each).rejects.toThrow('the first list')));
    await nextTurn();
    expect(await call(3)).toBe(3);
    await failed;
    expect(lists).toBe(2);
  });

  test('goes on after a list whose work threw before it began', async () => {
    let lists = 0;
    const call = createBatcher((items: number[]) => {
      if (++lists === 1) throw new Error('at once');
      return Promise.resolve(items);
    });
    await expect(call(1)).rejects.toThrow('at once');
    expect(await call(2)).toBe(2);
  });
});
