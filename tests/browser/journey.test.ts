/** What people come for, from signing up to logging out, with the script and without it. */
import { beforeAll, expect, it } from 'vitest';
import { readBalances } from '../support/inspect.ts';
import { BANK_ACCOUNT } from '../support/service.ts';
import { balanceOf, describeInBrowser, fillPayment, logInByForm, openStage, see } from './stage.ts';
import type { Stage } from './stage.ts';

const PASSWORD = 'correct horse battery';

const WAYS = [
  { way: 'with the script', javaScriptEnabled: true },
  { way: 'without JavaScript', javaScriptEnabled: false },
];

describeInBrowser('the pages', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
    return stage.close;
  });

  const email = (name: string, javaScriptEnabled: boolean) => `${name}.${javaScriptEnabled}@example.com`;

  it.each(WAYS)(
    '$way: a visitor signs up, is paid by the bank, pays somebody, is refused more than there is, and logs out',
    async ({ javaScriptEnabled }) => {
      const payee = await stage.person();
      const page = await stage.page({ javaScriptEnabled });
      await page.goto('/');
      await page.getByRole('main').getByRole('link', { name: 'Sign up' }).click();
      await page.getByLabel('Name').fill('Ada');
      await page.getByLabel('E-mail').fill(email('ada', javaScriptEnabled));
      await page.getByLabel('Password').fill('short');
      await page.getByRole('button', { name: 'Sign up' }).click();
      await see(page, 'Password must have 8 to 200 characters.');
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign up' }).click();

      await see(page, 'Nothing yet. Money arrives when a bank pays it in');
      const walletId = Number(await page.locator('.number strong').innerText());
      await stage.deposit(walletId, '100', 'Salary');
      if (!javaScriptEnabled) await page.reload();
      await see(page, 'Salary');
      expect(await balanceOf(page)).toBe('100.00 RUB');

      await fillPayment(page, { to: payee.walletId, amount: '10,50', message: 'Lunch' });
      await page.getByRole('button', { name: 'Send' }).click();
      await see(page, `Sent: 10.50 RUB to wallet ${payee.walletId}.`);
      expect(await balanceOf(page)).toBe('89.50 RUB');
      await see(page, 'Lunch');

      await fillPayment(page, { to: payee.walletId, amount: '1000' });
      await page.getByRole('button', { name: 'Send' }).click();
      await see(page, 'You have 89.50 RUB, which is less than this.');
      const amount = page.getByLabel('Amount in RUB');
      expect([await amount.inputValue(), await amount.getAttribute('aria-invalid')]).toEqual(['1000', 'true']);
      await amount.and(page.locator(':focus')).waitFor();
      await amount.fill('9.50');
      await page.getByRole('button', { name: 'Send' }).click();
      await see(page, `Sent: 9.50 RUB to wallet ${payee.walletId}.`);
      expect((await readBalances(stage.stores.databaseUrl)).get(walletId)).toBe(80_00n);

      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByRole('heading', { name: 'Log in' }).waitFor();
      await page.goBack();
      await page.getByRole('heading', { name: 'Log in' }).waitFor();
      expect(await page.locator('body').innerText()).not.toMatch(/RUB|80\.00/);
    },
  );

  it.each(WAYS)('$way: a double click on Send pays once, and so does a reload', async ({ javaScriptEnabled }) => {
    const payee = await stage.person();
    const { person, page } = await stage.customer('100', { javaScriptEnabled });
    await page.goto('/');
    await fillPayment(page, { to: payee.walletId, amount: '7' });
    await page.getByRole('button', { name: 'Send' }).dblclick();
    await see(page, 'Sent: 7.00 RUB');
    await page.reload();
    await see(page, '-7.00 RUB');
    expect(await page.locator('#news').innerText()).toBe('');
    const balances = await readBalances(stage.stores.databaseUrl);
    expect([balances.get(person.walletId), balances.get(payee.walletId)]).toEqual([93_00n, 7_00n]);
  });

  it.each(WAYS)('$way: a double click on Sign up makes one account and opens it', async ({ javaScriptEnabled }) => {
    const page = await stage.page({ javaScriptEnabled });
    await page.goto('/signup');
    await page.getByLabel('Name').fill('Eve');
    await page.getByLabel('E-mail').fill(email('eve', javaScriptEnabled));
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign up' }).dblclick();
    await see(page, 'Give this number to whoever pays you.');
  });

  it.each(WAYS)('$way: the bank pays in to a wallet from its own page', async ({ javaScriptEnabled }) => {
    const payee = await stage.person();
    const page = await logInByForm(stage, BANK_ACCOUNT, { javaScriptEnabled });
    await page.getByRole('heading', { name: 'Settlement wallet' }).waitFor();
    await fillPayment(page, { to: payee.walletId, amount: '1 234.50' });
    await page.getByRole('button', { name: 'Pay in' }).click();
    await see(page, /Paid in: 1.234\.50 RUB to wallet/);
    expect((await readBalances(stage.stores.databaseUrl)).get(payee.walletId)).toBe(1_234_50n);
  });
});
