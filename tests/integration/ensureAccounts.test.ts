/** The bank's and the operator's accounts, made at start out of the environment. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureAccounts } from '../../api/auth/ensureAccounts.ts';
import { createProvenCredentials } from '../../api/auth/provenCredentials.ts';
import type { Env } from '../../shared/env.ts';
import { createLogger } from '../../shared/logger.ts';
import { startApi } from '../support/api.ts';
import type { TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi({ accounts: false });
});
afterAll(() => api.close());

const logger = createLogger('test', 'silent');
const proven = createProvenCredentials();
const ensure = (changes: Partial<Env>) =>
  ensureAccounts({ env: { ...api.env, ...changes }, prisma: api.prisma, logger, proven });
const login = (email: string, password: string) => api.client()('POST', '/api/login', { email, password });
const usersOf = (email: string) => api.prisma.appUser.findMany({ where: { email }, include: { wallets: true } });

let number = 0;
function addresses(): { BANK_EMAIL: string; OPERATOR_EMAIL: string } {
  number++;
  return { BANK_EMAIL: `bank${number}@saldo.localhost`, OPERATOR_EMAIL: `operator${number}@saldo.localhost` };
}

describe('accounts of the environment', () => {
  it('are made once, the bank with a settlement wallet, by however many processes', async () => {
    const given = addresses();
    await Promise.all([1, 2, 3, 4].map(() => ensure(given)));
    expect(await usersOf(given.BANK_EMAIL)).toMatchObject([
      { role: 'bank', wallets: [{ kind: 'settlement', currency: 'RUB' }] },
    ]);
    expect(await usersOf(given.OPERATOR_EMAIL)).toMatchObject([{ role: 'operator', wallets: [] }]);
    expect((await login(given.BANK_EMAIL, 'bank-password')).status).toBe(200);
  });
  it('keep their password while the environment does', async () => {
    const given = addresses();
    await ensure(given);
    const [before] = await usersOf(given.BANK_EMAIL);
    await ensure(given);
    expect((await usersOf(given.BANK_EMAIL))[0]?.passwordHash).toBe(before?.passwordHash);
  });
  it('take a new password from the environment, which ends the sessions of the old one', async () => {
    const given = addresses();
    await ensure(given);
    const client = api.client();
    await client('POST', '/api/login', { email: given.BANK_EMAIL, password: 'bank-password' });
    const bystander = await api.customer();
    await ensure({ ...given, BANK_PASS: 'another-password' });
    expect((await login(given.BANK_EMAIL, 'bank-password')).status).toBe(401);
    expect((await login(given.BANK_EMAIL, 'another-password')).status).toBe(200);
    expect((await client('GET', '/api/wallet')).status).toBe(401);
    expect((await bystander.client('GET', '/api/wallet')).status).toBe(200);
  });
  it('are found however the environment spells the e-mail', async () => {
    const given = addresses();
    await ensure(given);
    await ensure({ ...given, BANK_EMAIL: given.BANK_EMAIL.toUpperCase() });
    expect(await usersOf(given.BANK_EMAIL)).toHaveLength(1);
  });
  it('give the bank a wallet in a currency that it has none in yet', async () => {
    const given = addresses();
    await ensure(given);
    await ensure({ ...given, CURRENCY: 'JPY' });
    const [bank] = await usersOf(given.BANK_EMAIL);
    expect(bank?.wallets.map(({ currency }) => currency).sort()).toEqual(['JPY', 'RUB']);
  });
  it('cannot take the e-mail of a customer', async () => {
    const { email } = await api.customer();
    await expect(ensure({ ...addresses(), BANK_EMAIL: email })).rejects.toThrow(
      'BANK_EMAIL is the e-mail of a customer account: choose another one.',
    );
  });
  it('cannot share an e-mail', async () => {
    const { BANK_EMAIL } = addresses();
    await expect(ensure({ BANK_EMAIL, OPERATOR_EMAIL: BANK_EMAIL.toUpperCase() })).rejects.toThrow(
      /one account has one role/,
    );
  });
  it.each(['BANK_PASS', 'OPERATOR_PASS'] as const)('need %s', async (name) => {
    const given = Object.entries({ ...api.env, ...addresses() }).filter(([variable]) => variable !== name);
    const env = Object.fromEntries(given) as Env;
    await expect(ensureAccounts({ env, prisma: api.prisma, logger, proven })).rejects.toThrow(
      `${name} is not set, and this process cannot run without it.`,
    );
  });
});
