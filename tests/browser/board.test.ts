/** The board of queues, which is not ours, held to what our own pages owe to whoever uses them. */
import { beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { withQueue } from '../support/ledgerJobs.ts';
import { until } from '../support/waiting.ts';
import { findBarriers } from './barriers.ts';
import { describeInBrowser, openConsole, openStage, see } from './stage.ts';
import type { Stage } from './stage.ts';

const UNREADABLE = { v: 1, commands: [{ id: 'nonsense' }] };
const AN_HOUR_MS = 3_600_000;

describeInBrowser('the board of queues', () => {
  let stage: Stage;
  /** One queue with what is done, has failed and is delayed, a paused one with what waits, and one that is empty. */
  let [busy, paused, empty]: string[] = [];
  beforeAll(async () => {
    stage = await openStage();
    const { walletId } = await stage.person();
    await stage.deposit(walletId, '42');
    const [one, two, three] = [walletId % 4, (walletId + 1) % 4, (walletId + 2) % 4];
    await withQueue(stage.stores, one, async (queue) => {
      await queue.add('envelope', UNREADABLE, { jobId: 'e-spoiled', removeOnFail: false });
      await until('it has failed', async () => (await queue.getFailedCount()) === 1);
      // Workers bring forward what is delayed.
      await Promise.all(stage.service.workers.map((worker) => worker.stop()));
      await queue.add('envelope', UNREADABLE, { jobId: 'e-delayed', delay: AN_HOUR_MS });
    });
    await withQueue(stage.stores, two, async (queue) => {
      await queue.pause();
      await queue.add('envelope', UNREADABLE, { jobId: 'e-waits' });
    });
    [busy, paused, empty] = [one, two, three].map((partition) => `/ops/queues/queue/ledger-${partition}`);
    return stage.close;
  });

  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).first().click();
  /** In both colors. What fades in is looked at when it is there. */
  const barriersOf = async (page: Page) => {
    const found = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.locator('body.dark-mode').waitFor({ state: colorScheme === 'dark' ? 'attached' : 'detached' });
      await page.evaluate('Promise.allSettled(document.getAnimations().map(({ finished }) => finished))');
      found.push(...(await findBarriers(page)));
    }
    return found;
  };

  it.each(['true', 'false'])('with OPERATOR_QUEUE_WRITE=%s everybody can read every page of it', async (mayWrite) => {
    const { url } = await stage.service.add('api', { OPERATOR_QUEUE_WRITE: mayWrite });
    const page = await openConsole(stage, { baseURL: url });
    for (const [path, shown] of [
      ['/ops/queues/', '[ Paused ]'],
      [busy!, '1 deposit; wallets'],
      [`${busy!}?status=completed`, '1 deposit; wallets'],
      [`${busy!}?status=failed`, 'Invalid UUID'],
      [`${busy!}/e-spoiled`, 'Invalid UUID'],
      [paused!, 'e-waits'],
      [`${busy!}?status=delayed`, 'e-delayed'],
      [`${busy!}/e-delayed`, 'empty; 1 unreadable'],
      [empty!, 'No latest jobs'],
      [`${empty!}/e-nothing`, 'Job Not found'],
    ] as const) {
      await page.goto(path);
      await see(page, shown);
      expect([path, await barriersOf(page)]).toEqual([path, []]);
    }
  });

  it('everybody can read its menus and dialogs, and all of it with the sidebar folded away', async () => {
    const page = await openConsole(stage);
    const opened: [path: string, button: string, role: 'menu' | 'dialog' | 'alertdialog'][] = [
      ['/ops/queues/', 'More', 'menu'],
      ['/ops/queues/', 'Links', 'menu'],
      ['/ops/queues/', 'Settings', 'dialog'],
      ['/ops/queues/', 'Queue store', 'dialog'],
      [busy!, 'More', 'menu'],
      [busy!, 'Queue info', 'dialog'],
      [`${busy!}?status=failed`, 'Clean all', 'alertdialog'],
    ];
    for (const [path, button, role] of opened) {
      await page.goto(path);
      await press(page, button);
      await page.getByRole(role).waitFor();
      expect([button, await barriersOf(page)]).toEqual([button, []]);
    }
    await page.goto('/ops/queues/');
    await press(page, 'Collapse sidebar');
    await page.getByRole('button', { name: 'Expand sidebar' }).waitFor();
    expect(await barriersOf(page)).toEqual([]);
  });

  it('tells each button’s name, also of one that has changed', async () => {
    const page = await openConsole(stage, { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.goto(`${busy!}/e-spoiled`);
    await page.getByRole('tab', { name: 'Data' }).click();
    for (const name of ['Queue store', 'Full screen', 'Settings', 'Links', 'Retry', 'Clean']) {
      expect([name, await page.getByRole('button', { name, exact: true }).count()]).toEqual([name, 1]);
    }
    // It says so for a moment only.
    await Promise.all([page.getByRole('button', { name: 'Copied' }).waitFor(), press(page, 'Copy')]);
    await page.getByRole('button', { name: 'Copy', exact: true }).waitFor();
  });

  it('offers no action that is refused, neither of a job, nor of a list, nor of a queue', async () => {
    const page = await openConsole(stage);
    const offered = async (path: string, shown: string) => {
      await page.goto(path);
      await see(page, shown);
      const buttons = page.locator('main li button:not([aria-haspopup])').filter({ visible: true });
      const names = await Promise.all((await buttons.all()).map((each) => each.ariaSnapshot()));
      return names.map((each) => /"(.+)"/.exec(each)?.[1]);
    };
    expect(await offered(`${busy!}?status=completed`, '1 deposit; wallets')).toEqual(['Clean all', 'Clean']);
    expect(await offered(`${busy!}?status=delayed`, 'e-delayed')).toEqual(['Promote all', 'Promote', 'Clean']);
    expect(await offered(`${paused!}/e-waits`, 'empty; 1 unreadable')).toEqual(['Clean']);
    expect(await offered(`${busy!}?status=failed`, 'Invalid UUID')).toEqual([
      'Retry all',
      'Clean all',
      'Retry',
      'Clean',
    ]);

    await press(page, 'Queue info');
    await see(page, 'Global concurrency');
    expect(await page.getByRole('dialog').getByRole('button').allInnerTexts()).toEqual([
      'Overview',
      'Description',
      'Close',
    ]);
  });

  it('has a menu without what is refused, which the keyboard goes through as if there were no more', async () => {
    const page = await openConsole(stage);
    await page.goto(busy!);
    await page.getByRole('button', { name: 'More', exact: true }).press('Enter');
    const [retry, pause] = ['Retry all 1 failed jobs', 'Pause'];
    await page.getByRole('menu').waitFor();
    expect(await page.getByRole('menuitem').allInnerTexts()).toEqual([retry, pause]);
    const focused = (name: string) => page.getByRole('menuitem', { name }).and(page.locator(':focus')).waitFor();
    await focused(retry);
    await page.keyboard.press('ArrowDown');
    await focused(pause);
    await page.keyboard.press('ArrowDown');
    await focused(retry);
  });
});
