/** What every page owes to whoever looks at it: on a phone, by ear, by keyboard, in the dark, and over a slow line. */
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import type { Page } from 'playwright-core';
import { openQueues } from '../support/queues.ts';
import { BANK_ACCOUNT, OPERATOR, OPERATOR_ACCOUNT } from '../support/service.ts';
import { findBarriers } from './barriers.ts';
import { keepPicture } from './pictures.ts';
import { describeInBrowser, fillPayment, logInByForm, openStage, see } from './stage.ts';
import type { Stage } from './stage.ts';

const PHONE = { width: 375, height: 812 };
/** No page scrolls sideways on any of these. */
const WIDTHS = [PHONE.width, 390, 1280];
const MAX_PAGE_BYTES = 100_000;
const LONG = 'x'.repeat(400);

describeInBrowser('every page', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
    return stage.close;
  });

  /** Every page there is, with what it can show that is awkward. */
  const scenes: Record<string, () => Promise<Page>> = {
    'a wallet with long words and large amounts': async () => {
      const { person, page } = await stage.customer('999999999999.99');
      await stage.deposit(person.walletId, '0.01', LONG);
      await page.goto('/');
      await see(page, '+9');
      // A long message is read on when somebody wants to, and fills no screen before.
      const row = page.locator('#operations li', { hasText: 'xxx' });
      await page.setViewportSize(PHONE);
      expect((await row.boundingBox())!.height).toBeLessThan(200);
      await row.locator('summary').click();
      await see(page, LONG);
      return page;
    },
    'an empty wallet': async () => {
      const { page } = await stage.customer();
      await page.goto('/');
      return page;
    },
    'a payment that was sent': async () => {
      const payee = await stage.person();
      const { page } = await stage.customer('100');
      await page.goto('/');
      await fillPayment(page, { to: payee.walletId, amount: '1', message: LONG });
      await page.getByRole('button', { name: 'Send' }).click();
      await see(page, 'Sent:');
      return page;
    },
    'a payment that was refused': async () => {
      const { page } = await stage.customer('100');
      await page.goto('/');
      await fillPayment(page, { to: 'nobody', amount: LONG });
      await page.getByRole('button', { name: 'Send' }).click();
      await see(page, 'must be an amount such as');
      return page;
    },
    'payments under way, more than there is, and one that was refused': async () => {
      const payee = await stage.person();
      const { person, page } = await stage.customer('100');
      const queues = openQueues(stage.stores);
      onTestFinished(() => queues.close());
      const promise = (amount: number, details: string) =>
        stage.client.post(
          '/api/wallet_to_wallet',
          { wallet_id: payee.walletId, amount, details },
          { ...person.headers, Prefer: 'respond-async' },
        );
      expect((await promise(101, LONG)).status).toBe(202);
      await page.goto('/');
      await see(page, 'Not sent to wallet');
      await queues.pause();
      for (const details of ['Rent', LONG]) expect((await promise(70, details)).status).toBe(202);
      await page.goto('/');
      await see(page, 'some of it will be refused');
      await fillPayment(page, { to: payee.walletId, amount: '70', message: LONG });
      await page.getByRole('button', { name: 'Send' }).click();
      await see(page, 'Send it again?');
      await queues.resume();
      return page;
    },
    'a frozen wallet': async () => {
      const { person, page } = await stage.customer('100');
      const answer = await stage.client.post(
        `/api/wallets/${person.walletId}/freeze`,
        { reason: 'A stolen phone' },
        OPERATOR,
      );
      expect(answer.status).toBe(200);
      await page.goto('/');
      await see(page, 'Nothing can be sent');
      return page;
    },
    'a bank': () => logInByForm(stage, BANK_ACCOUNT),
    'an operator': () => logInByForm(stage, OPERATOR_ACCOUNT),
    'a page that is for others': async () => {
      const { page } = await stage.customer();
      await page.goto('/metrics');
      await see(page, 'Not with this account');
      return page;
    },
    'the API, with every answer open': async () => {
      const page = await stage.page();
      await page.goto('/docs');
      for (const answer of await page.locator('summary').all()) await answer.press('Enter');
      await see(page, 'Names this request in the log.');
      expect(await page.locator('details:not([open])').count()).toBe(0);
      return page;
    },
    'a sign-up that was refused': async () => {
      const page = await stage.page();
      await page.goto('/signup');
      await page.getByLabel('Name').fill(LONG);
      await page.getByRole('button', { name: 'Sign up' }).click();
      await see(page, 'E-mail must have');
      return page;
    },
    'a log-in that was refused': async () => {
      const page = await stage.page();
      await page.goto('/login');
      await page.getByRole('button', { name: 'Log in' }).click();
      await see(page, 'E-mail or password is wrong');
      return page;
    },
  };

  const expectReadable = async (page: Page) => {
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    expect(await findBarriers(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await findBarriers(page, ['color-contrast'])).toEqual([]);
    for (const width of WIDTHS) {
      await page.setViewportSize({ ...PHONE, width });
      expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      const lines = await page
        .locator('.amount, #operations strong')
        .evaluateAll((all: { getClientRects: () => ArrayLike<unknown> }[]) =>
          all.map((each) => each.getClientRects().length),
        );
      expect(
        lines.filter((count) => count !== 1),
        'amounts that are broken',
      ).toEqual([]);
    }
  };

  it.each(Object.keys(scenes))('can be read by everybody, in light, in the dark and on a phone: %s', async (scene) => {
    await expectReadable(await scenes[scene]!());
  });

  it('can be read by everybody, in light, in the dark and on a phone: what is there for anybody', async () => {
    const page = await stage.page();
    for (const path of ['/signup', '/login', '/logout', '/problems/', '/problems/outcome_unknown', '/nothing']) {
      await page.goto(path);
      await expectReadable(page);
    }
    expect((await page.goto('/metrics'))?.status()).toBe(401);
    await expectReadable(page);
  });

  it('of those that are not the console’s weighs less than 100 kB with all it loads, which all comes from here', async () => {
    const { page } = await stage.customer('100');
    for (const path of ['/', '/login', '/signup', '/docs']) {
      const fresh = await (path === '/' ? page.context() : await stage.profile()).newPage();
      const network = await fresh.context().newCDPSession(fresh);
      await network.send('Network.enable');
      const loaded: { url: string; bytes: number }[] = [];
      const urls = new Map<string, string>();
      network.on('Network.requestWillBeSent', ({ requestId, request }) => urls.set(requestId, request.url));
      network.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
        loaded.push({ url: urls.get(requestId) ?? '', bytes: encodedDataLength });
      });
      await fresh.goto(path);
      const foreign = loaded.filter(({ url }) => !url.startsWith(`${stage.url}/`) && !url.startsWith('data:'));
      expect(foreign).toEqual([]);
      expect(loaded.length).toBeGreaterThan(3);
      expect(loaded.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(MAX_PAGE_BYTES);
    }
  });

  it('can be used by the keyboard alone', async () => {
    const payee = await stage.person();
    const { page } = await stage.customer('100');
    await page.goto('/');
    const press = async (keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    // Saldo, Log out, Copy number, and then the form.
    await press(['Tab', 'Tab', 'Tab', 'Tab']);
    await page.keyboard.type(String(payee.walletId));
    await press(['Tab']);
    await page.keyboard.type('12');
    await press(['Tab', 'Tab', 'Enter']);
    await see(page, 'Sent: 12.00 RUB');
    await page.locator('#news:focus').waitFor();
  });

  it.each([
    ['wallet', { width: 1000, height: 900 }],
    ['wallet-phone', PHONE],
  ])('looks as the README shows it: %s', async (name, viewport) => {
    const [shop, friend] = [await stage.person(), await stage.person()];
    const { person, page } = await stage.customer('1800', { viewport });
    await stage.deposit(person.walletId, '250.50', 'Refund');
    await page.goto('/');
    for (const [to, amount, message] of [
      [shop.walletId, '84.90', 'Groceries'],
      [friend.walletId, '10,50', 'Lunch'],
    ] as const) {
      await fillPayment(page, { to, amount, message });
      await page.getByRole('button', { name: 'Send' }).click();
      await see(page, message);
    }
    await keepPicture(page, name);
  });
});
