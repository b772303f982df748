/**
 * The mixed load: customers who pay each other, a bank that deposits, an operator who freezes, and readers. Some errands
 * are run twice at once, some again much later, some with another body under the same key. A few clients give up after a
 * try or two and never learn what became of it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Wish } from './client.ts';
import { composeErrand, deposit, payerOf } from './errands.ts';
import type { Errand } from './errands.ts';
import { clockMs } from './history.ts';
import type { History, Operation } from './history.ts';
import type { HttpClient } from './httpClient.ts';
import { freezeAgainAndAgain } from './operator.ts';
import type { People } from './people.ts';
import type { Random } from './random.ts';
import { READERS, readAgainAndAgain } from './readers.ts';

export interface LoadDeps {
  history: History;
  http: HttpClient;
  ports: readonly number[];
  client: Client;
  people: People;
  random: Random;
  /** Makes the names of this run's operations unlike those of any other. */
  seed: number;
  actors: number;
  /** The longest pause of an actor between two errands. */
  maxPauseMs: number;
}

export interface Load {
  /** Acts until `stop` is aborted, then finishes what has begun. */
  run(stop: AbortSignal): Promise<void>;
  /** Sends a sample of `count` old operations once more, and one new operation in every partition after it. */
  replaySample(count: number): Promise<void>;
}

const SHARE = {
  twin: 0.04,
  clashAtOnce: 0.04,
  clashAfter: 0.03,
  replay: 0.05,
  async: 0.06,
  shortWait: 0.1,
  impatient: 0.15,
};
const LATER_MS = { min: 500, max: 30_000 };
const REPLAYS_AT_ONCE = 8;

type PutOff = (act: () => Promise<unknown>) => void;

export function createLoad(deps: LoadDeps): Load {
  const { people, history, client } = deps;
  const later: { dueMs: number; act: () => Promise<unknown> }[] = [];
  let made = 0;

  const act = async (random: Random) => {
    const due = later.findIndex(({ dueMs }) => dueMs <= clockMs());
    if (due !== -1) {
      await later.splice(due, 1)[0]?.act();
      return;
    }
    const errand = composeErrand(people, random, `${deps.seed}-${++made}`);
    history.operations.push(...errand.operations);
    const putOff: PutOff = (task) =>
      later.push({ dueMs: clockMs() + random.integer(LATER_MS.min, LATER_MS.max), act: task });
    const [operation, ...others] = errand.operations;
    if (operation && others.length === 0) await performOne(deps, random, operation, putOff);
    else await performList(deps, random, errand, putOff);
  };

  const actor = async (random: Random, stop: AbortSignal) => {
    while (!stop.aborted) {
      await sleep(random.integer(0, deps.maxPauseMs), undefined, { signal: stop }).catch(() => undefined);
      await act(random);
    }
  };

  return {
    async run(stop) {
      const actors = Array.from({ length: deps.actors }, (_, index) =>
        actor(deps.random.stream(`actor ${index}`), stop),
      );
      const readers = Array.from({ length: READERS }, (_, index) =>
        readAgainAndAgain(deps, deps.random.stream(`reader ${index}`), index, stop),
      );
      await Promise.all([...actors, ...readers, freezeAgainAndAgain(deps, deps.random.stream('operator'), stop)]);
    },
    async replaySample(count) {
      const sent = history.operations.filter(({ identity }) => identity !== 'none');
      const sample = deps.random.shuffle(sent).slice(0, count);
      const replay = async () => {
        for (let operation = sample.pop(); operation; operation = sample.pop()) {
          await sendAgain(deps, operation);
        }
      };
      await Promise.all(Array.from({ length: REPLAYS_AT_ONCE }, replay));
      for (const customer of people.customers.slice(0, 8)) {
        const operation = deposit(`${deps.seed}-last-${customer.walletId}`, people.bank, customer.walletId, 100);
        history.operations.push(operation);
        await client.carry(operation, people.bank);
      }
    },
  };
}

/** An item of an atomic list is sent with the others or not at all. */
async function sendAgain({ history, client, people }: LoadDeps, operation: Operation): Promise<void> {
  const person = payerOf(people, operation);
  if (operation.list === undefined) return client.carry(operation, person);
  const items = history.operations.filter(({ list }) => list === operation.list);
  return client.carryList(items, person, true);
}

function drawWish(random: Random): Wish {
  const drawn = random.next();
  const prefer = drawn < SHARE.async ? 'respond-async' : drawn < SHARE.async + SHARE.shortWait ? 'wait=1' : undefined;
  return {
    ...(prefer !== undefined && { prefer }),
    ...(random.chance(SHARE.impatient) && { maxTries: random.integer(1, 2) }),
  };
}

async function performList({ client }: LoadDeps, random: Random, errand: Errand, putOff: PutOff): Promise<void> {
  const { operations, person, isAtomic } = errand;
  const wish = drawWish(random);
  const times = random.chance(SHARE.twin) ? 2 : 1;
  await Promise.all(Array.from({ length: times }, () => client.carryList(operations, person, isAtomic, wish)));
  if (random.chance(SHARE.replay)) putOff(() => client.carryList(operations, person, isAtomic));
}

async function performOne(
  { client, people }: LoadDeps,
  random: Random,
  operation: Operation,
  putOff: PutOff,
): Promise<void> {
  const person = payerOf(people, operation);
  const wish = drawWish(random);
  if (operation.identity === 'none') return client.carry(operation, person, wish);
  const { own, name } = operation;
  const clash = () => {
    const walletId = random.chance(0.5) ? own.walletId : random.pick(people.customers).walletId;
    operation.clash = { walletId, amountMinor: own.amountMinor + 1, details: `${name} (another body)` };
  };
  const asClash = (): Wish => ({ which: 'clash', ...(random.chance(0.3) && { prefer: 'respond-async' }) });
  if (random.chance(SHARE.clashAtOnce)) {
    clash();
    await Promise.all([client.carry(operation, person, wish), client.carry(operation, person, asClash())]);
  } else if (random.chance(SHARE.twin)) {
    await Promise.all([client.carry(operation, person, wish), client.carry(operation, person)]);
  } else {
    await client.carry(operation, person, wish);
  }
  if (random.chance(SHARE.replay)) putOff(() => client.carry(operation, person));
  if (!operation.clash && random.chance(SHARE.clashAfter)) {
    clash();
    const other = asClash();
    putOff(() => client.carry(operation, person, other));
  }
}
