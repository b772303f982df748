/** The operators' console as an operator sees it, and as nobody else does. */
import { beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { inParallel } from '../support/parallel.ts';
import { until } from '../support/waiting.ts';
import { findBarriers } from './barriers.ts';
import { writeBusyHour } from './busyHour.ts';
import { keepPicture } from './pictures.ts';
import { describeInBrowser, fillPayment, openConsole, openStage, see } from './stage.ts';
import type { Stage } from './stage.ts';

const PAYMENTS = 200;
const AT_ONCE = 20;
/** Processes store figures every five seconds, and the page asks as often for what is two and a half old. */
const FIGURES_LIMIT_MS = 30_000;

describeInBrowser('the console', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
    await writeBusyHour(stage.stores.databaseUrl);
    return stage.close;
  });

  const operator = () => openConsole(stage);
  const lookUp = async (page: Page, what: string) => {
    await page.goto('/ops/look-up');
    await page.getByRole('textbox').fill(what);
    await page.getByRole('main').getByRole('button', { name: 'Look up' }).click();
  };

  it('is closed to customers and to whoever is not logged in, with all that is in it', async () => {
    const { page } = await stage.customer();
    const anonymous = await stage.page();
    for (const path of ['/ops/', '/ops/queues/', '/ops/queues/api/queues', '/ops/audit']) {
      expect((await page.goto(path))?.status()).toBe(403);
      expect((await anonymous.goto(path))?.status()).toBe(401);
      await see(anonymous, 'Please log in');
    }
  });

  it('verifies the books, shows in charts how the service is doing, as in the README, and refreshes itself', async () => {
    const page = await operator();
    await page.getByRole('link', { name: 'Books' }).click();
    await page.getByRole('button', { name: 'Verify now' }).click();
    await see(page, 'The books are sound');
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.locator('.chart canvas').first().waitFor();
    const [charts, drawn] = [await page.locator('.chart').count(), await page.locator('.chart canvas').count()];
    expect([charts > 3, drawn]).toEqual([true, charts]);
    const asOf = () => page.locator('#as-of').innerText();
    const before = await asOf();
    const { person } = await stage.customer('1000');
    const payee = await stage.person();
    const body = { wallet_id: payee.walletId, amount: 1 };
    const pay = () => stage.client.post('/api/wallet_to_wallet', body, person.headers);
    await inParallel(Array(PAYMENTS).fill(body), AT_ONCE, pay);
    await until('a newer overview', async () => (await asOf()) !== before);
    const tiles = async () => (await page.locator('[data-tile]').allInnerTexts()).join(' ');
    // A figure is of the last twelve seconds, and on a busy machine the page may miss those of a single moment.
    const isComplete = async () => {
      await pay();
      return !(await tiles()).includes('–');
    };
    await until('figures of all that happens in it', isComplete, FIGURES_LIMIT_MS);
    expect(await tiles()).toContain('sound');
    // The tables name this machine's processes, which belongs in no picture, and the charts are below them.
    await page.evaluate(`for (const each of document.querySelectorAll(
      'section:has(#partitions), section:has(#processes), .tiles div:has([data-tile=sweeper])')) each.hidden = true;`);
    await keepPicture(page, 'console');
  });

  it('freezes a wallet that was looked up, which its owner sees at once, and thaws it again', async () => {
    const payee = await stage.person();
    const { person, page: owner } = await stage.customer('100');
    await owner.goto('/');
    await fillPayment(owner, { to: payee.walletId, amount: '1' });
    const page = await operator();
    await lookUp(page, String(person.walletId));
    await page.getByRole('heading', { name: `Wallet ${person.walletId}` }).waitFor();
    await page.getByLabel('Reason').fill('A stolen phone');
    await page.getByRole('button', { name: 'Freeze' }).click();
    await see(page, 'Frozen: it pays nobody');
    await see(owner, 'This wallet is frozen: it can be paid, but it cannot pay.');
    await see(owner, 'Nothing can be sent: an operator has frozen this wallet.');
    await owner.getByRole('button', { name: 'Send' }).and(owner.locator(':disabled')).waitFor();
    expect(await owner.getByLabel('Amount in RUB').inputValue()).toBe('1');

    await page.getByLabel('Reason').fill('Found again');
    await page.getByRole('button', { name: 'Unfreeze' }).click();
    await page.getByRole('button', { name: 'Freeze', exact: true }).waitFor();
    await owner.getByRole('button', { name: 'Send' }).click();
    await see(owner, 'Sent: 1.00 RUB');
    await page.getByRole('link', { name: 'Audit log' }).click();
    await see(page, 'A stolen phone');
  });

  it('tells an operation’s whole way', async () => {
    const { person } = await stage.customer('42');
    const page = await operator();
    await lookUp(page, person.email);
    await page.getByRole('link', { name: String(person.walletId), exact: true }).click();
    await page.locator('table a[href^="/ops/operations/"]').first().click();
    await see(page, 'Its way');
    expect(await page.locator('#way').innerText()).toMatch(/Accepted.+Envelope.+Decided.+Entries/s);
  });

  it('shows the queues on a board', async () => {
    const page = await operator();
    await page.getByRole('link', { name: 'Queues' }).click();
    await see(page, /ledger-3/);
  });

  it('keeps amounts in sight beside long words, and scrolls sideways on no screen', async () => {
    const { person } = await stage.customer('1234567.50');
    await stage.deposit(person.walletId, '1', 'x'.repeat(500));
    const page = await operator();
    for (const width of [390, 1280]) {
      await page.setViewportSize({ width, height: 900 });
      for (const path of ['/ops/', `/ops/wallets/${person.walletId}`, '/ops/audit', '/ops/books']) {
        await page.goto(path);
        if (path === '/ops/') await page.locator('.u-legend').last().waitFor();
        const scrollWidth = await page.evaluate<number>('document.documentElement.scrollWidth');
        expect([path, width, scrollWidth <= width], `${scrollWidth}`).toEqual([path, width, true]);
      }
      await page.goto(`/ops/wallets/${person.walletId}`);
      const amount = page.locator('table td', { hasText: '1 234 567.50' }).first();
      const box = await amount.boundingBox();
      expect(box!.x + box!.width).toBeLessThan(Math.max(width, 700));
      expect((await page.locator('tr', { hasText: 'xxx' }).boundingBox())!.height).toBeLessThan(220);
    }
  });

  it('can be read by everybody, in light and in the dark', async () => {
    const { person } = await stage.customer('42');
    const page = await operator();
    const paths = ['/ops/', '/ops/look-up', `/ops/wallets/${person.walletId}`, `/ops/people/${person.userId}`];
    await page.goto(`/ops/wallets/${person.walletId}`);
    const operation = await page.locator('table a[href^="/ops/operations/"]').first().getAttribute('href');
    for (const path of [...paths, operation!, '/ops/books', '/ops/audit']) {
      await page.emulateMedia({ colorScheme: 'light' });
      await page.goto(path);
      expect([path, await findBarriers(page)]).toEqual([path, []]);
      await page.emulateMedia({ colorScheme: 'dark' });
      expect([path, 'dark', await findBarriers(page, ['color-contrast'])]).toEqual([path, 'dark', []]);
    }
  });
});
