/**
 * For requests that are to be refused: a service with two customers and a bank, and one question to it at a time, held
 * against what is expected together with every row of every table before and after it.
 */
import { once } from 'node:events';
import net from 'node:net';
import { expect } from 'vitest';
import { createClient } from './client.ts';
import type { Answer, Client } from './client.ts';
import { readEverything } from './inspect.ts';
import { createPeople } from './people.ts';
import type { Person } from './people.ts';
import { BANK_ACCOUNT, startService } from './service.ts';
import { backends, createStores } from './stores.ts';

export interface Expected {
  status: number;
  code: string;
  /** Named in `errors`, exactly these. */
  fields?: string[];
}

export interface Refusals {
  /** Nobody's. */
  client: Client;
  /** The bank, with a session: credentials would start a new one, and that is a change. */
  bank: Client;
  payer: Person;
  receiver: Person;
  /** A payment that would be accepted, but for what is put over it. */
  payment: (over?: object) => object;
  /** The same with something added as it stands, before JSON is parsed. */
  rawPayment: (added: string) => string;
  /** Sends a body as the payer's payment; text goes as JSON unless the headers say otherwise. */
  pay: (body: object | string | undefined, headers?: Record<string, string | string[]>) => Promise<Answer>;
  expectRefused: (send: () => Promise<Answer>, expected: Expected) => Promise<Answer>;
  /** Sends bytes that no HTTP library would send, and expects to be refused: with 400 unless it is told. */
  expectUnreadable: (text: string, status?: number, code?: string) => Promise<void>;
  stop: () => Promise<void>;
}

export const PAY = '/api/wallet_to_wallet';
export const DEPOSIT = '/api/external_to_wallet';
export const JSON_TYPE = { 'Content-Type': 'application/json' };
export const LONE_SURROGATE = '\ud800';

export async function startRefusals(): Promise<Refusals> {
  const stores = await createStores(backends.at(-1)!);
  const service = await startService({ env: stores.env });
  const client = createClient(service.url);
  const [payer, receiver] = (await createPeople(stores.databaseUrl, 2)) as [Person, Person];
  const { headers } = await client.post('/api/login', BANK_ACCOUNT);
  const bank = client.as({ Cookie: String(headers['set-cookie']).split(';', 1)[0]! });
  const funded = await bank.post(DEPOSIT, { wallet_id: payer.walletId, amount: 100 });
  expect(funded.status).toBe(200);

  const unchanged = async <T>(work: () => Promise<T>): Promise<T> => {
    const before = await readEverything(stores.databaseUrl);
    const result = await work();
    expect(await readEverything(stores.databaseUrl)).toEqual(before);
    return result;
  };
  return {
    ...{ client, bank, payer, receiver },
    payment: (over = {}) => ({ wallet_id: receiver.walletId, amount: 1, ...over }),
    rawPayment: (added) => `{"wallet_id": ${receiver.walletId}, "amount": 1, ${added}}`,
    pay: (body, given = {}) =>
      client.post(PAY, body, { ...payer.headers, ...(typeof body === 'string' && JSON_TYPE), ...given }),
    expectRefused: (send, { status, code, fields = [] }) =>
      unchanged(async () => {
        const answer = await send();
        expect({ status: answer.status, code: answer.json['code'] }, answer.text).toEqual({ status, code });
        expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
        expect(answer.json['request_id']).toBe(answer.headers['x-request-id']);
        const named = (answer.json['errors'] as { path: string }[] | undefined) ?? [];
        expect(named.map(({ path }) => path).sort()).toEqual([...fields].sort());
        return answer;
      }),
    expectUnreadable: (text, status = 400, code = 'invalid_request') =>
      unchanged(async () => {
        const [head = '', body = ''] = (await sendRaw(service.url, text)).split('\r\n\r\n');
        expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
        const requestId = /^X-Request-Id: (.+)$/im.exec(head)?.[1];
        expect(JSON.parse(body)).toMatchObject({ status, code, request_id: requestId });
      }),
    stop: async () => {
      client.close();
      await service.stop();
      await stores.drop();
    },
  };
}

export function invalid(...fields: string[]): Expected {
  return { status: 400, code: 'invalid_request', fields };
}

export function refused(status: number, code: string): Expected {
  return { status, code };
}

/** Each value with a short name for the test's title. */
export function shown<T>(values: readonly T[]): [string, T][] {
  return values.map((value) => [
    JSON.stringify(value)
      .slice(0, 60)
      .replace(/[\u007f-\u{10ffff}]/gu, '?'),
    value,
  ]);
}

async function sendRaw(url: string, text: string): Promise<string> {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  socket.write(text, 'latin1');
  await once(socket, 'close');
  return answer;
}
