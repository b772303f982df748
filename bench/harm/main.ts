/**
 * `npm run bench:harm`: whether whoever asks cheaply can harm whoever pays. Payments arrive at a steady rate, far below
 * what the service can do, alone and under each harm in turns. Exit status as of `npm run bench`; a missed bound is told
 * and is none.
 */
import path from 'node:path';
import { z } from 'zod';
import { createPool } from '../../shared/store/database/pool.ts';
import type { Person } from '../../tests/support/people.ts';
import { USUAL_QUOTAS } from '../../tests/support/quotas.ts';
import { createPeople } from '../../tests/support/people.ts';
import { createClient } from '../../tests/support/client.ts';
import { BANK } from '../../tests/support/service.ts';
import { judgeBooks } from '../report/books.ts';
import { count, parseOptions, runBenchProgram, tellFailures } from '../commandLine.ts';
import { describeMachine, machineLine } from '../report/machine.ts';
import { untilQuiet } from '../quiet.ts';
import { booksLines, failures } from '../report/report.ts';
import { resultFile, writeResult } from '../report/results.ts';
import { startServers } from '../servers/servers.ts';
import { alignColumns } from '../report/table.ts';
import { startSaldo } from '../targets/saldo.ts';
import type { Target } from '../targets/target.ts';
import { listHarms } from './harms.ts';
import type { Harm } from './harms.ts';
import { measureHarms } from './measure.ts';
import type { HarmFigures, Victim } from './measure.ts';
import { harmTable } from './report.ts';

const schema = z.object({
  rounds: count(1_000).default(3),
  seconds: count(600).default(6),
  rate: count(10_000).default(100),
  only: z.string().optional(),
  postgres: z.string().optional(),
  out: z.string().default(resultFile('harm.json')),
});
const USAGE = `npm run bench:harm -- [--rounds 3] [--seconds 6] [--rate 100] [--only lines-1,…] [--postgres /usr/lib/postgresql/15/bin] [--out FILE]
  --rate      payments a second: far below what the machine can do
  --postgres  the folder of an installed server's programs; the embedded one without it`;

/** Log-ins a second; each costs the service a password's proof. */
const LOG_INS_PER_SECOND = 2;
const BASIC_DEPOSITS_PER_SECOND = 5;
const ACCOUNTS = 8;
/** A statement of several pages. */
const STATEMENT = 400;

await runBenchProgram(async (signal) => {
  const { rounds, seconds, rate, only, postgres, out } = parseOptions(schema, { usage: USAGE });
  const servers = await startServers({ installed: postgres });
  let target: Target | undefined;
  try {
    const machine = describeMachine(servers, 'an open loop');
    console.log(machineLine(machine));
    const databaseUrl = await servers.createDatabase('saldo');
    target = await startSaldo({ databaseUrl, redisUrl: servers.redis?.nextUrl(), env: USUAL_QUOTAS });
    const pool = createPool({ databaseUrl, role: 'bench', maxConnections: 2 });
    const people = servers.people as [Person, Person];
    const [poor] = (await createPeople(databaseUrl, 1)) as [Person];
    const accounts = await signUp(target, ACCOUNTS);
    await writeStatement(target, people);
    await untilQuiet(databaseUrl);
    const appliedBefore = await countApplied(pool);
    const all = listHarms({ greedy: people[0], poor, to: people[1] });
    const harms = only === undefined ? all : all.filter(({ id }) => only.split(',').includes(id));
    const payments: Victim = { name: 'payments', ask: { kind: 'transfer', isKeyed: false }, perSecond: rate };
    const proofs: Victim[] = [
      { name: 'log-ins', ask: { kind: 'log-in', accounts }, perSecond: LOG_INS_PER_SECOND },
      {
        name: 'deposits by HTTP Basic',
        ask: { kind: 'basic-deposit', authorization: BANK.Authorization },
        perSecond: BASIC_DEPOSITS_PER_SECOND,
      },
    ];
    const victimsOf = (harm: Harm) => [payments, ...(harm.provesPasswords ? proofs : [])];
    const plan = { rounds, seconds, signal };
    const rows = await measureHarms(harms, plan, { target, pool, peopleFile: servers.peopleFile, victimsOf });
    await pool.end();
    await target.stop();
    const books = await judgeBooks({ name: 'saldo', databaseUrl, acknowledged: countMoved(rows), appliedBefore });
    await writeResult(path.resolve(out), { machine, settings: { rounds, seconds, rate }, rows, books: [books] });
    console.log(`\n${alignColumns(harmTable(rows)).join('\n')}\n\n${booksLines([books]).join('\n')}`);
    return tellFailures(failures([books], []));
  } finally {
    await target?.stop().catch(() => undefined);
    await servers.stop();
  }
});

/** Answered as done, and so in the books. */
function countMoved(rows: readonly HarmFigures[]): number {
  const moving = rows.filter(({ victim }) => victim !== 'log-ins');
  return moving.flatMap(({ alone, harmed }) => [...alone, ...harmed]).reduce((sum, { done }) => sum + done, 0);
}

async function countApplied(pool: ReturnType<typeof createPool>): Promise<number> {
  const { rows } = await pool.query<{ count: bigint }>(`SELECT count(*) FROM operation WHERE status = 'applied'`);
  return Number(rows[0]?.count);
}

async function signUp({ url }: Target, howMany: number): Promise<{ email: string; password: string }[]> {
  const client = createClient(url, 1);
  const accounts = Array.from({ length: howMany }, (_, index) => {
    return { email: `person${index}@bench.localhost.ru`, password: `the password of ${index}` };
  });
  try {
    for (const account of accounts) await client.post('/api/signup', { ...account, name: 'Person' });
    return accounts;
  } finally {
    client.close();
  }
}

async function writeStatement({ url }: Target, [payer, payee]: [Person, Person]): Promise<void> {
  const client = createClient(url, 1);
  const items = Array.from({ length: STATEMENT }, (_, index) => {
    return {
      wallet_id: payee.walletId,
      amount: 0.01,
      idempotency_key: `statement-${index}`,
      details: `payment ${index}`,
    };
  });
  try {
    await client.as(payer.headers).post('/api/operations/bulk', { items });
  } finally {
    client.close();
  }
}
