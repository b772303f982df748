/**
 * A payment on the pages of whoever sends it: visible from the moment it is sent, told once when it is done, asked about
 * when it was made just before, and brought back as it was filled in when the session had ended. Without JavaScript.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyCommands } from '../../shared/store/ledger/applyCommands.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { insertPending } from '../../shared/store/ledger/pendingOperations.ts';
import { transfer } from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { BANK, PASSWORD, startApi } from '../support/api.ts';
import type { Answer, Client, Customer, TestApi } from '../support/api.ts';
import { openApplyPool } from '../support/pools.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const HTML = { Accept: 'text/html' };
const get = (client: Client, path = '/', headers = {}) => client('GET', path, undefined, { ...HTML, ...headers });
const post = (client: Client, path: string, fields: Record<string, string>, headers = {}) =>
  client('POST', path, new URLSearchParams(fields), { ...HTML, Origin: api.url, ...headers });
const hidden = ({ text }: Answer, name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(text)?.[1] ?? '';
const typed = ({ text }: Answer, name: string) =>
  new RegExp(`<input id="${name}"[^>]*value="([^"]*)"`).exec(text)?.[1] ?? '';
const wordsOf = ({ text }: Answer) => text.replace(/<[^>]+>/g, ' ').replace(/[\s\u00a0]+/g, ' ');
const balanceOf = async (client: Client) => (await client('GET', '/api/wallet')).json['balance'];

/** The form of a page, filled in. */
function fill(page: Answer, to: number, amount: string, details = ''): Record<string, string> {
  return {
    ...{ wallet_id: String(to), amount, details },
    from_wallet: hidden(page, 'from_wallet'),
    idempotency_key: hidden(page, 'idempotency_key'),
  };
}

async function rich(amount = 1000): Promise<Customer> {
  const customer = await api.customer();
  await api.deposit(customer.walletId, amount);
  return customer;
}

async function secondBrowser({ email }: Customer): Promise<Client> {
  const client = api.client();
  expect((await post(client, '/login', { email, password: PASSWORD })).status).toBe(303);
  return client;
}

async function promise(payer: Customer, payee: Customer, amountMinor: bigint): Promise<Command> {
  const command = transfer(accountOf(payer), accountOf(payee), amountMinor);
  await insertPending(api.pool, [{ command, dueInMs: 30_000 }], { partitions: 4, room: 1_000 });
  return command;
}
const accountOf = ({ userId, walletId }: Customer): Account => ({
  ...{ userId: BigInt(userId), walletId: BigInt(walletId) },
  currency: 'RUB',
});

async function decide(command: Command): Promise<void> {
  const pool = openApplyPool(api.databaseUrl);
  await applyCommands(pool, [command]);
  await pool.end();
}

describe('a payment under way', () => {
  it('is a row in every browser of its sender and in nobody else’s, with what is left when it has left', async () => {
    const [anna, boris] = [await rich(2000), await api.customer()];
    await promise(anna, boris, 1_234_50n);
    for (const client of [anna.client, await secondBrowser(anna)]) {
      const words = wordsOf(await get(client));
      expect(words).toContain(`Sending to wallet ${boris.walletId} -1 234.50 RUB`);
      expect(words).toContain('Balance 2 000.00 RUB');
      expect(words).toContain('On its way out: 1 234.50 RUB. When all of it has left: 765.50 RUB');
    }
    expect(wordsOf(await get(boris.client))).not.toMatch(/Sending|On its way/);
  });
  it('is an operation once it is applied, and says what to tell whoever has seen it', async () => {
    const [anna, boris] = [await rich(), await api.customer()];
    const command = await promise(anna, boris, 600_00n);
    const before = await get(anna.client);
    await decide(command);
    const after = await get(anna.client, '/', { 'If-None-Match': before.headers.get('etag') ?? '' });
    expect([after.status, wordsOf(after).includes('Sending')]).toEqual([200, false]);
    expect(wordsOf(after)).toContain(`Transfer to wallet ${boris.walletId} -600.00 RUB`);
    expect(after.text).toContain(`data-news="Sent: 600.00 RUB to wallet ${boris.walletId}."`);
  });
  it('is a row with the reason once it is refused, also for a page that looks again', async () => {
    const [anna, boris] = [await rich(100), await api.customer()];
    const command = await promise(anna, boris, 600_00n);
    const before = await get(anna.client);
    expect(wordsOf(before)).toContain('That is more than there is: some of it will be refused.');
    await decide(command);
    const after = await get(anna.client, '/', { 'If-None-Match': before.headers.get('etag') ?? '' });
    expect([after.status, wordsOf(after).includes('Sending')]).toEqual([200, false]);
    expect(wordsOf(after)).toContain(`Not sent to wallet ${boris.walletId}. The wallet does not hold that much.`);
    expect(await balanceOf(anna.client)).toBe(100);
  });
  it('of which there are many is counted where it is not listed', async () => {
    const [anna, boris] = [await rich(), await api.customer()];
    const commands = Array.from({ length: 103 }, () => transfer(accountOf(anna), accountOf(boris), 1n));
    const promised = commands.map((command) => ({ command, dueInMs: 30_000 }));
    await insertPending(api.pool, promised, { partitions: 4, room: 1_000 });
    const words = wordsOf(await get(anna.client));
    expect(words.match(/Sending to wallet/g)).toHaveLength(100);
    expect(words).toContain('and 3 more on their way');
  });
  it('leads on as soon as it is promised', async () => {
    const asked: unknown[] = [];
    const slow = await startApi({
      accounts: false,
      pay: ({ toWalletId, amount, confirmed }) => {
        asked.push([toWalletId, amount, confirmed]);
        return Promise.resolve({ status: 'PENDING', operationId: crypto.randomUUID(), isReplay: false });
      },
    });
    try {
      const { client } = await slow.customer();
      const form = fill(await get(client), 7, '1');
      const answer = await client('POST', '/', new URLSearchParams(form), { ...HTML, Origin: slow.url });
      expect([answer.status, answer.headers.get('location')]).toEqual([303, '/']);
      expect(asked).toEqual([[7, '1', undefined]]);
    } finally {
      await slow.close();
    }
  });
});

