/**
 * What a test in a browser stands on: the real service on a database of its own, one Chromium, and for every person a
 * profile of their own. Where there is no Chromium, globalSetup.ts says so and these tests are reported as skipped.
 */
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, inject, onTestFinished } from 'vitest';
import { createClient } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { expectSoundBooks } from '../support/inspect.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { BANK, OPERATOR_ACCOUNT, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';

const chromiumPath = inject('chromiumPath');
/** The longest that anything may take to appear; the machine may be busy. */
const LIMIT_MS = 15_000;

export const describeInBrowser = describe.skipIf(chromiumPath === undefined);

export interface Stage {
  stores: Stores;
  service: RunningService;
  client: Client;
  url: string;
  /** A browser profile of its own, closed with the test. */
  profile: (options?: BrowserContextOptions) => Promise<BrowserContext>;
  /** A page in a new profile. */
  page: (options?: BrowserContextOptions) => Promise<Page>;
  /** A new customer with money, who is logged in. */
  customer: (funds?: string, options?: BrowserContextOptions) => Promise<{ person: Person; page: Page }>;
  person: () => Promise<Person>;
  deposit: (walletId: number, amount: string, details?: string) => Promise<void>;
  close: () => Promise<void>;
}

/** `env` goes over the service's own. */
export async function openStage(env: Record<string, string> = {}): Promise<Stage> {
  const browser = await launch();
  const stores = await createStores('postgres');
  const service = await startService({ env: { ...stores.env, ...env } }).catch(async (error: unknown) => {
    await Promise.all([browser.close(), stores.drop()]);
    throw error;
  });
  const client = createClient(service.url);
  const faults: string[] = [];

  const profile: Stage['profile'] = async (options = {}) => {
    const context = await browser.newContext({ baseURL: service.url, locale: 'en-GB', ...options });
    context.setDefaultTimeout(LIMIT_MS);
    context.on('weberror', (fault) => faults.push(fault.error().message));
    context.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) faults.push(message.text());
    });
    onTestFinished(() => context.close());
    return context;
  };
  const person = async () => (await createPeople(stores.databaseUrl, 1))[0]!;
  const deposit: Stage['deposit'] = async (walletId, amount, details) => {
    const headers = { ...BANK, Prefer: 'wait=20' };
    const answer = await client.post('/api/external_to_wallet', { wallet_id: walletId, amount, details }, headers);
    expect(answer.status, answer.text).toBe(200);
  };
  return {
    ...{ stores, service, client, url: service.url, profile, person, deposit },
    page: async (options) => (await profile(options)).newPage(),
    async customer(funds, options) {
      const someone = await person();
      if (funds !== undefined) await deposit(someone.walletId, funds);
      const context = await profile(options);
      await logIn(context, someone, service.url);
      return { person: someone, page: await context.newPage() };
    },
    async close() {
      await browser.close();
      client.close();
      await service.stop();
      await expectSoundBooks(stores.databaseUrl);
      await stores.drop();
      expect(faults, 'scripts that failed, and what the security policy refused').toEqual([]);
    },
  };
}

/**
 * The back button's memory is on, as in a browser that people use. Its sandbox is off, as Playwright has it: it needs
 * more than root or a container often grants, and no page but ours is opened.
 */
function launch(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error('There is no Chromium: use describeInBrowser.');
  return chromium.launch({
    executablePath: chromiumPath,
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
}

async function logIn(context: BrowserContext, { headers }: Person, url: string): Promise<void> {
  const [, name = '', value = ''] = /^([^=]+)=(.*)$/.exec(headers.Cookie) ?? [];
  await context.addCookies([{ name, value, url, httpOnly: true, sameSite: 'Lax' }]);
}

/** The start page of somebody who has just logged in, in a profile of their own. */
export async function logInByForm(
  stage: Stage,
  { email, password }: { email: string; password: string },
  options: BrowserContextOptions = {},
): Promise<Page> {
  const page = await stage.page(options);
  await page.goto('/login');
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Log out' }).waitFor();
  return page;
}

/** The console's overview, in the profile of an operator who has just logged in. */
export async function openConsole(stage: Stage, options: BrowserContextOptions = {}): Promise<Page> {
  const shown = { viewport: { width: 1100, height: 1000 }, reducedMotion: 'reduce', ...options } as const;
  const page = await logInByForm(stage, OPERATOR_ACCOUNT, shown);
  await page.getByRole('link', { name: 'Console' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  return page;
}

/** Waits until the text is to be seen. Rejects with what is there instead. */
export async function see(page: Page, text: string | RegExp): Promise<void> {
  const found = page.getByText(text).filter({ visible: true }).first();
  await found.waitFor().catch(async () => {
    expect(await page.locator('body').innerText()).toContain(String(text));
  });
}

/** Fills in the form to send money, and leaves it at that. */
export async function fillPayment(page: Page, fields: { to: number | string; amount: string; message?: string }) {
  await page.getByLabel('To wallet number').fill(String(fields.to));
  await page.getByLabel('Amount in RUB').fill(fields.amount);
  if (fields.message !== undefined) await page.getByLabel('Message').fill(fields.message);
}

export function balanceOf(page: Page): Promise<string> {
  return page.locator('.balance strong').innerText();
}
