/**
 * The demonstration against a real service, kept small: it must not only show that all is well but notice when it is
 * not, and survive what a client of a busy service meets.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpClient } from '../../cli/demo/http.ts';
import type { Answer, Call, Send } from '../../cli/demo/http.ts';
import { play } from '../../cli/demo/play.ts';
import { isConsistent, reportLines } from '../../cli/demo/report.ts';
import { freePort } from '../../cli/postgres/embeddedPostgres.ts';
import { connectClient } from '../../shared/store/database/connection.ts';
import { verifyBooks } from '../../shared/store/books/verifyBooks.ts';
import { run } from '../support/database.ts';
import { spawnProgram } from '../support/processes.ts';
import { startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';

const BANK = { email: 'bank@saldo.localhost', password: 'the-bank-password' };
const silent = () => ({ update: () => undefined, stop: () => undefined });
const SMALL = { people: 3, transfers: 40, connections: 8, bank: BANK, showProgress: silent };

let stores: Stores;
let service: RunningService;
let client: ReturnType<typeof createHttpClient>;

beforeAll(async () => {
  stores = await createStores('postgres');
  service = await startService({ env: stores.env });
  client = createHttpClient(service.url, SMALL.connections);
});

afterAll(async () => {
  client.close();
  await service.stop();
  await stores.drop();
});

/** A client whose answers to transfers pass through `alter`, which may answer by itself, the first `times` times. */
function tampered(times: number, alter: (call: Call) => Promise<Answer>): { send: Send; calls: Call[] } {
  const calls: Call[] = [];
  return {
    calls,
    send: (call) => {
      if (call.path !== '/api/wallet_to_wallet') return client.send(call);
      calls.push(call);
      return calls.length <= times ? alter(call) : client.send(call);
    },
  };
}

function keysOf(calls: Call[]): (string | undefined)[] {
  return calls.map((call) => call.headers?.['Idempotency-Key']);
}

async function operationsStored(): Promise<number> {
  const auditor = await connectClient(stores.databaseUrl, 'test');
  try {
    return (await verifyBooks(auditor)).counts.operations;
  } finally {
    await auditor.end();
  }
}

