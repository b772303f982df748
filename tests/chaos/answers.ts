/** What the service says over HTTP, reduced to what the checker holds against it, and the bodies that ask for it. */
import type { Answer, Lost, Operation, Which } from './history.ts';
import { isLost } from './history.ts';
import type { HttpAnswer } from './httpClient.ts';

type Said = Record<string, unknown>;

export function toAnswer({ status, headers, body }: HttpAnswer): Answer {
  const isReplay = headers['idempotency-replayed'] === 'true';
  return { ...reduce(status, asSaid(body)), ...requestIdOf(headers), ...(isReplay && { isReplay }) };
}

/** One for each of `count` items. What was answered to the list as a whole was answered to every one of them. */
export function toItemAnswers(answer: HttpAnswer, count: number): Answer[] {
  const results = asSaid(answer.body)['results'];
  if (answer.status !== 200 || !Array.isArray(results) || results.length !== count) {
    return Array.from({ length: count }, () => toAnswer(answer));
  }
  return results.map((given) => {
    const result = asSaid(given);
    const isReplay = result['replayed'] === true;
    return { ...reduceItem(result), ...requestIdOf(answer.headers), ...(isReplay && { isReplay }) };
  });
}

/** An item's result, as it would be answered to the same request alone. */
function reduceItem(result: Said): Answer {
  if (result['status'] === 'OK') return reduce(200, result);
  if (result['status'] === 'PENDING') return reduce(202, result);
  const problem = asSaid(result['problem']);
  return reduce(typeof problem['status'] === 'number' ? problem['status'] : 0, problem);
}

function reduce(status: number, said: Said): Answer {
  const text = (name: string) => (typeof said[name] === 'string' ? said[name] : undefined);
  const answer = {
    status,
    code: text('code'),
    operationId: text('operation_id'),
    walletId: typeof said['wallet_id'] === 'number' ? said['wallet_id'] : undefined,
    balanceMinor: typeof said['balance'] === 'number' ? toMinor(said['balance']) : undefined,
    isFrozen: typeof said['frozen'] === 'boolean' ? said['frozen'] : undefined,
    word: text('status'),
    reason: text('reason'),
  };
  return Object.fromEntries(Object.entries(answer).filter(([, value]) => value !== undefined)) as unknown as Answer;
}

function requestIdOf(headers: HttpAnswer['headers']): { requestId?: string } {
  const id = headers['x-request-id'];
  return typeof id === 'string' ? { requestId: id } : {};
}

function asSaid(body: unknown): Said {
  return typeof body === 'object' && body !== null ? (body as Said) : {};
}

export function retryAfterMs(answer: HttpAnswer | Lost): number {
  const seconds = isLost(answer) ? undefined : answer.headers['retry-after'];
  return seconds === undefined ? 100 : Number(seconds) * 1_000;
}

/** The request that asks for an operation alone. */
export function toRequest(
  { kind, identity, name, ...operation }: Operation,
  which: Which,
): { path: string; headers: Record<string, string>; body: object } {
  const { walletId, amountMinor, details } = operation[which] ?? operation.own;
  const headers: Record<string, string> = identity === 'key' ? { 'Idempotency-Key': name } : {};
  if (kind === 'freeze' || kind === 'unfreeze') {
    return { path: `/api/wallets/${walletId}/${kind}`, headers, body: { reason: details } };
  }
  return {
    path: kind === 'deposit' ? '/api/external_to_wallet' : '/api/wallet_to_wallet',
    headers,
    body: {
      ...{ wallet_id: walletId, amount: printMinor(amountMinor), details },
      ...(identity === 'external' && { external_id: name }),
    },
  };
}

/** The same as an item of a list. */
export function toItem({ identity, name, own: { walletId, amountMinor, details } }: Operation): object {
  return {
    ...{ wallet_id: walletId, amount: printMinor(amountMinor), details },
    [identity === 'external' ? 'external_id' : 'idempotency_key']: name,
  };
}

/** Roubles as the API writes them, in kopecks. Rounding only undoes the binary fraction: the API sends two decimals. */
export function toMinor(amount: number): number {
  return Math.round(amount * 100);
}

function printMinor(amountMinor: number): string {
  return `${Math.floor(amountMinor / 100)}.${String(amountMinor % 100).padStart(2, '0')}`;
}
