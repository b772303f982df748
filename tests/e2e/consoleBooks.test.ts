/** Verifying the books from the console: what is found, one run at a time in the fleet, and what a death leaves behind. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from '../support/client.ts';
import { logInOperator, rowsOf } from '../support/console.ts';
import type { Operator } from '../support/console.ts';
import { query } from '../support/inspect.ts';
import { createPeople } from '../support/people.ts';
import { BANK, OPERATOR, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';
import { connectClient } from '../../shared/store/database/connection.ts';

let stores: Stores;
let service: RunningService;
let operator: Operator;

beforeAll(async () => {
  stores = await createStores(backends.at(-1)!);
  service = await startService({ env: stores.env });
  operator = await logInOperator(service.url);
});
beforeEach(async () => {
  await query(stores.databaseUrl, 'TRUNCATE verify_run RESTART IDENTITY');
});
afterAll(async () => {
  operator.close();
  await service.stop();
  await stores.drop();
});

async function verify(through = operator): Promise<void> {
  const { status, headers } = await through.send('/ops/books/verify');
  expect([status, headers.location]).toEqual([303, '/ops/books']);
}

async function untilEnded(through = operator): Promise<string> {
  await until('the run has ended', async () => (await through.json('/ops/books/progress'))['running'] === false);
  return through.page('/ops/books');
}

/** Lets no run get past its count until it is released. */
async function holdBooks(): Promise<{ release: () => Promise<void> }> {
  const client = await connectClient(stores.databaseUrl, 'holder');
  await client.query('BEGIN; LOCK TABLE entry IN ACCESS EXCLUSIVE MODE');
  return { release: () => client.end() };
}

/** The results of the runs, newest first, as the page lists them. */
function results(html: string): string[] {
  return rowsOf(html.slice(html.indexOf('id="runs"'))).map((cells) => cells.at(-1) ?? '');
}

async function metrics(): Promise<Record<string, number>> {
  const client = createClient(service.url);
  const { text } = await client.get('/metrics', OPERATOR);
  client.close();
  return Object.fromEntries(
    [...text.matchAll(/^(saldo_books_\w+)(?:\{[^}]*\})? (\S+)$/gm)].map(([, name = '', value]) => [
      name,
      Number(value),
    ]),
  );
}

describe('verifying', () => {
  test('finds sound books sound, shows every check, and tells Prometheus', async () => {
    expect(await operator.page('/ops/books')).toContain('have not been verified here yet');
    expect(await metrics()).toEqual({});
    const [person] = await createPeople(stores.databaseUrl, 1);
    const client = createClient(service.url);
    const funded = await client.as(BANK).post('/api/external_to_wallet', { wallet_id: person!.walletId, amount: 5 });
    client.close();
    expect(funded.status).toBe(200);
    await verify();
    const page = await untilEnded();
    expect(page).toContain('The books are sound');
    expect(page).toMatch(/: \d wallets, 2 entries, 1 operations, 0 promises, 0 holds/);
    expect(rowsOf(page).filter(([, result]) => result === 'ok').length).toBeGreaterThan(20);
    expect(results(page)).toEqual(['sound']);
    const { saldo_books_sound: sound, saldo_books_verified_timestamp_seconds: at } = await metrics();
    expect(sound).toBe(1);
    expect(Math.abs(at! - Date.now() / 1_000)).toBeLessThan(60);
    expect(await operator.concluded('verify')).toMatchObject({ target: 'books', outcome: 'done: run 1 began' });
    const { tiles } = (await operator.json('/ops/figures')) as { tiles?: { key: string; text: string }[] };
    expect(tiles!.find(({ key }) => key === 'books')?.text).toMatch(/^sound on /);
  });

  test('finds cooked books not sound, and names the row', async () => {
    const [person] = await createPeople(stores.databaseUrl, 1);
    const cook = (by: number) =>
      query(stores.databaseUrl, 'UPDATE wallet SET balance = balance + $2 WHERE id = $1', [person!.walletId, by]);
    await cook(1);
    await verify();
    const page = await untilEnded();
    await cook(-1);
    expect(page).toContain('The books are NOT sound');
    expect(page).toContain(`wallet ${person!.walletId}: balance 1, its entries make 0`);
    expect(
      rowsOf(page)
        .filter(([, result]) => result === '1 broken')
        .map(([check]) => check),
    ).toEqual(['currency-sum', 'wallet-balance']);
    expect((await metrics())['saldo_books_sound']).toBe(0);
    await until('the overview says so', async () =>
      ((await operator.json('/ops/figures')) as { alerts?: string[] }).alerts!.some((alert) => /not sound/.test(alert)),
    );
  });

  test('runs once at a time in the whole fleet, and everybody sees how far it is', async () => {
    const second = await service.add('api');
    const other = await logInOperator(second.url);
    const held = await holdBooks();
    await verify();
    expect(await other.json('/ops/books/progress')).toMatchObject({ running: true, text: /counting the rows/ });
    await verify(other);
    expect(await other.concluded('verify')).toMatchObject({ outcome: 'refused: one is under way already' });
    const page = await other.page('/ops/books');
    expect(page).toContain('<progress');
    expect(page).toContain('http-equiv="refresh"');
    expect(page).not.toContain('Verify now');
    await held.release();
    expect(results(await untilEnded(other))).toEqual(['sound']);
    await verify(other);
    expect(results(await untilEnded())).toEqual(['sound', 'sound']);
    other.close();
  });
});

describe('a run whose process', () => {
  test('is killed is found interrupted, and another can begin', async () => {
    const second = await service.add('api');
    const doomed = await logInOperator(second.url);
    const held = await holdBooks();
    await verify(doomed);
    expect(await operator.json('/ops/books/progress')).toMatchObject({ running: true });
    doomed.close();
    second.kill('SIGKILL');
    await second.exited;
    expect(results(await untilEnded())).toEqual(['interrupted']);
    await held.release();
    await verify();
    expect(results(await untilEnded())).toEqual(['sound', 'interrupted']);
  });

  test('is told to stop ends as interrupted, and holds nothing up', async () => {
    const second = await service.add('api');
    const stopped = await logInOperator(second.url);
    const held = await holdBooks();
    await verify(stopped);
    stopped.close();
    const { code } = await second.stop();
    expect(code).toBe(0);
    const rows = await query<{ state: string }>(stores.databaseUrl, 'SELECT state FROM verify_run');
    expect(rows).toEqual([{ state: 'interrupted' }]);
    await held.release();
  });

  test('loses the database’s lock does not go on unseen', async () => {
    const held = await holdBooks();
    await verify();
    await query(
      stores.databaseUrl,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'saldo-verify-run' AND datname = current_database()`,
    );
    expect(results(await untilEnded())).toEqual(['interrupted']);
    await until('its other connection is gone', async () => {
      const sessions = await query(
        stores.databaseUrl,
        `SELECT FROM pg_stat_activity WHERE application_name = 'saldo-verify' AND datname = current_database()`,
      );
      return sessions.length === 0;
    });
    await held.release();
  });

  test('meets a fault of the database has failed, with the reason', async () => {
    await query(stores.databaseUrl, 'ALTER TABLE pending_operation RENAME TO hidden');
    await verify();
    await until('the run has ended', async () => {
      const rows = await query<{ state: string }>(stores.databaseUrl, 'SELECT state FROM verify_run');
      return rows[0]?.state === 'failed';
    });
    await query(stores.databaseUrl, 'ALTER TABLE hidden RENAME TO pending_operation');
    expect(results(await operator.page('/ops/books'))).toEqual([
      'could not be finished: relation "pending_operation" does not exist',
    ]);
  });
});
