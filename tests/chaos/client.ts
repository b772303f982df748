/**
 * A careful client, as the API's documentation asks for: it sends one operation under one key until it has an outcome,
 * to whichever API process, after whatever went wrong; it honours `Retry-After`; a 202 it follows to the end. It notes
 * every attempt. What it never does is to send the same movement under another key.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { clockMs, isFinal, isLost } from './history.ts';
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
}

export interface Client {
  /** One POST, whatever comes of it. */
  send(operation: Operation, person: Person, wish?: Wish): Promise<Attempt>;
  /** Until the outcome is final, or the patience is over: then its outcome stays unknown to the client. */
  carry(operation: Operation, person: Person, wish?: Wish): Promise<void>;
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

export function createClient(deps: ClientDeps): Client {
  const { random } = deps;
  const following = new Set<Promise<void>>();
  const pause = (ms: number) => sleep(ms, undefined, { signal: deps.giveUp }).catch(() => undefined);

  const note = async (
    operation: Operation,
    person: Person,
    about: Pick<Attempt, 'what' | 'which'> & { path: string; headers: Record<string, string>; body?: object },
  ) => {
    const api = random.integer(0, deps.ports.length - 1);
    const sentAtMs = clockMs();
    const answer = await deps.http.send({
      method: about.what === 'send' ? 'POST' : 'GET',
      port: deps.ports[api] ?? 0,
      path: about.path,
      headers: { Cookie: person.cookie, ...about.headers },
      ...(about.body && { body: about.body }),
      timeoutMs: random.integer(TIMEOUT_MS.min, TIMEOUT_MS.max),
    });
    const { what, which } = about;
    const result = isLost(answer) ? answer : toAnswer(answer);
    const attempt: Attempt = { what, which, api, sentAtMs, endedAtMs: clockMs(), result };
    operation.attempts.push(attempt);

    if ('balanceMinor' in result && result.walletId === person.walletId) {
      person.knownBalanceMinor = result.balanceMinor ?? 0;
    }
    return { attempt, retryAfterMs: retryAfterMs(answer) };
  };

  const send = (operation: Operation, person: Person, { prefer, which = 'own' }: Wish = {}) => {
    const { walletId, amountMinor, details } = operation[which] ?? operation.own;
    const isExternal = operation.identity === 'external';
    const headers = {
      ...(!isExternal && { 'Idempotency-Key': operation.name }),
      ...(prefer !== undefined && { Prefer: prefer }),
    };
    const body = {
      wallet_id: walletId,
      amount: printMinor(amountMinor),
      details,
      ...(isExternal && { external_id: operation.name }),
    };
    const path = operation.kind === 'deposit' ? '/api/external_to_wallet' : '/api/wallet_to_wallet';
    return note(operation, person, { what: 'send', which, path, headers, body });
  };

  const follow = async (operation: Operation, person: Person, which: Which, operationId: string) => {
    const path = `/api/operations/${operationId}`;
    while (!deps.giveUp.aborted) {
      const headers: Record<string, string> = random.chance(0.3) ? { Prefer: 'wait=2' } : {};
      const { attempt } = await note(operation, person, { what: 'ask', which, path, headers });
      if (isFinal(attempt)) return;
      await pause(random.integer(ASK_PAUSE_MS.min, ASK_PAUSE_MS.max));
    }
  };

  return {
    send: async (operation, person, wish) => (await send(operation, person, wish)).attempt,
    async carry(operation, person, wish = {}) {
      for (let tries = 1; tries <= (wish.maxTries ?? MAX_TRIES) && !deps.giveUp.aborted; tries++) {
        const { attempt, retryAfterMs } = await send(operation, person, wish);
        if (isFinal(attempt)) return;
        const { result } = attempt;
        if (!isLost(result) && result.status === 202 && result.operationId !== undefined) {
          const followed = follow(operation, person, attempt.which, result.operationId);
          following.add(followed);
          void followed.finally(() => following.delete(followed));
          return;
        }
        await pause(Math.min(retryAfterMs, MAX_PAUSE_MS) * (0.5 + random.next()));
      }
    },
    followed: async () => {
      while (following.size > 0) await Promise.all(following);
    },
  };
}

function retryAfterMs(answer: HttpAnswer | Lost): number {
  const seconds = isLost(answer) ? undefined : answer.headers['retry-after'];
  return seconds === undefined ? 100 : Number(seconds) * 1_000;
}

function toAnswer({ status, headers, body }: HttpAnswer): Answer {
  const said = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const text = (name: string) => (typeof said[name] === 'string' ? said[name] : undefined);
  const answer = {
    status,
    code: text('code'),
    operationId: text('operation_id'),
    walletId: typeof said['wallet_id'] === 'number' ? said['wallet_id'] : undefined,
    balanceMinor: typeof said['balance'] === 'number' ? toMinor(said['balance']) : undefined,
    word: typeof said['status'] === 'string' ? said['status'] : undefined,
    reason: text('reason'),
    isReplay: headers['idempotency-replayed'] === 'true' ? true : undefined,
  };
  return Object.fromEntries(Object.entries(answer).filter(([, value]) => value !== undefined)) as unknown as Answer;
}

/** Roubles as the API writes them, in kopecks. Rounding only undoes the binary fraction: the API sends two decimals. */
export function toMinor(amount: number): number {
  return Math.round(amount * 100);
}

function printMinor(amountMinor: number): string {
  return `${Math.floor(amountMinor / 100)}.${String(amountMinor % 100).padStart(2, '0')}`;
}