describe('the news of a payment', () => {
  it('is told once to the browser that sent it, and not to a page that merely looks again', async () => {
    const [anna, boris] = [await rich(), await api.customer()];
    const open = await get(anna.client);
    const sent = await post(anna.client, '/', fill(open, boris.walletId, '11.10'));
    expect([sent.status, sent.headers.get('location')]).toEqual([303, '/']);
    const looking = await get(anna.client, '/', { 'If-None-Match': open.headers.get('etag') ?? '' });
    const news = /id="news"[^>]*>\s*<p/;
    expect(looking.text).not.toMatch(news);
    const page = await get(anna.client);
    expect(page.text).toMatch(news);
    expect(wordsOf(page)).toContain(`Sent: 11.10 RUB to wallet ${boris.walletId}.`);
    const reloaded = await get(anna.client);
    expect([reloaded.status, reloaded.text]).toEqual([200, expect.not.stringMatching(news)]);
  });
  it('is nobody’s who logs in after that, and nothing that a made-up cookie could tell', async () => {
    const [anna, boris] = [await rich(), await rich()];
    await post(anna.client, '/', fill(await get(anna.client), boris.walletId, '7'));
    const flash = anna.client.cookies.get('saldo.flash') ?? '';
    for (const value of [flash, `${flash}x`, 'x', '%', '%E0%A4%A', 's'.repeat(3_000)]) {
      boris.client.cookies.set('saldo.flash', value);
      const page = await get(boris.client);
      expect([page.status, page.text.includes('Sent:')]).toEqual([200, false]);
    }
  });
});

