/**
 * Accounts of the service, each with the session cookie that it was given: the bank's, and as many new people as are
 * asked for.
 */
import { randomBytes } from 'node:crypto';
import { Fault } from '../../shared/errors/fault.ts';
import { ConfigurationError } from '../../shared/env.ts';
import type { Answer, Call, Send } from './http.ts';
import { inParallel, retried } from './pacing.ts';

export interface Session {
  walletId: number;
  /** Sends as this account. */
  send: Send;
}

/** What a wallet is worth. */
export interface Holding {
  balance: number;
  currency: string;
}

export async function logIn(send: Send, email: string, password: string): Promise<Session> {
  const answer = await retried(() => send({ method: 'POST', path: '/api/login', body: { email, password } }));
  if (answer.body?.['code'] === 'invalid_credentials') {
    throw new ConfigurationError(
      `The service does not accept the password of ${email}: set BANK_EMAIL and BANK_PASS as it has them.`,
    );
  }
  return sessionOf(send, expectStatus(answer, 200, 'logging the bank in'));
}

/** New people with empty wallets. Their addresses are not used by earlier runs. */
export async function signUpPeople(
  send: Send,
  people: number,
  options: { connections: number; onDone: (done: number) => void },
): Promise<Session[]> {
  const run = randomBytes(5).toString('hex');
  return inParallel(people, options, async (index) => {
    const body = {
      name: `Demo ${index + 1}`,
      email: `demo.${run}.${index + 1}@example.com`,
      password: randomBytes(12).toString('base64url'),
    };
    const answer = await retried(() => send({ method: 'POST', path: '/api/signup', body }));
    return sessionOf(send, expectStatus(answer, 201, 'signing up'));
  });
}

export async function readHolding({ send }: Session): Promise<Holding> {
  const answer = await retried(() => send({ method: 'GET', path: '/api/wallet?limit=1' }));
  const { balance, currency } = expectStatus(answer, 200, 'reading a wallet').body ?? {};
  if (typeof balance !== 'number' || typeof currency !== 'string') throw new Fault('a wallet without a balance');
  return { balance, currency };
}

function sessionOf(send: Send, answer: Answer): Session {
  const walletId = answer.body?.['wallet_id'];
  if (typeof walletId !== 'number') throw new ConfigurationError('The account has no wallet: is BANK_EMAIL a bank?');
  const cookies = (answer.headers['set-cookie'] ?? []).map((cookie) => cookie.split(';', 1)[0] ?? '').join('; ');
  return {
    walletId,
    send: (call: Call) => send({ ...call, headers: { ...call.headers, Cookie: cookies } }),
  };
}

/** Throws when the service refused what it should not refuse. */
function expectStatus(answer: Answer, status: number, what: string): Answer {
  if (answer.status === status) return answer;
  const said = [answer.body?.['code'], answer.body?.['detail']].filter((each) => typeof each === 'string');
  throw new Fault([`${what} was answered with ${answer.status}`, ...said].join(' '));
}
