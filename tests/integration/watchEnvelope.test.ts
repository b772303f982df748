/** What a worker tells of the envelopes it takes: in its figures, and in its logs by the ids one would search for. */
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { toEnvelope, toWire } from '../../shared/queue/contracts.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { takeTotals } from '../../shared/telemetry/totals.ts';
import { applyEnvelope } from '../../worker/apply/applyEnvelope.ts';
import { createMetrics } from '../../worker/metrics.ts';
import type { Metrics } from '../../worker/metrics.ts';
import { createWatchedApply } from '../../worker/apply/watchEnvelope.ts';
import { createBank, createCustomer, deposit, transfer } from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { applyDeps } from '../support/applyDeps.ts';
import type { TestDatabase } from '../support/database.ts';
import { openApplyPool } from '../support/pools.ts';
import { createTestDatabase } from '../support/stores.ts';

const PARTITION = 3;
const ID = 'e-watched';

let database: TestDatabase;
let pool: Pool;
let bank: Account;
let anna: Account;
let boris: Account;
let metrics: Metrics;
let logs: Record<string, unknown>[];

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openApplyPool(database.url);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  [bank, anna, boris] = [await createBank(pool), await createCustomer(pool), await createCustomer(pool)];
  metrics = createMetrics();
  logs = [];
});
afterEach(() => pool.query('DROP FUNCTION IF EXISTS disturb CASCADE; DROP SEQUENCE IF EXISTS tries'));

const logger = pino(
  { level: 'info' },
  { write: (line: string) => logs.push(JSON.parse(line) as (typeof logs)[number]) },
);

function apply(data: unknown, by = pool): Promise<unknown> {
  const deps = { ...applyDeps(by), logger, isStopping: () => by !== pool };
  const watched = createWatchedApply({
    ...{ metrics, tracing: undefined, logger: pino({ level: 'silent' }) },
    apply: (watch, id, envelope) => applyEnvelope({ ...deps, watch }, id, envelope),
  });
  return watched(PARTITION, ID, data);
}

async function figures() {
  const totals = await takeTotals(metrics.registry);
  const counted = Object.entries(totals.figures).filter(([, value]) => value > 0);
  return { figures: Object.fromEntries(counted), applies: totals.histograms['saldo_apply_duration_seconds']?.count };
}

/** Entries of 555 meet a fault: `statement` of PL/pgSQL. */
async function disturb(statement: string): Promise<void> {
  await pool.query(`
    CREATE SEQUENCE tries;
    CREATE FUNCTION disturb() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${statement} RETURN NEW; END $$;
    CREATE TRIGGER disturb BEFORE INSERT ON entry FOR EACH ROW WHEN (NEW.amount = 555) EXECUTE FUNCTION disturb()`);
}

describe('an envelope', () => {
  test('that is applied counts once, and its operations by their outcome', async () => {
    const commands = [
      deposit(bank, anna, 10n),
      deposit(bank, anna, 1n),
      transfer(anna, boris, 4n),
      transfer(anna, boris, 100n),
      transfer(boris, anna, 100n),
    ];
    expect(await apply(toEnvelope(commands))).toEqual({ applied: 3, rejected: 2 });
    expect(await figures()).toEqual({
      figures: {
        'saldo_envelopes_total{partition="3",result="applied"}': 1,
        'saldo_operations_total{outcome="applied"}': 3,
        'saldo_operations_total{outcome="insufficient_funds"}': 2,
      },
      applies: 1,
    });
  });

  test('that is delivered twice has its operations counted once', async () => {
    const envelope = toEnvelope([deposit(bank, anna, 10n)]);
    await apply(envelope);
    expect(await apply(envelope)).toEqual({ applied: 0, rejected: 0 });
    expect((await figures()).figures).toEqual({
      'saldo_envelopes_total{partition="3",result="applied"}': 2,
      'saldo_operations_total{outcome="applied"}': 1,
    });
  });

  test('whose transaction is tried again is applied once', async () => {
    await disturb(`IF nextval('tries') < 3 THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '40001'; END IF;`);
    await apply(toEnvelope([deposit(bank, anna, 555n)]));
    expect(await figures()).toEqual({
      figures: {
        'saldo_envelopes_total{partition="3",result="applied"}': 1,
        'saldo_operations_total{outcome="applied"}': 1,
      },
      applies: 1,
    });
  });

  test('with a command that fails on its data counts that as rejected; the log names the envelope and the operation', async () => {
    await disturb(`RAISE EXCEPTION 'on purpose' USING ERRCODE = 'check_violation';`);
    const bad = deposit(bank, anna, 555n);
    await apply(toEnvelope([deposit(bank, anna, 1n), bad]));
    expect((await figures()).figures).toEqual({
      'saldo_envelopes_total{partition="3",result="applied"}': 1,
      'saldo_operations_total{outcome="applied"}': 1,
      'saldo_operations_total{outcome="internal_error"}': 1,
    });
    expect(logs).toMatchObject([{ envelope_id: ID }, { envelope_id: ID, operation_ids: [bad.id] }]);
  });

  test('that cannot be read in part counts as unreadable, what was readable as applied; the log names the envelope', async () => {
    const readable = toWire(deposit(bank, anna, 1n));
    await expect(apply({ v: 1, commands: [readable, { ...readable, kind: 'gift' }] })).rejects.toThrow(/kind/);
    expect((await figures()).figures).toEqual({
      'saldo_envelopes_total{partition="3",result="unreadable"}': 1,
      'saldo_operations_total{outcome="applied"}': 1,
    });
    expect(logs).toMatchObject([{ envelope_id: ID }]);
  });

  test('that fails for another reason counts as failed: the queue will bring it again', async () => {
    const nowhere = openApplyPool('postgres://nobody@127.0.0.1:1/none');
    await expect(apply(toEnvelope([deposit(bank, anna, 1n)]), nowhere)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await nowhere.end();
    expect(await figures()).toEqual({
      figures: { 'saldo_envelopes_total{partition="3",result="failed"}': 1 },
      applies: 1,
    });
  });
});