describe('a payment like one of the last minutes', () => {
  it('is asked about once, with the form as it was, and then sent', async () => {
    const [anna, boris] = [await rich(), await api.customer('Bob Sidorov')];
    await post(anna.client, '/', fill(await get(anna.client), boris.walletId, '600'));
    await post(anna.client, '/', fill(await get(anna.client), boris.walletId, '5'));
    const second = fill(await get(anna.client), boris.walletId, ' 300,00 ', 'Rent');
    expect((await post(anna.client, '/', second)).status).toBe(303);
    const third = fill(await get(anna.client), boris.walletId, '5.00', 'Tea');
    const asked = await post(anna.client, '/', third);
    expect([asked.status, await balanceOf(anna.client)]).toEqual([409, 95]);
    expect(wordsOf(asked)).toContain('You sent 5.00 to Bob S. just now. Send it again?');
    expect(asked.text).toContain('<button>Send it again</button>');
    expect([typed(asked, 'amount'), typed(asked, 'details')]).toEqual(['5.00', 'Tea']);
    expect(hidden(asked, 'idempotency_key')).toBe(third['idempotency_key']);
    const confirmed = { ...third, again: hidden(asked, 'again') };
    const answers = [await post(anna.client, '/', confirmed), await post(anna.client, '/', confirmed)];
    expect([answers.map(({ status }) => status), await balanceOf(anna.client)]).toEqual([[303, 303], 90]);
    // What was confirmed was that one payment, and no other.
    const other = { ...fill(await get(anna.client), boris.walletId, '300'), again: confirmed.again };
    expect((await post(anna.client, '/', other)).status).toBe(409);
  });
  it('is asked about in all tabs but one when several are sent, or confirmed, at once', async () => {
    const [anna, boris] = [await rich(), await api.customer()];
    const first = await Promise.all([1, 2, 3, 4].map(() => get(anna.client)));
    const send = (forms: Record<string, string>[]) => Promise.all(forms.map((form) => post(anna.client, '/', form)));
    const forms = first.map((page) => fill(page, boris.walletId, '100'));
    const answers = await send(forms);
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 409, 409, 409]);
    expect(await balanceOf(anna.client)).toBe(900);
    const asked = answers.flatMap((answer, index) =>
      answer.status === 409 ? [{ ...forms[index]!, again: hidden(answer, 'again') }] : [],
    );
    expect((await send(asked)).map(({ status }) => status).sort()).toEqual([303, 409, 409]);
    expect(await balanceOf(anna.client)).toBe(800);
  });
  it('is asked about while the first is on its way, however long that takes', async () => {
    const [anna, boris] = [await rich(), await api.customer('Bob Sidorov')];
    await promise(anna, boris, 600_00n);
    await api.pool.query(
      `UPDATE pending_operation SET created_at = now() - interval '12 minutes'
      WHERE debit_wallet_id = $1`,
      [anna.walletId],
    );
    const asked = await post(anna.client, '/', fill(await get(anna.client), boris.walletId, '600'));
    expect(wordsOf(asked)).toContain('You sent 600.00 to Bob S. 12 minutes ago, and it is on its way. Send it again?');
  });
  it('is not asked about when it is another amount, another wallet, long ago, or the same form once more', async () => {
    const [anna, boris, clara] = [await rich(), await api.customer(), await api.customer()];
    const first = fill(await get(anna.client), boris.walletId, '10');
    for (const form of [
      first,
      first,
      { ...fill(await get(anna.client), boris.walletId, '11') },
      { ...fill(await get(anna.client), clara.walletId, '10') },
    ]) {
      expect((await post(anna.client, '/', form)).status).toBe(303);
    }
    expect(await balanceOf(anna.client)).toBe(969);
    const [dima] = [await rich()];
    await api.pool.query(
      `WITH o AS (INSERT INTO operation (id, kind, status, debit_wallet_id, credit_wallet_id, amount, currency, initiator_id,
         request_id, request_hash, debit_seq, credit_seq, accepted_at)
       VALUES (gen_random_uuid(), 'transfer', 'applied', $1, $2, 1000, 'RUB', $3, gen_random_uuid(), sha256('x'), 2, 99, now())
       RETURNING id) INSERT INTO entry (wallet_id, seq, operation_id, amount, balance_after, created_at)
       SELECT $1, 2, id, -1000, 99000, now() - interval '6 minutes' FROM o`,
      [dima.walletId, boris.walletId, dima.userId],
    );
    await api.pool.query('UPDATE wallet SET version = 2, balance = balance - 1000 WHERE id = $1', [dima.walletId]);
    expect((await post(dima.client, '/', fill(await get(dima.client), boris.walletId, '10'))).status).toBe(303);
  });
  it('is asked about in the bank’s words, too', async () => {
    const [bank, boris] = [api.client(), await api.customer()];
    // One whose name has nothing that can be shown.
    await api.pool.query("UPDATE app_user SET name = ' ' WHERE id = $1", [boris.userId]);
    await post(bank, '/login', BANK);
    await post(bank, '/', fill(await get(bank), boris.walletId, '12.30'));
    const asked = await post(bank, '/', fill(await get(bank), boris.walletId, '12.30'));
    expect(wordsOf(asked)).toContain(`You paid in 12.30 to wallet ${boris.walletId} just now. Pay it in again?`);
  });
});

