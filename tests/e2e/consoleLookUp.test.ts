/**
 * Look-ups and freezing in the console, on both backends: what is known of a wallet, a person and an operation's whole
 * way, what is no longer known, and that all of it is in the audit log.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { HTML, logInOperator, rowsOf, textOf } from '../support/console.ts';
import type { Operator } from '../support/console.ts';
import { expectSoundBooks, query } from '../support/inspect.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import { openQueues, wipeQueues } from '../support/queues.ts';
import { BANK, OPERATOR_ACCOUNT, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';

describe.each(backends)('look-ups, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;
  let operator: Operator;
  let payer: Person;
  let receiver: Person;

  beforeAll(async () => {
    stores = await createStores(backend);
    service = await startService({ env: stores.env });
    client = createClient(service.url);
    operator = await logInOperator(service.url);
    [payer, receiver] = (await createPeople(stores.databaseUrl, 2)) as [Person, Person];
    const deposit = { wallet_id: payer.walletId, amount: 100, external_id: 'bank-1', details: '<b>Salary</b>' };
    expect((await client.as(BANK).post('/api/external_to_wallet', deposit)).status).toBe(200);
  });
  afterAll(async () => {
    operator.close();
    client.close();
    await service.stop();
    await stores.drop();
  });

  const pay = (amount: number, headers: Record<string, string> = {}) =>
    client.post('/api/wallet_to_wallet', { wallet_id: receiver.walletId, amount }, { ...payer.headers, ...headers });
  const lookUp = async (what: string) => {
    const { status, headers, text } = await operator.send('/ops/look-up', { what });
    return { status, location: headers.location, text: textOf(text) };
  };
  const operationPage = async (id: unknown) => textOf(await operator.page(`/ops/operations/${String(id)}`));
  const newest = async () => (await operator.audit())[0];

  describe('one field', () => {
    test('leads from a number to the wallet, from an id to the operation, from an e-mail to the person', async () => {
      const id = randomUUID();
      expect(await lookUp(` ${payer.walletId} `)).toMatchObject({
        status: 303,
        location: `/ops/wallets/${payer.walletId}`,
      });
      expect(await lookUp(id.toUpperCase())).toMatchObject({ status: 303, location: `/ops/operations/${id}` });
      expect(await lookUp(payer.email.toUpperCase())).toMatchObject({
        status: 303,
        location: `/ops/people/${payer.userId}`,
      });
    });
    test.each(['', 'x', '0', '-1', '1.5', '99999999999999999', '@', 'no at', '<script>'])(
      'says of %j what it takes, and keeps what was typed',
      async (what) => {
        const { status, text } = await operator.send('/ops/look-up', { what });
        expect([status, textOf(text)]).toEqual([400, expect.stringContaining('Must be the number of a wallet')]);
        expect(text).toContain(`value="${what.replace(/</g, '&lt;').replace(/>/g, '&gt;')}"`);
        expect(text).toContain('aria-invalid="true"');
      },
    );
    test('says that nobody has an e-mail, and writes the search down without it', async () => {
      expect(await lookUp('nobody@example.com')).toMatchObject({
        status: 404,
        text: expect.stringContaining('Nobody') as string,
      });
      expect(await newest()).toMatchObject({ action: 'look_up_person', target: 'nobody has that e-mail' });
      const kept = await query(stores.databaseUrl, `SELECT FROM operator_action a WHERE a::text LIKE '%nobody@%'`);
      expect(kept).toEqual([]);
    });
  });

  test('a person: who it is and which wallets, and who looked', async () => {
    const page = await operator.page(`/ops/people/${payer.userId}`);
    expect(textOf(page)).toContain(`E-mail ${payer.email} Role customer`);
    expect(page).toContain(`href="/ops/wallets/${payer.walletId}"`);
    expect(await newest()).toMatchObject({
      operator: OPERATOR_ACCOUNT.email,
      action: 'look_up_person',
      target: `user ${payer.userId}`,
    });
  });

  test('a wallet: balance, owner and entries page by page, with what people wrote as text', async () => {
    for (let number = 0; number < 26; number++) expect((await pay(0.01)).status).toBe(200);
    const page = await operator.page(`/ops/wallets/${payer.walletId}`);
    expect(textOf(page)).toContain('Balance 99.74 RUB');
    expect(page).toContain(`href="/ops/people/${payer.userId}"`);
    expect(page).toContain(`?before=3" rel="next"`);
    expect(await newest()).toMatchObject({ action: 'look_up_wallet', target: `wallet ${payer.walletId}` });
    const older = await operator.page(`/ops/wallets/${payer.walletId}?before=3`);
    expect(older).toContain('&lt;b&gt;Salary&lt;/b&gt;');
    expect(rowsOf(older).map(([number]) => number)).toEqual(['2', '1']);
  });

  describe('an operation', () => {
    test('that is applied: accepted, its envelope, attempts, decided, both entries', async () => {
      const { json } = await pay(1);
      const text = await operationPage(json['operation_id']);
      expect(text).toContain(`transfer of 1.00 RUB from wallet ${payer.walletId} to wallet ${receiver.walletId}`);
      expect(text).toMatch(/Accepted \d{4}-.* by user \d+ , in request [0-9a-f-]{36}/);
      expect(text).toMatch(
        new RegExp(
          `Envelope e-[0-9a-f-]{36} of queue ledger-${payer.walletId % 4}, with 1 command, added .*; it is completed`,
        ),
      );
      expect(text).toMatch(/Attempts 1 Taken \d{4}-.* Done \d{4}-.*"applied":1/);
      expect(text).toMatch(/Decided and committed .* applied/);
      expect(text).toMatch(
        new RegExp(
          `Entries .* ${payer.walletId} \\d+ transfer\\.sent -1\\.00 RUB .* ${receiver.walletId} \\d+ transfer\\.received 1\\.00 RUB`,
        ),
      );
      expect(await newest()).toMatchObject({
        action: 'look_up_operation',
        target: `operation ${String(json['operation_id'])}`,
      });
    });
    test('that is rejected: why, and that no money moved', async () => {
      const { json } = await pay(1_000_000);
      const text = await operationPage(json['operation_id']);
      expect(text).toContain('State rejected: insufficient_funds');
      expect(text).toContain('No entries : no money moved');
      expect(text).toContain('"rejected":1');
    });
    test('that is promised: which attempt of the sweep is next, and that it waits', async () => {
      const queues = openQueues(stores);
      await queues.pause();
      const { json, status } = await pay(2, { Prefer: 'wait=1' });
      expect(status).toBe(202);
      const text = await operationPage(json['operation_id']);
      expect(text).toMatch(/Promised by a 202 .*; the sweep has brought it back 0 times/);
      expect(text).toMatch(/it is (waiting|paused)/);
      expect(text).toContain('Not decided yet.');
      expect(text).toContain('No entries yet');
      await queues.resume();
      await queues.close();
    });
    test('whose promise another version has written: it says so, and when the sweep comes', async () => {
      const id = randomUUID();
      await query(
        stores.databaseUrl,
        `INSERT INTO pending_operation (id, command, request_hash, partition, next_attempt_at)
         VALUES ('${id}', '{"v": 99}', sha256('another'), 0, now() + interval '1 hour')`,
      );
      const page = await operationPage(id);
      expect(page).toContain('cannot be read by this process');
      expect(page).toContain('brought it back 0 times');
      await query(stores.databaseUrl, `DELETE FROM pending_operation WHERE id = '${id}'`);
    });
    test('whose queue has forgotten it: what is no longer known is said, the rest is there', async () => {
      const { json } = await pay(1);
      await wipeQueues(stores);
      const text = await operationPage(json['operation_id']);
      expect(text).toContain('Its envelope is no longer known');
      expect(text).toMatch(/Decided and committed .* applied/);
      expect(text).toMatch(/Entries .* -1\.00 RUB/);
    });
    test('that nobody knows is not there', async () => {
      const answer = await operator.client.get(`/ops/operations/${randomUUID()}`, HTML);
      expect([answer.status, textOf(answer.text)]).toEqual([404, expect.stringContaining('may still be on its way')]);
    });
  });

  describe('freezing a wallet', () => {
    const wallet = () => `/ops/wallets/${payer.walletId}`;
    const form = async () => {
      const page = await operator.page(wallet());
      return { page, key: /name="idempotency_key" value="([^"]+)"/.exec(page)?.[1] ?? '' };
    };
    const setFrozen = async (verb: 'freeze' | 'unfreeze', reason: string, key?: string) =>
      operator.send(`${wallet()}/${verb}`, { reason, idempotency_key: key ?? (await form()).key });

    test('stops what goes out and nothing that comes in, once however often it is sent, with the reason kept', async () => {
      const { page, key } = await form();
      expect(page).toContain('>Freeze<');
      const sent = await Promise.all([1, 2, 3].map(() => setFrozen('freeze', 'A stolen <phone>', key)));
      const locations = new Set(sent.map(({ status, headers }) => `${status} ${headers.location ?? ''}`));
      expect([...locations]).toEqual([expect.stringMatching(/^303 \/ops\/wallets\/\d+\?asked=[0-9a-f-]{36}$/)]);
      const after = await operator.page(String(sent[0]!.headers.location));
      expect(textOf(after)).toContain('State Frozen: it pays nobody');
      expect(after).toContain('>Unfreeze<');
      expect(after).toContain('A stolen &lt;phone&gt;');
      expect(await pay(1)).toMatchObject({ status: 422, json: { code: 'wallet_frozen' } });
      const deposit = { wallet_id: payer.walletId, amount: 1 };
      expect((await client.as(BANK).post('/api/external_to_wallet', deposit)).status).toBe(200);

      const id = new URL(String(sent[0]!.headers.location), service.url).searchParams.get('asked');
      expect(await operationPage(id)).toMatch(/What freeze wallet \d+ State applied Details A stolen <phone>/);
      const rows = (await operator.audit()).filter(({ action }) => action === 'freeze');
      expect(rows).toHaveLength(3);
      for (const row of rows) {
        expect(row).toMatchObject({ target: `wallet ${payer.walletId}`, details: 'A stolen <phone>' });
        expect(row.outcome).toMatch(new RegExp(`^done: operation ${id}`));
      }

      expect((await setFrozen('unfreeze', 'It was found')).status).toBe(303);
      expect(textOf(await operator.page(wallet()))).toContain('State Open');
      expect((await pay(1)).status).toBe(200);
      await expectSoundBooks(stores.databaseUrl);
    });
    test.each([
      ['no reason', ''],
      ['a reason of spaces', '   '],
      ['a reason that is too long', 'x'.repeat(501)],
    ])('with %s does nothing, and says so at the field', async (_what, reason) => {
      const answer = await setFrozen('freeze', reason);
      expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('id="reason-error"')]);
      expect(textOf(await operator.page(wallet()))).toContain('State Open');
    });
    test('that is not there is refused, and the refusal written down', async () => {
      const fields = { reason: 'r', idempotency_key: randomUUID() };
      expect((await operator.send('/ops/wallets/999999/freeze', fields)).status).toBe(404);
      expect(await operator.concluded('freeze')).toMatchObject({
        target: 'wallet 999999',
        outcome: 'refused: wallet_not_found',
      });
    });
    test('by the API is in the audit log as well', async () => {
      const path = `/api/wallets/${receiver.walletId}/freeze`;
      expect((await operator.client.post(path, { reason: 'by script' })).status).toBe(200);
      expect(await operator.concluded('freeze')).toMatchObject({
        target: `wallet ${receiver.walletId}`,
        details: 'by script',
      });
      expect(
        (await operator.client.post(`/api/wallets/${receiver.walletId}/unfreeze`, { reason: 'over' })).status,
      ).toBe(200);
    });
  });

  describe('an e-mail that guessing has locked out', () => {
    const ada = { email: 'ada@example.com', password: 'the right password' };
    let other: Client;
    let page: string;
    beforeAll(async () => {
      other = createClient((await service.add('api')).url);
      const { json } = await client.post('/api/signup', { name: 'Ada', ...ada });
      page = `/ops/people/${String(json['user_id'])}`;
      expect(textOf(await operator.page(page))).toContain('Wrong log-ins None in the last');
      for (let guess = 0; guess < 10; guess++) {
        const { status } = await (guess % 2 === 0 ? client : other).post('/api/login', { ...ada, password: 'wrong' });
        expect(status).toBe(401);
      }
    });
    afterAll(() => other.close());

    test('is so in every API process, and its page says so', async () => {
      for (const each of [client, other]) expect((await each.post('/api/login', ada)).status).toBe(429);
      expect(await operator.page(page)).toContain('>Unlock<');
      expect(
        rowsOf(await operator.page(page))
          .at(-1)
          ?.slice(0, 3),
      ).toEqual(['127.0.0.1', '10', 'locked out']);
    });
    test('stays so without a reason', async () => {
      const answer = await operator.send(`${page}/unlock`, { reason: ' ' });
      expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('id="reason-error"')]);
      expect((await other.post('/api/login', ada)).status).toBe(429);
    });
    test('is unlocked in every API process by an operator, with a reason that is in the audit log', async () => {
      const answer = await operator.send(`${page}/unlock`, { reason: 'She called' });
      expect([answer.status, answer.headers.location]).toEqual([303, page]);
      expect(await operator.concluded('unlock')).toMatchObject({
        operator: OPERATOR_ACCOUNT.email,
        target: `user ${page.split('/').at(-1)!}`,
        details: 'She called',
        outcome: 'done: 1 address',
      });
      for (const each of [other, client]) expect((await each.post('/api/login', ada)).status).toBe(200);
      expect(textOf(await operator.page(page))).toContain('Wrong log-ins None in the last');
    });
    test('of nobody cannot be unlocked', async () => {
      expect((await operator.send('/ops/people/999999/unlock', { reason: 'r' })).status).toBe(404);
    });
  });

  test('what cannot be written down beforehand is not done', async () => {
    const rename = (from: string, to: string) => query(stores.databaseUrl, `ALTER TABLE ${from} RENAME TO ${to}`);
    const path = `/api/wallets/${receiver.walletId}/freeze`;
    await rename('operator_action', 'hidden');
    const refused = await operator.client.post(path, { reason: 'unseen' });
    await rename('hidden', 'operator_action');
    expect(refused.status).toBe(500);
    expect(textOf(await operator.page(`/ops/wallets/${receiver.walletId}`))).toContain('State Open');
  });

  test('what was done but could not be concluded is done, and the log shows the gap', async () => {
    const rename = (from: string, to: string) => query(stores.databaseUrl, `ALTER TABLE ${from} RENAME TO ${to}`);
    await rename('operator_action_outcome', 'hidden');
    const unfrozen = await operator.client.post(`/api/wallets/${receiver.walletId}/unfreeze`, { reason: 'half seen' });
    await rename('hidden', 'operator_action_outcome');
    expect(unfrozen.status).toBe(200);
    expect(await newest()).toMatchObject({ action: 'unfreeze', details: 'half seen', outcome: '' });
    expect(textOf(await operator.page(`/ops/wallets/${receiver.walletId}`))).toContain('half seen not known');
  });

  test('the audit log is read page by page, and nobody can change it', async () => {
    for (let number = 0; number < 51; number++) await operator.page(`/ops/people/${payer.userId}`);
    const first = await operator.page('/ops/audit');
    expect(rowsOf(first)).toHaveLength(50);
    const next = /href="\/ops\/audit\?before=(\d+)" rel="next"/.exec(first)?.[1];
    const second = rowsOf(await operator.page(`/ops/audit?before=${next!}`));
    expect(Number(second[0]?.[0])).toBe(Number(next) - 1);
    for (const table of ['operator_action', 'operator_action_outcome']) {
      for (const change of [`UPDATE ${table} SET details = 'x'`, `DELETE FROM ${table}`, `TRUNCATE ${table} CASCADE`]) {
        await expect(query(stores.databaseUrl, change)).rejects.toThrow('append-only');
      }
    }
  });
});
