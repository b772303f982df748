/** One person with two browsers, while the worker is stopped: what careful people do when nothing seems to happen. */
import { beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { readBalances } from '../support/inspect.ts';
import { balanceOf, describeInBrowser, fillPayment, openStage, see } from './stage.ts';
import type { Stage } from './stage.ts';

const WAYS = [
  { way: 'with the script', javaScriptEnabled: true },
  { way: 'without JavaScript', javaScriptEnabled: false },
];

describeInBrowser('a payment while no worker runs', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
    return stage.close;
  });

  const anotherBrowser = async (page: Page, options: { javaScriptEnabled: boolean }): Promise<Page> => {
    const profile = await stage.profile(options);
    await profile.addCookies(await page.context().cookies());
    return profile.newPage();
  };
  const send = (page: Page, name = 'Send') => page.getByRole('button', { name }).click({ noWaitAfter: true });

  it.each(WAYS)('$way: is seen in every browser at once, and is not made twice by mistake', async (options) => {
    const payee = await stage.person();
    const { person, page: laptop } = await stage.customer('1000', options);
    await laptop.goto('/');
    await stage.service.workers.at(-1)!.stop();
    await fillPayment(laptop, { to: payee.walletId, amount: '600' });
    await send(laptop);

    // While the first browser waits, which sees it itself where it has the script.
    if (options.javaScriptEnabled) {
      await laptop.locator('#wallet:has(button[aria-busy=true]) li[data-state=pending]').waitFor();
    }
    const phone = await anotherBrowser(laptop, options);
    await expect
      .poll(
        async () => {
          await phone.goto('/');
          return phone.locator('#operations').innerText();
        },
        { timeout: 10_000 },
      )
      .toContain(`Sending to wallet ${payee.walletId}`);
    await see(phone, 'When all of it has left: 400.00 RUB.');
    await fillPayment(phone, { to: payee.walletId, amount: '600' });
    await send(phone);
    await see(phone, 'You sent 600.00 to Person just now, and it is on its way. Send it again?');
    await phone.getByRole('link', { name: 'No, do not' }).click();
    await see(laptop, `On its way: 600.00 RUB to wallet ${payee.walletId}.`);

    await stage.service.add('worker');
    for (const page of [laptop, phone]) {
      if (options.javaScriptEnabled) await see(page, 'Transfer to wallet');
      else {
        await expect
          .poll(
            async () => {
              await page.goto('/');
              return page.locator('#operations').innerText();
            },
            { timeout: 30_000 },
          )
          .toContain('Transfer to wallet');
      }
      expect(await page.locator('#wallet').innerText()).not.toMatch(/Sending|On its way/);
      expect(await balanceOf(page)).toBe('400.00 RUB');
    }
    const balances = await readBalances(stage.stores.databaseUrl);
    expect([balances.get(person.walletId), balances.get(payee.walletId)]).toEqual([400_00n, 600_00n]);
  });
});