describe('a form that is sent when the session has ended', () => {
  const end = (customer: Customer) => api.client()('POST', '/api/logout', undefined, cookieOf(customer));
  const cookieOf = ({ client }: Customer) => ({ Cookie: `saldo.sid=${client.cookies.get('saldo.sid') ?? ''}` });
  const carried = (page: Answer) =>
    Object.fromEntries(
      [...page.text.matchAll(/name="(payment\.\w+)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [
        name,
        value.replace('&amp;', '&'),
      ]),
    );

  it('says that nothing was sent, and is there again after the log-in, to be sent once', async () => {
    const [anna, boris] = [await rich(), await api.customer()];
    const form = fill(await get(anna.client), boris.walletId, '600', 'Ремонт & Co');
    await end(anna);
    const asked = await post(anna.client, '/', form);
    expect([asked.status, wordsOf(asked)]).toEqual([
      401,
      expect.stringContaining('You had been logged out, so nothing was sent just now.'),
    ]);
    const wrong = await post(anna.client, '/login', { email: anna.email, password: 'wrong', ...carried(asked) });
    expect([wrong.status, carried(wrong)]).toEqual([401, carried(asked)]);
    const back = await post(anna.client, '/login', { email: anna.email, password: PASSWORD, ...carried(wrong) });
    expect([back.status, back.headers.get('location')]).toEqual([303, '/']);
    const page = await get(anna.client);
    expect(wordsOf(page)).toContain('Nothing was sent: you had been logged out. Here is the form as you filled it in.');
    expect([typed(page, 'wallet_id'), typed(page, 'amount')]).toEqual([String(boris.walletId), '600']);
    expect(page.text).toContain('value="Ремонт &amp; Co"');
    expect(hidden(page, 'idempotency_key')).toBe(form['idempotency_key']);
    expect((await post(anna.client, '/', form)).status).toBe(303);
    expect(await balanceOf(anna.client)).toBe(400);
  });
  it('is not there for another person who logs in', async () => {
    const [anna, boris] = [await rich(), await rich()];
    const form = fill(await get(anna.client), boris.walletId, '600');
    await end(anna);
    const asked = await post(anna.client, '/', form);
    await post(anna.client, '/login', { email: boris.email, password: PASSWORD, ...carried(asked) });
    const page = await get(anna.client);
    expect([typed(page, 'amount'), hidden(page, 'from_wallet')]).toEqual(['', String(boris.walletId)]);
    expect(hidden(page, 'idempotency_key')).not.toBe(form['idempotency_key']);
  });
  it('is not there again when it had been sent before', async () => {
    const [anna, boris] = [await rich(), await api.customer()];
    const form = fill(await get(anna.client), boris.walletId, '600');
    await post(anna.client, '/', form);
    await end(anna);
    const asked = await post(anna.client, '/', form);
    expect(wordsOf(asked)).toContain('if you had sent it before, what became of it');
    await post(anna.client, '/login', { email: anna.email, password: PASSWORD, ...carried(asked) });
    const page = await get(anna.client);
    expect(wordsOf(page)).toContain(`Sent: 600.00 RUB to wallet ${boris.walletId}.`);
    expect([typed(page, 'amount'), await balanceOf(anna.client)]).toEqual(['', 400]);
  });
  it('never sends by the way that the script takes, and comes from our pages alone', async () => {
    const [anna, boris] = [await rich(), await api.customer()];
    const form = fill(await get(anna.client), boris.walletId, '600');
    const asked = await post(anna.client, '/login/draft', form);
    expect([asked.status, carried(asked)['payment.amount']]).toEqual([401, '600']);
    expect(await balanceOf(anna.client)).toBe(1000);
    const foreign = await post(anna.client, '/login/draft', form, { Origin: 'https://evil.example' });
    expect([foreign.status, wordsOf(foreign)]).toEqual([403, expect.stringContaining('came from another site')]);
  });
  it('that is larger than a browser keeps comes back empty, and does no harm', async () => {
    const anna = await rich();
    const form = fill(await get(anna.client), 7, 'x'.repeat(3_000), 'y'.repeat(3_000));
    await end(anna);
    const asked = await post(anna.client, '/', form);
    await post(anna.client, '/login', { email: anna.email, password: PASSWORD, ...carried(asked) });
    const page = await get(anna.client);
    expect([page.status, typed(page, 'amount')]).toEqual([200, '']);
  });
});

describe('a page', () => {
  it('that was open before somebody else logged in sends nothing of theirs', async () => {
    const [anna, boris] = [await rich(), await rich()];
    const form = fill(await get(anna.client), boris.walletId, '600');
    await post(anna.client, '/logout', {});
    await post(anna.client, '/login', { email: boris.email, password: PASSWORD });
    const answer = await post(anna.client, '/', form);
    expect([answer.status, wordsOf(answer)]).toEqual([409, expect.stringContaining('Nothing was sent: that form')]);
    expect([typed(answer, 'amount'), await balanceOf(anna.client)]).toEqual(['', 1000]);
  });
  it('leads back to where it was after a log-in', async () => {
    const answer = await get(api.client(), '/?before=3');
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/login?to=%2F%3Fbefore%3D3']);
  });
  it('of a frozen wallet says why nothing can be sent, and offers no form to send', async () => {
    const { client, walletId } = await rich();
    expect((await get(client)).text).not.toMatch(/<fieldset id="sending" disabled>|operator has frozen/);
    await api.pool.query('UPDATE wallet SET is_frozen = true WHERE id = $1', [walletId]);
    const frozen = await get(client);
    expect(frozen.text).toContain('<fieldset id="sending" disabled>');
    expect(wordsOf(frozen)).toContain('Nothing can be sent: an operator has frozen this wallet.');
  });
});
