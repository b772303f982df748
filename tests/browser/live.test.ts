/** The script on the wallet's page: what it shows without a reload, what it costs, and what it does when things go wrong. */
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import type { Page } from 'playwright-core';
import { readBalances } from '../support/inspect.ts';
import { openQueues } from '../support/queues.ts';
import { until } from '../support/waiting.ts';
import { balanceOf, describeInBrowser, fillPayment, openStage, see } from './stage.ts';
import type { Stage } from './stage.ts';

/** What a deposit may take to appear, with a margin for a busy machine. */
const SOON_MS = 4_000;
const MINUTE_MS = 60_000;

describeInBrowser('an open wallet', () => {
  let stage: Stage;
  beforeAll(async () => {
    // A payment that is held up keeps its sender waiting for so long.
    stage = await openStage({ OPERATION_TIMEOUT_MS: '1000' });
    return stage.close;
  });

  it('shows a deposit without a reload, within two seconds, and leaves alone what is being typed', async () => {
    const { person, page } = await stage.customer('5');
    await page.goto('/');
    const loads = countLoads(page);
    await fillPayment(page, { to: 77, amount: '3' });
    await stage.deposit(person.walletId, '115.60', 'Salary');
    const startedMs = performance.now();
    await see(page, '+115.60 RUB');
    expect(performance.now() - startedMs).toBeLessThan(SOON_MS);
    expect(await balanceOf(page)).toBe('120.60 RUB');
    expect(await page.getByLabel('Amount in RUB').inputValue()).toBe('3');
    await page.getByLabel('Amount in RUB').and(page.locator(':focus')).waitFor();
    expect(loads()).toBe(0);
  });

  it('shows a payment that takes long as on its way, also after a reload, until it is decided', async () => {
    const payee = await stage.person();
    const { page } = await stage.customer('100');
    await page.goto('/');
    const queues = openQueues(stage.stores);
    onTestFinished(() => queues.close());
    await queues.pause();
    for (const amount of ['60', '50']) {
      await fillPayment(page, { to: payee.walletId, amount });
      await page.getByRole('button', { name: 'Send' }).click();
      await see(page, `On its way: ${amount}.00 RUB to wallet ${payee.walletId}.`);
    }
    await page.goto('/');
    await see(page, 'On its way out: 110.00 RUB. That is more than there is: some of it will be refused.');
    expect(await page.locator('#operations').innerText()).toMatch(/-50\.00 RUB.+-60\.00 RUB.+\+100\.00 RUB/s);
    expect([await page.locator('#news').innerText(), await balanceOf(page)]).toEqual(['', '100.00 RUB']);
    const loads = countLoads(page);
    await queues.resume();
    await see(page, `Sent: 60.00 RUB to wallet ${payee.walletId}.`);
    await see(page, `Not sent: 50.00 RUB to wallet ${payee.walletId}. The wallet does not hold that much.`);
    await see(page, '-60.00 RUB');
    expect([loads(), await balanceOf(page)]).toEqual([0, '40.00 RUB']);
    expect(await page.locator('#wallet').innerText()).not.toContain('On its way');
    await see(page, `Not sent to wallet ${payee.walletId}. The wallet does not hold that much.`);
    // The next payment ends the news of those that are decided.
    await fillPayment(page, { to: payee.walletId, amount: '1' });
    await page.getByRole('button', { name: 'Send' }).click();
    await see(page, 'Sent: 1.00 RUB');
    await page.goto('/');
    expect(await page.locator('#news').innerText()).toBe('');
  });

  it('does not leave the news of an earlier payment above a refusal', async () => {
    const payee = await stage.person();
    const { page } = await stage.customer('100');
    await page.goto('/');
    await fillPayment(page, { to: payee.walletId, amount: '60' });
    await page.getByRole('button', { name: 'Send' }).click();
    await see(page, 'Sent: 60.00 RUB');
    const loads = countLoads(page);
    await fillPayment(page, { to: payee.walletId, amount: '50' });
    await page.getByRole('button', { name: 'Send' }).click();
    await see(page, 'You have 40.00 RUB, which is less than this.');
    expect([await page.locator('#news').innerText(), await balanceOf(page)]).toEqual(['', '40.00 RUB']);
    expect([new URL(page.url()).search, loads()]).toEqual(['', 0]);
  });

  it('pays once when the answer is lost and the same form is sent again', async () => {
    const payee = await stage.person();
    const { person, page } = await stage.customer('100');
    await page.goto('/');
    await fillPayment(page, { to: payee.walletId, amount: '30' });
    let isLost = false;
    await page.route('/', async (route) => {
      if (route.request().method() !== 'POST' || isLost) return route.continue();
      isLost = true;
      await route.fetch({ maxRedirects: 0 });
      await route.abort();
    });
    await page.getByRole('button', { name: 'Send' }).click();
    await see(page, 'No answer came, so whether it was sent is not known.');
    await page.getByRole('alert').and(page.locator(':focus')).waitFor();
    await page.getByRole('button', { name: 'Send' }).click();
    await see(page, `Sent: 30.00 RUB to wallet ${payee.walletId}.`);
    expect((await readBalances(stage.stores.databaseUrl)).get(person.walletId)).toBe(70_00n);
  });

  it('sends once however often and however fast it is told to', async () => {
    const payee = await stage.person();
    const { person, page } = await stage.customer('100');
    await page.goto('/');
    await fillPayment(page, { to: payee.walletId, amount: '30' });
    const posts = countRequests(page, (each) => each.method === 'POST');
    await page.locator('#payment').evaluate((form: { requestSubmit: () => void }) => {
      for (let i = 0; i < 5; i++) form.requestSubmit();
    });
    await see(page, `Sent: 30.00 RUB to wallet ${payee.walletId}.`);
    expect(posts()).toBe(1);
    expect((await readBalances(stage.stores.databaseUrl)).get(person.walletId)).toBe(70_00n);
  });

  it('asks cheaply while nothing happens, seldom when nobody is there, and not at all when nobody looks', async () => {
    const { page } = await stage.customer('100');
    await page.clock.install();
    await page.goto('/');
    const asked = countRequests(page, () => true);
    const answers: number[] = [];
    page.on('response', (response) => answers.push(response.status()));
    const next = async () => {
      const before = answers.length;
      await page.clock.runFor(1_700);
      await until('an answer to a look', () => answers.length > before);
    };
    for (let i = 0; i < 3; i++) await next();
    expect(answers).toEqual([304, 304, 304]);

    // The first look after five idle minutes was planned before; from then on they are rare.
    await page.clock.fastForward(6 * MINUTE_MS);
    await until('that look', () => answers.length === 4);
    await page.clock.runFor(10_000);
    expect(asked()).toBe(4);
    await page.clock.runFor(7_000);
    await until('an idle look', () => answers.length === 5);
    await page.keyboard.press('Shift');
    await until('a look because somebody is there', () => answers.length === 6);
    await next();

    await setHidden(page, true);
    await page.clock.runFor(10 * MINUTE_MS);
    expect(asked()).toBe(7);
    await setHidden(page, false);
    await until('a look because somebody looks', () => answers.length === 8);

    await page.clock.fastForward(61 * MINUTE_MS);
    await until('the last look that was planned', () => answers.length === 9);
    await page.clock.runFor(60 * MINUTE_MS);
    expect(asked()).toBe(9);
  });

  it('says when it may be out of date, and stops saying so', async () => {
    const { page } = await stage.customer('100');
    await page.clock.install();
    await page.goto('/');
    await page.route('**/*', (route) => route.abort());
    await until('a word on it', async () => {
      await page.clock.runFor(4_000);
      return (await page.locator('#stale').innerText()).startsWith('Saldo does not answer just now');
    });
    expect(await balanceOf(page)).toBe('100.00 RUB');
    await page.unroute('**/*');
    await page.clock.runFor(MINUTE_MS);
    await until('it is silent again', async () => (await page.locator('#stale').innerText()) === '');
  });

  it('shows nothing more once its owner has logged out elsewhere', async () => {
    const { person, page } = await stage.customer('100');
    await page.goto('/');
    expect((await stage.client.post('/api/logout', undefined, person.headers)).status).toBe(200);
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
  });

  it('brings back what was typed when the session ends meanwhile, after the log-in, and has sent nothing', async () => {
    const payee = await stage.person();
    const account = { name: 'Ada', email: 'ada.away@example.com', password: 'correct horse battery' };
    const page = await stage.page();
    const signedUp = await page.request.post('/api/signup', { data: account });
    await stage.deposit(((await signedUp.json()) as { wallet_id: number }).wallet_id, '100');
    await page.goto('/');
    await see(page, '+100.00 RUB');
    await fillPayment(page, { to: payee.walletId, amount: '60', message: 'Rent' });
    expect((await page.request.post('/api/logout')).status()).toBe(200);
    await see(page, 'You had been logged out, so nothing was sent just now.');
    await page.getByLabel('E-mail').fill(account.email);
    await page.getByLabel('Password').fill(account.password);
    await page.getByRole('button', { name: 'Log in' }).click();
    await see(page, 'Here is the form as you filled it in.');
    expect([await page.getByLabel('Message').inputValue(), await balanceOf(page)]).toEqual(['Rent', '100.00 RUB']);
    await page.getByRole('button', { name: 'Send' }).click();
    await see(page, `Sent: 60.00 RUB to wallet ${payee.walletId}.`);
  });

  it('shows nothing out of the browser’s memory before the service has been asked', async () => {
    const { page } = await stage.customer('100');
    await page.goto('/');
    await page.goto('/problems/');
    await page.context().setOffline(true);
    await page.goBack().catch(() => null);
    await until('the browser says that it cannot ask', () => page.url() === 'chrome-error://chromewebdata/');
    expect(await page.locator('body').innerText()).not.toContain('RUB');
  });

  it('leaves the way open to older operations, and follows the balance there too', async () => {
    const { person, page } = await stage.customer();
    for (let amount = 1; amount <= 22; amount++) await stage.deposit(person.walletId, String(amount));
    await page.goto('/');
    await page.getByRole('link', { name: 'Older' }).click();
    await see(page, '+1.00 RUB');
    expect(await page.locator('#operations li').count()).toBe(2);
    await stage.deposit(person.walletId, '1000');
    await until('the new balance', async () => (await balanceOf(page)).replace(/\s/g, ' ') === '1 253.00 RUB');
    expect(await page.locator('#operations li').count()).toBe(2);
    await page.getByRole('link', { name: 'Newest' }).click();
    await see(page, /\+1.000\.00 RUB/);
  });

  it('copies its number', async () => {
    const { person, page } = await stage.customer();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.goto('/');
    await page.getByRole('button', { name: 'Copy number' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(String(person.walletId));
  });
});

function countLoads(page: Page): () => number {
  let loads = 0;
  page.on('load', () => (loads += 1));
  return () => loads;
}

function countRequests(page: Page, filter: (request: { method: string }) => boolean): () => number {
  let count = 0;
  page.on('request', (request) => {
    if (filter({ method: request.method() })) count += 1;
  });
  return () => count;
}

/** As when another tab or another window comes to the front. */
async function setHidden(page: Page, isHidden: boolean): Promise<void> {
  await page.evaluate(
    `Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
     document.dispatchEvent(new Event('visibilitychange'));`,
  );
}