describe('a demonstration', () => {
  test('of a sound service finds every wallet as its answers say', async () => {
    const before = await operationsStored();
    const played = await play(client.send, SMALL);
    expect(isConsistent(played)).toBe(true);
    expect(played.totalMinor).toBe(300_000n);
    const { settled, answers, latency } = played.transfers.tally;
    expect(settled).toEqual({ applied: 40, rejected: 0, unknown: 0 });
    expect(answers).toEqual(new Map([['200', 40]]));
    expect(latency.count).toBe(40);
    expect(await operationsStored()).toBe(before + 3 + 40);
    expect(reportLines(played).join('\n')).toMatch(/3 with 3000\.00 RUB in all: every one holds exactly/);
  });

  test('counts a refusal as a movement that did not happen', async () => {
    const { send } = tampered(40, (call) => client.send({ ...call, body: { ...call.body, amount: '999999.00' } }));
    const played = await play(send, SMALL);
    expect(played.transfers.tally.settled).toEqual({ applied: 0, rejected: 40, unknown: 0 });
    expect(played.transfers.tally.answers).toEqual(new Map([['422 insufficient_funds', 40]]));
    expect(isConsistent(played)).toBe(true);
  });

  test('sends again under the same key when the answer is lost, and the money moves once', async () => {
    const { send, calls } = tampered(5, async (call) => {
      await client.send(call);
      throw new Error('socket hang up');
    });
    const before = await operationsStored();
    const played = await play(send, SMALL);
    expect(isConsistent(played)).toBe(true);
    expect(calls).toHaveLength(45);
    expect(new Set(keysOf(calls)).size).toBe(40);
    expect(played.transfers.tally.answers).toEqual(
      new Map([
        ['no answer', 5],
        ['200', 40],
      ]),
    );
    expect(await operationsStored()).toBe(before + 43);
  });

  test('comes back as late as Retry-After says when the service is busy', async () => {
    const busy = { status: 503, headers: { 'retry-after': '2' }, body: { code: 'overloaded' } };
    const { send, calls } = tampered(1, () => Promise.resolve(busy));
    const played = await play(send, { ...SMALL, transfers: 1 });
    expect(keysOf(calls)).toEqual([keysOf(calls)[0], keysOf(calls)[0]]);
    expect(played.transfers.tally.answers).toEqual(
      new Map([
        ['503 overloaded', 1],
        ['200', 1],
      ]),
    );
    expect(played.transfers.tally.latency.min).toBeGreaterThanOrEqual(1_990_000);
  });

  test('follows a 202 to the outcome', async () => {
    const { send } = tampered(40, (call) =>
      client.send({ ...call, headers: { ...call.headers, Prefer: 'respond-async' } }),
    );
    const played = await play(send, SMALL);
    expect(isConsistent(played)).toBe(true);
    expect(played.transfers.tally.settled).toEqual({ applied: 40, rejected: 0, unknown: 0 });
    expect(played.transfers.tally.answers.get('202')).toBe(40);
  });

  test('notices a movement that was confirmed and did not happen', async () => {
    const confirmed = { status: 200, headers: {}, body: { status: 'OK' } };
    const { send } = tampered(1, () => Promise.resolve(confirmed));
    const played = await play(send, SMALL);
    expect(isConsistent(played)).toBe(false);
    expect(played.differing).toHaveLength(2);
    expect(reportLines(played).join('\n')).toMatch(/2 differ from what the answers add up to\n +wallet \d+: /);
  });

  test('is not sound when an outcome cannot be found out', async () => {
    const broken = { status: 500, headers: {}, body: { code: 'internal' } };
    const { send } = tampered(1, () => Promise.resolve(broken));
    const played = await play(send, SMALL);
    expect(played.differing).toEqual([]);
    expect(played.transfers.tally.settled.unknown).toBe(1);
    expect(isConsistent(played)).toBe(false);
    expect(reportLines(played).join('\n')).toContain('1 unknown');
  });
});

/** `npm run demo` as a process of its own. */
async function demo(env: Record<string, string>): Promise<{ code: number | null; output: string; stderr: string }> {
  const spawned = spawnProgram('cli/demo.ts', { env, cwd: '/' });
  const { code } = await spawned.exited;
  return { code, output: spawned.output(), stderr: spawned.stderr() };
}

describe('npm run demo', () => {
  const env = () => ({ PORT: new URL(service.url).port, BANK_PASS: BANK.password, DATABASE_URL: stores.databaseUrl });

  test('ends with the verification and its status', async () => {
    const sound = await demo(env());
    expect(sound.output).toMatch(/transfers +2,000 in .* 2,000 applied, 0 rejected, 0 unknown/);
    expect(sound.output).toMatch(/p50 .* p90 .* p99 .* max .* mean /);
    expect(sound.output).toMatch(/The books are sound\.\n$/);
    expect(sound.code).toBe(0);
    await run(stores.databaseUrl, `INSERT INTO wallet (owner_id, kind, currency) VALUES (1, 'customer', 'JPY')`);
    const cooked = await demo(env());
    expect(cooked.output).toMatch(/The books are NOT sound: wallet-owner \(1\)\.\n$/);
    expect(cooked.code).toBe(1);
    // Two whole demonstrations: two hundred password hashes and four thousand transfers.
  }, 180_000);

  test.each([
    ['nothing listens', async () => ({ PORT: String(await freePort()) }), /cannot be reached: nothing listens there\./],
    ['the password is wrong', () => ({ BANK_PASS: 'not-the-password' }), /does not accept the password of bank@/],
    ['the password is not known', () => ({ BANK_PASS: '' }), /The bank’s password is not known: set BANK_PASS/],
  ])('says in one sentence that %s', async (_what, changes, sentence) => {
    const { code, stderr } = await demo({ ...env(), ...(await changes()) });
    expect(stderr).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
  });
});
