/** Readers: one wallet, one look after the other, at whichever API. What one of them sees must never go backwards. */
import { setTimeout as sleep } from 'node:timers/promises';
import { toMinor } from './answers.ts';
import { clockMs, isLost } from './history.ts';
import type { History, SeenEntry } from './history.ts';
import type { HttpClient } from './httpClient.ts';
import type { People } from './people.ts';
import type { Random } from './random.ts';

interface ReaderDeps {
  history: History;
  http: HttpClient;
  ports: readonly number[];
  people: People;
}

export const READERS = 4;
const PAUSE_MS = 150;
const TIMEOUT_MS = 5_000;

export async function readAgainAndAgain(
  deps: ReaderDeps,
  random: Random,
  index: number,
  stop: AbortSignal,
): Promise<void> {
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
      timeoutMs: TIMEOUT_MS,
    });
    history.reads.push({
      ...{ reader: `reader ${index}`, walletId: person.walletId, api, sentAtMs, endedAtMs: clockMs() },
      result: isLost(answer) ? answer : toPage(answer.status, answer.body as Record<string, unknown>),
    });
    await sleep(random.integer(0, PAUSE_MS), undefined, { signal: stop }).catch(() => undefined);
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
