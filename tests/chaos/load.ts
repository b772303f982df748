/**
 * The mixed load: customers who pay each other, some of them far more often than others, a bank that deposits, and
 * readers. A third of the transfers is for more than the payer is likely to have. Some operations are sent twice at once,
 * some again much later, some with another body under the same key, some to wallets that are not there. A few clients
 * give up after a try or two and never learn what became of it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { clockMs, isLost } from './history.ts';
import type { History, Operation, SeenEntry } from './history.ts';
import { toMinor } from './client.ts';
import type { Client, Wish } from './client.ts';
import type { HttpClient } from './httpClient.ts';
import type { People, Person } from './people.ts';
import type { Random } from './random.ts';

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
  /** The longest pause of an actor between two operations. */
  maxPauseMs: number;
}

export interface Load {
  /** Acts until `stop` is aborted, then finishes what has begun. */
  run(stop: AbortSignal): Promise<void>;
  /** Sends a sample of what has been sent before once more, and one operation in every partition after it. */
  replaySample(): Promise<void>;
}

const SHARE = {
  deposit: 0.25,
  external: 0.5,
  hot: 0.3,
  large: 1 / 3,
  twin: 0.04,
  clashAtOnce: 0.04,
  clashAfter: 0.03,
  replay: 0.05,
  nowhere: 0.01,
  toSelf: 0.005,
  async: 0.06,
  shortWait: 0.1,
  impatient: 0.15,
};
const NOWHERE = 999_999_999;
const READERS = 4;
const READ_PAUSE_MS = 150;
const LATER_MS = { min: 500, max: 30_000 };
const REPLAYED_AT_END = 300;

export function createLoad(deps: LoadDeps): Load {
  const later: { dueMs: number; act: () => Promise<unknown> }[] = [];
  let made = 0;

  const act = async (random: Random) => {
    const due = later.findIndex(({ dueMs }) => dueMs <= clockMs());
    if (due !== -1) {
      await later.splice(due, 1)[0]?.act();
      return;
    }
    const { operation, person } = compose(deps, random, `${deps.seed}-${++made}`);
    deps.history.operations.push(operation);
    await perform(deps, random, operation, person, (act) =>
      later.push({ dueMs: clockMs() + random.integer(LATER_MS.min, LATER_MS.max), act }),
    );
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
      await Promise.all([...actors, ...readers]);
    },
    async replaySample() {
      const { history, random, people, client } = deps;
      const persons = new Map([people.bank, ...people.customers].map((person) => [person.walletId, person]));
      const sample = random.shuffle(history.operations).slice(0, REPLAYED_AT_END);
      const replay = async () => {
        for (let operation = sample.pop(); operation; operation = sample.pop()) {
          await client.carry(operation, persons.get(operation.payerWalletId)!);
        }
      };
      await Promise.all(Array.from({ length: 8 }, replay));
      for (const customer of people.customers.slice(0, 8)) {
        const operation = deposit(`${deps.seed}-last-${customer.walletId}`, people.bank, customer.walletId, 100);
        history.operations.push(operation);
        await client.carry(operation, people.bank);
      }
    },
  };
}

function compose({ people }: LoadDeps, random: Random, name: string): { operation: Operation; person: Person } {
  const someone = () => random.pick(random.chance(SHARE.hot) ? people.hot : people.customers);
  if (random.chance(SHARE.deposit)) {
    const walletId = random.chance(SHARE.nowhere) ? NOWHERE : someone().walletId;
    const operation = deposit(name, people.bank, walletId, random.integer(1, 5_000));
    if (random.chance(SHARE.external)) operation.identity = 'external';
    return { operation, person: people.bank };
  }
  const person = someone();
  const others = people.customers.filter((other) => other !== person);
  const receiver = random.chance(SHARE.hot)
    ? random.pick(people.hot.filter((one) => one !== person))
    : random.pick(others);
  const walletId = random.chance(SHARE.nowhere)
    ? NOWHERE
    : random.chance(SHARE.toSelf)
      ? person.walletId
      : receiver.walletId;
  const has = person.knownBalanceMinor;
  const amountMinor = random.chance(SHARE.large)
    ? has + random.integer(1, 20_000)
    : random.integer(1, Math.max(1, Math.floor(has / 3)));
  const own = { walletId, amountMinor, details: name };
  return {
    operation: { name, identity: 'key', kind: 'transfer', payerWalletId: person.walletId, own, attempts: [] },
    person,
  };
}

function deposit(name: string, bank: Person, walletId: number, amountMinor: number): Operation {
  const own = { walletId, amountMinor, details: name };
  return { name, identity: 'key', kind: 'deposit', payerWalletId: bank.walletId, own, attempts: [] };
}

async function perform(
  { client, people }: LoadDeps,
  random: Random,
  operation: Operation,
  person: Person,
  putOff: (act: () => Promise<unknown>) => void,
): Promise<void> {
  const drawn = random.next();
  const prefer = drawn < SHARE.async ? 'respond-async' : drawn < SHARE.async + SHARE.shortWait ? 'wait=1' : undefined;
  const wish: Wish = {
    ...(prefer !== undefined && { prefer }),
    ...(random.chance(SHARE.impatient) && { maxTries: random.integer(1, 2) }),
  };
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

/** One wallet, one look after the other, at whichever API: what this reader sees must never go backwards. */
async function readAgainAndAgain(deps: LoadDeps, random: Random, index: number, stop: AbortSignal): Promise<void> {
  const { people, history, http, ports } = deps;
  const person = (index < 2 ? people.hot[index] : people.customers.at(-index))!;
  while (!stop.aborted) {
    const api = random.integer(0, ports.length - 1);
    const sentAtMs = clockMs();
    const answer = await http.send({
      method: 'GET',
      port: ports[api] ?? 0,
      path: '/api/wallet?limit=5',
      headers: { Cookie: person.cookie },
      timeoutMs: 5_000,
    });
    history.reads.push({
      ...{ reader: `reader ${index}`, walletId: person.walletId, api, sentAtMs, endedAtMs: clockMs() },
      result: isLost(answer) ? answer : toPage(answer.status, answer.body as Record<string, unknown>),
    });
    await sleep(random.integer(0, READ_PAUSE_MS), undefined, { signal: stop }).catch(() => undefined);
  }
}

function toPage(status: number, body: Record<string, unknown>) {
  if (status !== 200) return { status, ...(typeof body['code'] === 'string' && { code: body['code'] }) };
  const listed = body['operations'] as { operation_id: string; seq: number; amount: number; balance: number }[];
  const entries = listed.map(({ operation_id: operationId, seq, amount, balance }): SeenEntry => {
    return { seq, operationId, amountMinor: toMinor(amount), balanceMinor: toMinor(balance) };
  });
  return { status, balanceMinor: toMinor(body['balance'] as number), entries };
}
