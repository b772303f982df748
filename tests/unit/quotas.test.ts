/** What an account may ask for: whose commands, refusals and reads are counted, and when a refusal is told. */
import { expect, test } from 'vitest';
import { createQuotas } from '../../api/quotas/quotas.ts';
import type { Problem } from '../../api/http/problem.ts';
import type { Command, KindName } from '../../shared/ledger/command.ts';
import type { KnownOutcome } from '../../shared/store/ledger/readOutcomes.ts';

const ENV = {
  CUSTOMER_COMMANDS_PER_SECOND: 10,
  CUSTOMER_REFUSALS_PER_SECOND: 3,
  CUSTOMER_READS_PER_SECOND: 5,
  BANK_COMMANDS_PER_SECOND: 100,
  BANK_READS_PER_SECOND: 50,
  READS_AT_ONCE: 16,
};

/** Time that stands still unless it is let pass; pauses are noted and are over at once. */
function setUp() {
  let nowMs = 5_000;
  const pauses: number[] = [];
  const pause = (ms: number) => Promise.resolve(void pauses.push(ms));
  const quotas = createQuotas(ENV, { now: () => nowMs, pause });
  /** What comes of it, and after which pause. */
  const end = async (turn: Promise<unknown>) => {
    const said = await turn.then(
      () => 'turn',
      (error: unknown) => `${(error as Problem).code} ${(error as Problem).extras.retryAfterSeconds}`,
    );
    return [said, ...pauses.splice(0)];
  };
  return { quotas, end, pass: (ms: number) => (nowMs += ms) };
}

const asked = (kind: KindName, count = 1) => Array.from({ length: count }, () => ({ kind, initiatorId: 1n }));
const command = { kind: 'transfer', initiatorId: 1n, requestId: 'r' } as Command;
const rejected = (requestId = 'r') => ({ state: 'rejected', requestId }) as KnownOutcome;
const reader = { userId: 1n, role: 'customer' } as const;

test('a list passes whole; what comes behind it is refused, held back for a second, and told when to come back', async () => {
  const { quotas, end, pass } = setUp();
  expect(await end(quotas.toSubmit(asked('transfer', 100)))).toEqual(['turn']);
  expect(await end(quotas.toSubmit(asked('transfer')))).toEqual(['rate_limited 8', 1_000]);
  pass(8_500);
  expect(await end(quotas.toSubmit(asked('transfer')))).toEqual(['turn', 500]);
});

test("a bank's share is larger, and an operator's has no end", async () => {
  const { quotas, end } = setUp();
  expect(await end(quotas.toSubmit(asked('deposit', 100)))).toEqual(['turn']);
  expect(await end(quotas.toSubmit(asked('deposit')))).toEqual(['turn']);
  for (let times = 0; times < 100; times++) {
    expect(await end(quotas.toSubmit(asked('freeze', 1_000)))).toEqual(['turn']);
  }
});

test('what the ledger has refused counts once, where it is new, and for customers', async () => {
  const { quotas, end, pass } = setUp();
  for (let times = 0; times < 10; times++) quotas.noteOutcome(command, rejected('an earlier request'));
  for (let times = 0; times < 10; times++) quotas.noteOutcome({ ...command, kind: 'deposit' }, rejected());
  expect(await end(quotas.toSubmit(asked('transfer')))).toEqual(['turn']);
  expect(await end(quotas.toSubmit(asked('deposit')))).toEqual(['turn']);
  for (let times = 0; times < 6; times++) quotas.noteOutcome(command, rejected());
  expect(await end(quotas.toSubmit(asked('transfer')))).toEqual(['rate_limited 1', 1_000]);
  pass(1_000);
  expect(await end(quotas.toSubmit(asked('transfer')))).toEqual(['turn']);
});

test('an item that its list takes down with it is no refusal, and refusals keep nobody from paying for long', async () => {
  const { quotas, end, pass } = setUp();
  const takenDown = { ...rejected(), reason: 'list_rejected' } as KnownOutcome;
  for (let times = 0; times < 1_000; times++) quotas.noteOutcome(command, takenDown);
  expect(await end(quotas.toSubmit(asked('transfer')))).toEqual(['turn']);
  for (let times = 0; times < 1_000; times++) quotas.noteOutcome(command, rejected());
  expect((await end(quotas.toSubmit(asked('transfer'))))[0]).toMatch(/^rate_limited/);
  pass(5_500);
  expect(await end(quotas.toSubmit(asked('transfer')))).toEqual(['turn']);
});

test('a list costs what its length does, whatever is in it', async () => {
  const { quotas, end } = setUp();
  expect(await end(quotas.toList(reader, 1_000))).toEqual(['turn']);
  expect((await end(quotas.toList(reader, 1)))[0]).toMatch(/^rate_limited/);
});

test('what is stored is told, although no command of the account would be taken', async () => {
  const { quotas, end } = setUp();
  await quotas.toSubmit(asked('transfer', 1_000));
  expect(await end(quotas.toTell(asked('transfer')))).toEqual(['turn']);
});

test('a long page counts as several reads, and what is done in it is answered', async () => {
  const { quotas, end } = setUp();
  expect(await quotas.read(reader, 200, () => Promise.resolve('page'))).toBe('page');
  expect(await end(quotas.toLook(reader))).toEqual(['turn']);
  expect(await end(quotas.toLook(reader))).toEqual(['turn']);
  expect(await end(quotas.toLook(reader))).toEqual(['turn', 200]);
  const failing = quotas.read({ ...reader, userId: 2n }, 1, () => Promise.reject(new Error('away')));
  await expect(failing).rejects.toThrow('away');
});

test('a mistake is told all the same, later and later, a second at most', async () => {
  const { quotas, end } = setUp();
  const ends = [];
  for (let times = 0; times < 20; times++) ends.push(await end(quotas.afterMistake(reader)));
  expect(ends.slice(0, 8)).toEqual([...Array<string[]>(6).fill(['turn']), ['turn', 200], ['turn', 400]]);
  expect(ends.at(-1)).toEqual(['turn', 1_000]);
});
