/**
 * A careful client, as the API's documentation asks for: it sends one operation under one key until it has an outcome,
 * to whichever API process, after whatever went wrong; it honours `Retry-After`; a 202 it follows to the end. It notes
 * every attempt. What it never does is to send the same movement under another key, or one without a key a second time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { retryAfterMs, toAnswer, toItem, toItemAnswers, toRequest } from './answers.ts';
import { clockMs, isFinal, isLost, queueingWallet } from './history.ts';
import type { Answer, Attempt, Lost, Operation, Which } from './history.ts';
import type { HttpAnswer, HttpClient } from './httpClient.ts';
import type { Person } from './people.ts';
import type { Random } from './random.ts';

export interface Wish {
  /** The `Prefer` header. */
  prefer?: string;
  which?: Which;
  /** How often it is sent at most. */
  maxTries?: number;
  /** Resolve only when a 202 has been followed to its end. */
  isPatient?: boolean;
}

export interface Client {
  /** Until the outcome is final, or the patience is over: then its outcome stays unknown to the client. */
  carry(operation: Operation, person: Person, wish?: Wish): Promise<void>;
  /** The same for several in one request, which is sent until all of them have an outcome. */
  carryList(operations: readonly Operation[], person: Person, isAtomic: boolean, wish?: Wish): Promise<void>;
  /** Resolves when every 202 has been followed to its end. */
  followed(): Promise<void>;
}

export interface ClientDeps {
  http: HttpClient;
  ports: readonly number[];
  random: Random;
  /** Aborted when even a 202 is not followed any further. */
  giveUp: AbortSignal;
}

const MAX_TRIES = 80;
const MAX_PAUSE_MS = 400;
const TIMEOUT_MS = { min: 3_000, max: 9_000 };
const ASK_PAUSE_MS = { min: 200, max: 1_500 };
const BULK_PATH = '/api/operations/bulk';

export function createClient(deps: ClientDeps): Client {
  const { random } = deps;
  const exchange = createExchange(deps);
  /** By operation and body. */
  const following = new Map<string, Promise<void>>();
  const pause = (ms: number) => sleep(ms, undefined, { signal: deps.giveUp }).catch(() => undefined);

  const follow = async (operation: Operation, person: Person, which: Which, operationId: string) => {
    const path = `/api/operations/${operationId}`;
    while (!deps.giveUp.aborted) {
      const headers: Record<string, string> = random.chance(0.3) ? { Prefer: 'wait=2' } : {};
      const { answer, ...when } = await exchange(person, path, headers);
      const result = isLost(answer) ? answer : toAnswer(answer);
      const attempt = note(operation, person, { what: 'ask', which, ...when, result });
      if (isFinal(attempt)) return;
      await pause(random.integer(ASK_PAUSE_MS.min, ASK_PAUSE_MS.max));
    }
  };

  /** True when there is no more to send: the outcome is known, or a promise is being followed. */
  const isCarried = (operation: Operation, person: Person, attempt: Attempt): boolean => {
    if (isFinal(attempt)) return true;
    const { result, which } = attempt;
    if (isLost(result) || result.status !== 202 || result.operationId === undefined) return false;
    const name = nameOf(operation, which);
    if (following.has(name)) return true;
    const followed = follow(operation, person, which, result.operationId);
    following.set(name, followed);
    void followed.finally(() => following.delete(name));
    return true;
  };

  /** Sends until `once` answers that it is done. */
  const persist = async (maxTries: number, once: () => Promise<{ isDone: boolean; retryAfterMs: number }>) => {
    for (let tries = 1; tries <= maxTries && !deps.giveUp.aborted; tries++) {
      const { isDone, retryAfterMs: waitMs } = await once();
      if (isDone) return;
      if (tries < maxTries) await pause(Math.min(waitMs, MAX_PAUSE_MS) * (0.5 + random.next()));
    }
  };

  return {
    async carry(operation, person, { prefer, which = 'own', maxTries = MAX_TRIES, isPatient = false } = {}) {
      const { path, headers, body } = toRequest(operation, which);
      const isOnce = operation.identity === 'none';
      await persist(isOnce ? 1 : maxTries, async () => {
        const { answer, ...when } = await exchange(person, path, { ...headers, ...prefers(prefer) }, body);
        const result = isLost(answer) ? answer : toAnswer(answer);
        const attempt = note(operation, person, { what: 'send', which, ...when, result }, prefer);
        return { isDone: isCarried(operation, person, attempt), retryAfterMs: retryAfterMs(answer) };
      });
      if (isPatient) await following.get(nameOf(operation, which));
    },
    async carryList(operations, person, isAtomic, { prefer, maxTries = MAX_TRIES } = {}) {
      const body = { items: operations.map(toItem), ...(isAtomic && { atomic: true }) };
      const shared = isAtomic ? {} : { answeredWith: operations.map((each) => queueingWallet(each, 'own')) };
      await persist(maxTries, async () => {
        const { answer, ...when } = await exchange(person, BULK_PATH, prefers(prefer), body);
        const results = isLost(answer) ? operations.map(() => answer) : toItemAnswers(answer, operations.length);
        const done = operations.map((operation, index) => {
          const result = results[index] as Answer | Lost;
          const attempt = note(operation, person, { what: 'send', which: 'own', ...when, result, ...shared }, prefer);
          return isCarried(operation, person, attempt);
        });
        return { isDone: done.every(Boolean), retryAfterMs: retryAfterMs(answer) };
      });
    },
    followed: async () => {
      while (following.size > 0) await Promise.all(following.values());
    },
  };
}

/** One request to whichever API process, whatever comes of it. */
function createExchange({ http, ports, random }: ClientDeps) {
  return async (person: Person, path: string, headers: Record<string, string>, body?: object) => {
    const api = random.integer(0, ports.length - 1);
    const sentAtMs = clockMs();
    const answer: HttpAnswer | Lost = await http.send({
      method: body ? 'POST' : 'GET',
      port: ports[api] ?? 0,
      path,
      headers: { Cookie: person.cookie, ...headers },
      ...(body && { body }),
      timeoutMs: random.integer(TIMEOUT_MS.min, TIMEOUT_MS.max),
    });
    return { api, sentAtMs, endedAtMs: clockMs(), answer };
  };
}

function note(operation: Operation, person: Person, attempt: Attempt, prefer?: string): Attempt {
  const noted: Attempt = { ...attempt, ...(prefer === 'respond-async' && { isAsync: true }) };
  operation.attempts.push(noted);
  const { result } = noted;
  if ('balanceMinor' in result && result.walletId === person.walletId) {
    person.knownBalanceMinor = result.balanceMinor ?? 0;
  }
  return noted;
}

function nameOf({ name }: Operation, which: Which): string {
  return `${which} ${name}`;
}

function prefers(prefer: string | undefined): Record<string, string> {
  return prefer === undefined ? {} : { Prefer: prefer };
}
