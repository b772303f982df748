/** Anonymous floods of what costs a password's proof, from one address, and everybody else's log-ins and deposits. */
import * as argon2 from '@node-rs/argon2';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BANK, PASSWORD, basic, startApi } from '../support/api.ts';
import type { TestApi } from '../support/api.ts';

// What argon2 would take a core for takes as long and no core here, so that only the order of things is measured.
vi.mock('@node-rs/argon2', () => {
  const work = <T>(result: T) => new Promise<T>((resolve) => setTimeout(resolve, 30, result));
  return {
    hash: vi.fn((password: string) => work(`a hash of ${password}`)),
    verify: vi.fn((stored: string, password: string) => work(stored.endsWith(`hash of ${password}`))),
  };
});
const proofs = vi.mocked(argon2.verify);

const FLOOD = 320;
const LOG_INS = 24;
const DEPOSITS = 21;
const QUOTA = 60;

let api: TestApi;
let walletId: number;
const emails = Array.from({ length: LOG_INS }, (_, person) => `person${person}@localhost.ru`);

beforeAll(async () => {
  const perMinute = String(QUOTA);
  const env = { TRUST_PROXY: '1', MAX_SIGNUPS_PER_MINUTE: perMinute, MAX_FAILED_LOGINS_PER_MINUTE: perMinute };
  api = await startApi({ env });
  const passwordHash = `a hash of ${PASSWORD}`;
  const people = emails.map((email) => ({ name: 'P', email, passwordHash, role: 'customer' }));
  await api.prisma.appUser.createMany({ data: people });
  walletId = (await api.customer()).walletId;
});
afterAll(() => api.close());
beforeEach(() => void proofs.mockClear());

/** Hundreds of answers: holding each against the OpenAPI document would take longer than the flood. */
async function send(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const json = body && JSON.stringify(body);
  const all = { 'Content-Type': 'application/json', ...headers };
  const response = await fetch(api.url + path, { method, headers: all, ...(json !== undefined && { body: json }) });
  const { status, headers: received } = response;
  return { status, headers: received, json: (await response.json()) as Record<string, unknown> };
}
type Answer = Awaited<ReturnType<typeof send>>;

const from = (address: string) => ({ 'X-Forwarded-For': address });
const logIn = (email: string, password: string, address: string) =>
  send('POST', '/api/login', { email, password }, from(address));
const signUp = (email: string, address: string) =>
  send('POST', '/api/signup', { name: 'X', email, password: PASSWORD }, from(address));
const deposit = (address: string) =>
  send(
    'POST',
    '/api/external_to_wallet',
    { wallet_id: walletId, amount: 1 },
    { ...basic(BANK.email, BANK.password), ...from(address) },
  );
const count = (answers: readonly Answer[]) => {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

describe.each([
  ['sign-ups', '203.0.113.1', (number: number) => signUp(`x${number}@example.com`, '203.0.113.1'), 201],
  ['unknown log-ins', '203.0.113.2', (number: number) => logIn(`x${number}@example.org`, 'no', '203.0.113.2'), 401],
])(`${FLOOD} %s at once from one address`, (_what, address, ask, spent) => {
  it('keep nobody elsewhere from logging in, nor the bank from depositing, and end at the quota', async () => {
    const flood = Array.from({ length: FLOOD }, (_, number) => ask(number));
    const [logIns, deposits] = await Promise.all([
      Promise.all(emails.map((email, person) => logIn(email, PASSWORD, `198.51.100.${person + 1}`))),
      Promise.all(Array.from({ length: DEPOSITS }, () => deposit('198.51.100.200'))),
    ]);
    expect(count(logIns)).toEqual({ 200: LOG_INS });
    expect(count(deposits)).toEqual({ 200: DEPOSITS });
    const flooded = count(await Promise.all(flood));
    // Of guesses, the one that runs beside the last may count as well.
    expect(flooded[spent]).toBeLessThanOrEqual(QUOTA + 1);
    expect((flooded[429] ?? 0) + (flooded[503] ?? 0)).toBe(FLOOD - flooded[spent]!);
    const refused = await ask(FLOOD);
    expect([refused.status, refused.json['code']]).toEqual([429, 'rate_limited']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect((await logIn(emails[0]!, PASSWORD, address)).status).toBe(200);
  });
});

describe('credentials that were proven', () => {
  it('take no proof again, and one when the stored hash is another', async () => {
    const email = emails[1]!;
    await logIn(email, PASSWORD, '198.51.100.1');
    proofs.mockClear();
    for (let time = 0; time < 3; time++) expect((await logIn(email, PASSWORD, '192.0.2.1')).status).toBe(200);
    expect(proofs).not.toHaveBeenCalled();
    const passwordHash = 'a hash of another password';
    await api.prisma.appUser.update({ where: { email }, data: { passwordHash } });
    expect((await logIn(email, PASSWORD, '192.0.2.1')).status).toBe(401);
    expect(proofs).toHaveBeenCalledTimes(1);
  });
  it('are the bank’s and the operator’s from the start', async () => {
    expect((await logIn(BANK.email, BANK.password, '192.0.2.2')).status).toBe(200);
    expect(proofs).not.toHaveBeenCalled();
  });
});

describe('HTTP Basic', () => {
  const read = (email: string) => send('GET', '/api/wallet', undefined, basic(email, PASSWORD));

  it('that was right within the hour is believed while too many wait for a proof', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const verify = proofs.getMockImplementation()!;
    let open: (isRight: boolean) => void = () => undefined;
    try {
      const { email } = await api.customer();
      expect((await read(email)).status).toBe(200);
      // So that it would have to be proven again.
      const passwordHash = `another hash of ${PASSWORD}`;
      await api.prisma.appUser.update({ where: { email }, data: { passwordHash } });
      vi.advanceTimersByTime(61_000);
      const gate = new Promise<boolean>((resolve) => (open = resolve));
      proofs.mockImplementation(() => gate);
      const waiting: Promise<Answer>[] = [];
      let answered: Answer | undefined;
      for (let number = 0; !answered; number++) {
        const sent = logIn(`y${number}@example.com`, 'no', `10.0.${number >> 8}.${number & 255}`);
        void sent.then((answer) => (answered ??= answer));
        waiting.push(sent);
        await vi.waitUntil(() => answered ?? proofs.mock.calls.length >= Math.min(number + 1, 2));
        if (number > 250) await new Promise((resolve) => setTimeout(resolve, 20));
      }
      expect([answered.status, answered.json['code']]).toEqual([503, 'overloaded']);
      expect((await read(email)).status).toBe(200);
      expect((await read('nobody@example.com')).status).toBe(503);
      open(false);
      await Promise.all(waiting);
    } finally {
      open(false);
      proofs.mockImplementation(verify);
      vi.useRealTimers();
    }
  });
});

describe('the quota of log-ins from an address', () => {
  it('counts failures alone', async () => {
    // None of them has been proven before, so that each is worked out.
    const others = Array.from({ length: QUOTA + 10 }, (_, person) => `right${person}@localhost.ru`);
    const passwordHash = `a hash of ${PASSWORD}`;
    const people = others.map((email) => ({ name: 'P', email, passwordHash, role: 'customer' }));
    await api.prisma.appUser.createMany({ data: people });
    const right = await Promise.all(others.map((email) => logIn(email, PASSWORD, '192.0.2.3')));
    expect(proofs).toHaveBeenCalledTimes(QUOTA + 10);
    expect(count(right)).toEqual({ 200: QUOTA + 10 });
    expect((await logIn('nobody@example.com', 'no', '192.0.2.3')).status).toBe(401);
  });
});
