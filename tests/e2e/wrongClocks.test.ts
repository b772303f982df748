/**
 * A worker fails envelopes and dies, and the next one's clock is an hour behind its own. BullMQ writes the end of a failed
 * attempt's pause down by the first clock, so by the second those envelopes are put off for an hour: they must be taken
 * over all the same, whether a client or only a promise waits for them.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from '../support/client.ts';
import type { Client } from '../support/client.ts';
import { countApplied, countPending, expectSoundBooks, holdWallets, query, untilHeldUp } from '../support/inspect.ts';
import { withQueue } from '../support/ledgerJobs.ts';
import { createPeople } from '../support/people.ts';
import type { Person } from '../support/people.ts';
import type { Service } from '../support/processes.ts';
import { HOUR_MS, shiftClock } from '../support/preload.ts';
import { BANK, startService } from '../support/service.ts';
import type { RunningService } from '../support/service.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const TAKEN_OVER_MS = 5_000;
const TIMEOUT_MS = 1_000;

/** As when the disk is full: no envelope can be committed. */
const BREAK = `
  CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$;
  CREATE TRIGGER fail BEFORE INSERT ON entry FOR EACH STATEMENT EXECUTE FUNCTION fail()`;

const REFUSE_TAKE_OVER = `
  CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
  CREATE TRIGGER fail BEFORE DELETE ON bullmq.meta FOR EACH STATEMENT EXECUTE FUNCTION fail()`;

describe.each(backends)('wrong clocks, queues on %s', (backend) => {
  let stores: Stores;
  let service: RunningService;
  let client: Client;
  let [payer, receiver]: Person[] = [];

  beforeEach(async () => {
    stores = await createStores(backend, { partitions: 1 });
    service = await startService({ env: { ...stores.env, OPERATION_TIMEOUT_MS: String(TIMEOUT_MS) }, workers: 0 });
    client = createClient(service.url);
    [payer, receiver] = await createPeople(stores.databaseUrl, 2);
  });
  afterEach(async () => {
    client.close();
    await service.stop();
    await stores.drop();
  });

  const pay = (headers: Record<string, string> = {}) =>
    client.post(
      '/api/wallet_to_wallet',
      { wallet_id: receiver!.walletId, amount: 1 },
      { ...payer!.headers, ...headers },
    );
  const putOff = () => withQueue(stores, 0, async (queue) => (await queue.getDelayed()).map(({ id }) => id));
  /** Between two attempts of its own: for itself their pause is a second. */
  const diesWithBothPutOff = async (worker: Service): Promise<boolean> => {
    worker.kill('SIGSTOP');
    const areBoth = (await putOff()).length === 2;
    worker.kill(areBoth ? 'SIGKILL' : 'SIGCONT');
    return areBoth;
  };
  const makeDue = () => query(stores.databaseUrl, 'UPDATE pending_operation SET next_attempt_at = now()');

  test.each([
    { whose: 'a worker an hour ahead', by: 'one with the right time', failingMs: HOUR_MS, nextMs: 0 },
    { whose: 'a worker with the right time', by: 'one an hour behind', failingMs: 0, nextMs: -HOUR_MS },
  ])('what $whose has put off is taken over by $by, and newcomers are served, within five seconds', async (clocks) => {
    const failing = await service.add('worker', shiftClock(clocks.failingMs));
    const body = { wallet_id: payer!.walletId, amount: 100 };
    expect((await client.as(BANK).post('/api/external_to_wallet', body)).status).toBe(200);
    await query(stores.databaseUrl, BREAK);
    const promised = await pay();
    expect(promised.status).toBe(202);
    await makeDue();
    await until('the API’s own envelope and the sweep’s are put off', () => diesWithBothPutOff(failing));
    await failing.exited;
    await query(stores.databaseUrl, 'DROP TRIGGER fail ON entry');

    await service.add('worker', shiftClock(clocks.nextMs));
    const readyMs = performance.now();
    const leftMs = () => readyMs + TAKEN_OVER_MS - performance.now();
    await until('a newcomer is served', async () => (await pay()).status === 200, leftMs());
    await until('the promise is kept', async () => (await countPending(stores.databaseUrl)) === 0, leftMs());
    expect(await countApplied(stores.databaseUrl, [String(promised.json['operation_id'])])).toEqual([1]);
    expect(await putOff()).toEqual([]);

    // The partition's one place for a sweep envelope is free again.
    const [second] = await Promise.all([pay({ Prefer: 'respond-async' }), makeDue()]);
    await until('the next promise is kept', async () => (await countPending(stores.databaseUrl)) === 0);
    expect(await countApplied(stores.databaseUrl, [String(second.json['operation_id'])])).toEqual([1]);
    await expectSoundBooks(stores.databaseUrl);
  });

  // Locks on Redis run out by the clock of Redis.
  if (backend === 'postgres') {
    test('what a killed worker an hour ahead had in its hand is taken over, even if that fails at first', async () => {
      const ahead = await service.add('worker', shiftClock(HOUR_MS));
      await until('it leads', () => ahead.output().includes('leading: queue-worker'));
      const next = await service.add('worker');
      const held = await holdWallets(stores.databaseUrl, [payer!.walletId]);
      const body = { wallet_id: payer!.walletId, amount: 100 };
      const answer = client.as(BANK).post('/api/external_to_wallet', body, { Prefer: 'wait=30' });
      await untilHeldUp(stores.databaseUrl);
      await query(stores.databaseUrl, REFUSE_TAKE_OVER);
      ahead.kill('SIGKILL');
      await held.release();
      await until('the take-over has failed', () => next.output().includes('P0001'));
      await query(stores.databaseUrl, 'DROP TRIGGER fail ON bullmq.meta');
      const healedMs = performance.now();
      expect((await answer).status).toBe(200);
      expect(performance.now() - healedMs).toBeLessThan(TAKEN_OVER_MS);
    });
  }
});
