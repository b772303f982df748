/** One of the fleet leads: whoever that is may die, freeze, resign or lose the database, and another takes over soon. */
import pg from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lead } from '../../worker/leadership.ts';
import type { Leadership } from '../../worker/leadership.ts';
import type { TestDatabase } from '../support/database.ts';
import { createTestDatabase } from '../support/stores.ts';
import { startTcpProxy } from '../support/tcpProxy.ts';
import type { TcpProxy } from '../support/tcpProxy.ts';
import { until } from '../support/waiting.ts';

const LOCK_KEY = 72_700_001;
/** As long as anything may be without a leader. */
const TAKE_OVER_MS = 5_000;

interface Candidate extends Leadership {
  proxy: TcpProxy;
  /** What it was told, in order. */
  told: ('gained' | 'lost')[];
}

let database: TestDatabase;
let candidates: Candidate[];
let closings: (() => Promise<unknown>)[];

beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
  candidates = [];
  closings = [];
});
afterEach(async () => {
  for (const each of candidates) await each.proxy.restore();
  await Promise.all(candidates.map((each) => each.close()));
  await Promise.all([...candidates.map((each) => each.proxy.close()), ...closings.map((close) => close())]);
  await database.drop();
});

/** One whose way to the database can be cut or frozen, as its process could be. */
async function candidate(): Promise<Candidate> {
  const url = new URL(database.url);
  const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  url.host = `127.0.0.1:${proxy.port}`;
  const told: Candidate['told'] = [];
  const leadership = lead({
    databaseUrl: url.href,
    lockKey: LOCK_KEY,
    name: 'test',
    logger: pino({ level: 'silent' }),
    onGained: () => told.push('gained'),
    onLost: () => told.push('lost'),
  });
  const created = { ...leadership, proxy, told };
  candidates.push(created);
  return created;
}

const leaders = () => candidates.filter((each) => each.isLeader());

async function leaderAmong(count: number): Promise<Candidate> {
  while (candidates.length < count) await candidate();
  return until('somebody leads', () => leaders()[0]);
}

async function another(than: Candidate): Promise<Candidate> {
  return until('another leads', () => leaders().find((each) => each !== than), TAKE_OVER_MS);
}

async function admin(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  closings.push(() => client.end());
  return client;
}

describe('among three', () => {
  test('one leads, and goes on leading', async () => {
    const leader = await leaderAmong(3);
    const untilMs = performance.now() + 2_500;
    await until('two heartbeats have passed', () => {
      expect(leaders()).toEqual([leader]);
      return performance.now() > untilMs;
    });
    expect(candidates.flatMap((each) => each.told)).toEqual(['gained']);
  });

  test('another takes over when the leader closes', async () => {
    const leader = await leaderAmong(3);
    await leader.close();
    expect([leader.isLeader(), leader.told]).toEqual([false, ['gained', 'lost']]);
    expect((await another(leader)).told).toEqual(['gained']);
  });

  test('another takes over when the leader loses its connection, and the old one stands by again', async () => {
    const leader = await leaderAmong(3);
    await leader.proxy.cut();
    const next = await another(leader);
    await until('the old one knows', () => !leader.isLeader());
    await leader.proxy.restore();
    await next.close();
    await until('somebody else leads', () => leaders().length === 1, TAKE_OVER_MS);
  });

  test('another takes over when the server ends the leader’s session', async () => {
    const leader = await leaderAmong(2);
    const client = await admin();
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = ${LOCK_KEY} AND granted`,
    );
    await until('the leader has lost', () => leader.told.includes('lost'), TAKE_OVER_MS);
    await until('one leads', () => leaders().length === 1, TAKE_OVER_MS);
  });

  test('another takes over when the leader is frozen, although its connection stays open, and the thawed one knows it lost', async () => {
    const leader = await leaderAmong(2);
    leader.proxy.freeze();
    const next = await another(leader);
    await leader.proxy.restore();
    await until('the old one knows', () => !leader.isLeader());
    expect(leaders()).toEqual([next]);
  });

  test('another takes over when the leader resigns, who does not take the lead back at once', async () => {
    const leader = await leaderAmong(2);
    leader.resign();
    const next = await another(leader);
    await until('the one that resigned knows', () => leader.told.includes('lost'));
    await next.close();
    expect(leader.isLeader()).toBe(false);
  });
});

test('whoever cannot reach the database does not lead, and leads when it is back', async () => {
  const only = await candidate();
  await only.proxy.cut();
  await until('it has lost what it had', () => !only.isLeader());
  await only.proxy.restore();
  await until('it leads', () => only.isLeader(), TAKE_OVER_MS);
});
