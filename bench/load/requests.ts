/** The requests of a load, one after another, for the generators that are written in TypeScript. */
import { randomInt, randomUUID } from 'node:crypto';
import type { Ask } from './load.ts';
import type { Payer } from './peopleFile.ts';

interface OutgoingRequest {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
}

const AMOUNT = 0.01;

export function pathOf(ask: Ask): string {
  switch (ask.kind) {
    case 'get':
      return ask.path;
    case 'transfer':
      return '/api/wallet_to_wallet';
    case 'deposit':
    case 'basic-deposit':
      return '/api/external_to_wallet';
    case 'log-in':
      return '/api/login';
    case 'bulk':
      return '/api/operations/bulk';
  }
}

export function createRequests(ask: Ask, people: readonly Payer[]): () => OutgoingRequest {
  const path = pathOf(ask);
  const send = (body: unknown, headers: Record<string, string>): OutgoingRequest => ({
    method: 'POST',
    path,
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const post = (cookie: string, body: unknown, headers?: Record<string, string>) =>
    send(body, { Cookie: cookie, ...headers });
  const anybody = (): Payer => people[randomInt(people.length)] as Payer;
  const anotherThan = (payer: Payer): number => {
    for (;;) {
      const { walletId } = anybody();
      if (walletId !== payer.walletId) return walletId;
    }
  };
  const movement = (walletId: number) => ({ wallet_id: walletId, amount: AMOUNT });

  switch (ask.kind) {
    case 'get':
      return () => ({ method: 'GET', path, headers: ask.cookie === undefined ? {} : { Cookie: ask.cookie } });
    case 'transfer':
      return () => {
        const payer = anybody();
        const to = ask.to === undefined || ask.to === payer.walletId ? anotherThan(payer) : ask.to;
        return post(payer.cookie, movement(to), ask.isKeyed ? { 'Idempotency-Key': randomUUID() } : {});
      };
    case 'deposit':
      return () => post(ask.cookie, movement(anybody().walletId));
    case 'basic-deposit':
      return () => send(movement(anybody().walletId), { Authorization: ask.authorization });
    case 'log-in': {
      let turn = 0;
      return () => send(ask.accounts[turn++ % ask.accounts.length], {});
    }
    case 'bulk':
      return () => {
        const payer = anybody();
        const item = () => ({ ...movement(anotherThan(payer)), idempotency_key: randomUUID() });
        return post(payer.cookie, Array.from({ length: ask.items }, item));
      };
  }
}

/** How many things an answer says are done. */
export function countDone(ask: Ask, status: number, body: string): number {
  if (status !== 200) return 0;
  return ask.kind === 'bulk' ? body.split('"status":"OK"').length - 1 : 1;
}
