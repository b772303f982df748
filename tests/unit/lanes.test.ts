/** Whose password is worked out next, and who is refused, while more ask than can be served. */
import { expect, test } from 'vitest';
import { createLanes as createLanesOf } from '../../api/auth/lanes.ts';
import type { LaneName, Lanes } from '../../api/auth/lanes.ts';
import { Problem } from '../../api/http/problem.ts';

const createLanes = (bounds: { atOnce: number; maxWaiting: number }, isInDoubt = false) =>
  createLanesOf({ ...bounds, isInDoubt: () => isInDoubt });

/** Requests that are worked at until the test ends them, one after another, in the order in which they began. */
function createWork(lanes: Lanes) {
  const begun: string[] = [];
  const refused: string[] = [];
  const endings: (() => void)[] = [];
  const ask = (lane: LaneName, address: string, name = address) => {
    const work = () =>
      new Promise<void>((resolve) => {
        begun.push(name);
        endings.push(resolve);
      });
    lanes.run(lane, address, work).catch((error: unknown) => {
      expect(error).toBeInstanceOf(Problem);
      expect((error as Problem).code).toBe('overloaded');
      refused.push(name);
    });
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const endAll = async () => {
    await settle();
    for (let end = endings.shift(); end; end = endings.shift()) {
      end();
      await settle();
    }
  };
  return { begun, refused, ask, settle, endAll, running: () => endings.length };
}

test('no more run at once than may, and everybody who waits has a turn', async () => {
  const work = createWork(createLanes({ atOnce: 2, maxWaiting: 10 }));
  for (let number = 0; number < 7; number++) work.ask('logIn', 'a', `a${number}`);
  await work.settle();
  expect(work.begun).toEqual(['a0', 'a1']);
  expect(work.running()).toBe(2);
  await work.endAll();
  expect(work.begun).toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6']);
  expect(work.refused).toEqual([]);
});

test('work that throws hands its place on', async () => {
  const lanes = createLanes({ atOnce: 1, maxWaiting: 1 });
  const failing = lanes.run('logIn', 'a', () => Promise.reject(new Error('broken')));
  const following = lanes.run('signUp', 'b', () => Promise.resolve('done'));
  await expect(failing).rejects.toThrow('broken');
  expect(await following).toBe('done');
});

test('addresses take turns: who comes alone waits for one round, however many another sends', async () => {
  const work = createWork(createLanes({ atOnce: 1, maxWaiting: 100 }));
  for (let number = 0; number < 50; number++) work.ask('logIn', 'flood', `flood${number}`);
  work.ask('logIn', 'ada');
  work.ask('logIn', 'bob');
  await work.endAll();
  expect(work.begun.slice(0, 5)).toEqual(['flood0', 'flood1', 'ada', 'bob', 'flood2']);
});

test('a full lane makes room for another address at the cost of the newest of the address that has the most', async () => {
  const work = createWork(createLanes({ atOnce: 1, maxWaiting: 4 }));
  for (let number = 0; number < 6; number++) work.ask('logIn', 'flood', `flood${number}`);
  await work.settle();
  expect(work.refused).toEqual(['flood5']);
  work.ask('logIn', 'ada');
  work.ask('logIn', 'bob');
  await work.settle();
  expect(work.refused).toEqual(['flood5', 'flood4', 'flood3']);
  await work.endAll();
  expect(work.begun).toEqual(['flood0', 'flood1', 'ada', 'bob', 'flood2']);
});

test('where every address has as little in a full lane, the newcomer is refused', async () => {
  const work = createWork(createLanes({ atOnce: 1, maxWaiting: 3 }));
  for (const address of ['running', 'a', 'b', 'c', 'd']) work.ask('logIn', address);
  await work.endAll();
  expect([work.begun, work.refused]).toEqual([['running', 'a', 'b', 'c'], ['d']]);
});

test('what waits behind one query that failed has its turn while nothing is wrong with the database', async () => {
  const lanes = createLanes({ atOnce: 1, maxWaiting: 10 });
  const failed = lanes.run('logIn', 'a', () => Promise.reject(new Problem('unavailable')));
  const behind = lanes.run('logIn', 'b', () => Promise.resolve('done'));
  await expect(failed).rejects.toMatchObject({ code: 'unavailable' });
  expect(await behind).toBe('done');
});

test('what waits behind work that finds the database away gives up with it', async () => {
  const lanes = createLanes({ atOnce: 1, maxWaiting: 10 }, true);
  const away = lanes.run('logIn', 'a', () => Promise.reject(new Problem('unavailable')));
  const behind = (['logIn', 'signUp'] as const).map((lane) => lanes.run(lane, 'b', () => Promise.resolve('done')));
  for (const each of [away, ...behind]) await expect(each).rejects.toMatchObject({ code: 'unavailable' });
  expect(await lanes.run('logIn', 'b', () => Promise.resolve('done'))).toBe('done');
});

test('one lane full of one address refuses nobody in the other', async () => {
  const work = createWork(createLanes({ atOnce: 1, maxWaiting: 4 }));
  for (let number = 0; number < 10; number++) work.ask('signUp', 'flood', 'sign-up');
  for (let number = 0; number < 4; number++) work.ask('logIn', 'flood', 'log-in');
  await work.endAll();
  expect(work.refused).toEqual(Array(5).fill('sign-up'));
  expect(work.begun.filter((name) => name === 'log-in')).toHaveLength(4);
});

test('while both wait a sign-up has every fourth turn', async () => {
  const work = createWork(createLanes({ atOnce: 1, maxWaiting: 20 }));
  for (let number = 0; number < 10; number++) work.ask('signUp', 'a', 'sign-up');
  for (let number = 0; number < 10; number++) work.ask('logIn', 'a', 'log-in');
  await work.endAll();
  const turns = work.begun.slice(1, 9);
  expect(turns.filter((name) => name === 'log-in')).toHaveLength(6);
  expect(work.begun).toHaveLength(20);
});
