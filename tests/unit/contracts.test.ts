/**
 * What travels through the queues: every command survives the trip unchanged, and what a worker cannot read never takes
 * with it what it can. A failing property prints its seed and path; give both to `fc.assert` to see the same case again.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ENVELOPE_VERSION,
  MAX_ENVELOPE_COMMANDS,
  fromEnvelope,
  fromWire,
  packEnvelope,
  queueName,
  queuePrefix,
  sweepJobIds,
  toEnvelope,
  toWire,
} from '../../shared/queue/contracts.ts';
import type { WireCommand } from '../../shared/queue/contracts.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { LIMIT_MINOR } from '../../shared/ledger/money.ts';

const anyId = fc.bigInt(1n, BigInt(Number.MAX_SAFE_INTEGER));
const anyTime = fc.integer({ min: 1, max: 8_640_000_000_000_000 });
// Text as the API lets it in: well-formed, without U+0000 (PostgreSQL cannot store either).
const anyText = fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed() && !text.includes('\0'));
const anyMovement: fc.Arbitrary<Command> = fc.record({
  id: fc.uuid(),
  kind: fc.constantFrom('deposit', 'transfer'),
  debitWalletId: anyId,
  creditWalletId: anyId,
  amountMinor: fc.oneof(fc.bigInt(1n, LIMIT_MINOR), fc.constantFrom(1n, LIMIT_MINOR)),
  currency: fc.constantFrom('RUB', 'JPY', 'KWD'),
  details: fc.option(anyText),
  externalId: fc.option(anyText),
  initiatorId: anyId,
  requestId: fc.uuid(),
  requestHash: fc.string({ unit: fc.constantFrom('0', '1', '9', 'a', 'f'), minLength: 64, maxLength: 64 }),
  acceptedAtMs: anyTime,
  expiresAtMs: anyTime,
});
const anyFreezing = fc
  .tuple(anyMovement, fc.constantFrom('freeze' as const, 'unfreeze' as const))
  .map(([one, kind]): Command => ({ ...one, kind, amountMinor: 0n, creditWalletId: one.debitWalletId }));
const anyItem = fc
  .tuple(anyMovement, fc.record({ id: fc.uuid(), size: fc.integer({ min: 1, max: MAX_ENVELOPE_COMMANDS }) }))
  .map(([one, list]): Command => ({ ...one, list }));
const anyCommand = fc.oneof(anyMovement, anyMovement, anyFreezing, anyItem);

const COMMAND: Command = {
  id: '01931b5e-7c1a-7000-8000-0123456789ab',
  kind: 'transfer',
  debitWalletId: 11n,
  creditWalletId: 12n,
  amountMinor: 1110n,
  currency: 'RUB',
  details: 'Спасибо за обед',
  externalId: null,
  initiatorId: 3n,
  requestId: '01931b5e-7c1a-7000-8000-00000000000f',
  requestHash: '0a'.repeat(32),
  acceptedAtMs: 1_790_000_000_000,
  expiresAtMs: 1_790_000_600_000,
};

/** As the queue hands it over: through JSON text and back. */
function travelled(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data)) as unknown;
}

const FREEZING: Command = { ...COMMAND, kind: 'freeze', creditWalletId: COMMAND.debitWalletId, amountMinor: 0n };
const ITEM: Command = { ...COMMAND, list: { id: '01931b5e-7c1a-7000-8000-00000000001a', size: 2 } };

function numbered(count: number): Command[] {
  return Array.from({ length: count }, (_, n) => ({ ...COMMAND, debitWalletId: BigInt(n + 1) }));
}

describe('a command on the wire', () => {
  test('arrives as it left', () => {
    fc.assert(
      fc.property(anyCommand, (command) => {
        expect(fromWire(travelled(toWire(command)))).toEqual({ ok: true, command });
      }),
      { numRuns: 500 },
    );
  });

  test('is the form that commands already waiting in queues and in pending_operation have', () => {
    expect(travelled(toWire(COMMAND))).toEqual({
      id: '01931b5e-7c1a-7000-8000-0123456789ab',
      kind: 'transfer',
      debit: 11,
      credit: 12,
      amount: 1110,
      currency: 'RUB',
      details: 'Спасибо за обед',
      initiator: 3,
      requestId: '01931b5e-7c1a-7000-8000-00000000000f',
      hash: '0a'.repeat(32),
      acceptedAt: 1_790_000_000_000,
      expiresAt: 1_790_000_600_000,
    });
  });

  test('that is an item of a list says of which one, and of how many', () => {
    expect(travelled(toWire(ITEM))).toEqual({
      ...toWire(COMMAND),
      list: { id: '01931b5e-7c1a-7000-8000-00000000001a', size: 2 },
    });
  });

  test.each([
    ['moves nothing', { ...COMMAND, amountMinor: 0n }, 'amount'],
    ['freezes a wallet and moves money', { ...FREEZING, amountMinor: 1n }, 'amount'],
    ['freezes two wallets', { ...FREEZING, creditWalletId: 12n }, 'credit'],
    ['thaws two wallets', { ...FREEZING, kind: 'unfreeze' as const, creditWalletId: 12n }, 'credit'],
  ])('that %s cannot be read, and the problem names the field', (_, command, field) => {
    expect(fromWire(toWire(command))).toEqual({ ok: false, problem: expect.stringContaining(`at ${field}`) as string });
  });

  test.each(['00-aaaa', '', 7, null, {}])(
    'with %j for a trace is the same command: traces decide nothing',
    (traceparent) => {
      expect(fromWire({ ...toWire(COMMAND), traceparent })).toEqual({ ok: true, command: COMMAND });
    },
  );

  test('with fields of a newer version is read without them', () => {
    expect(fromWire({ ...toWire(COMMAND), colour: 'green' })).toEqual({ ok: true, command: COMMAND });
  });

  const required = Object.keys(toWire(COMMAND)).filter((field) => field !== 'details') as (keyof WireCommand)[];
  test.each(required)('without %s cannot be read, and the problem names the field', (field) => {
    const rest = Object.fromEntries(Object.entries(toWire(COMMAND)).filter(([name]) => name !== field));
    expect(fromWire(rest)).toEqual({ ok: false, problem: expect.stringContaining(field) as string });
  });

  test.each<[keyof WireCommand, unknown]>([
    ['id', 'not-a-uuid'],
    ['id', ''],
    ['kind', 'withdrawal'],
    ['debit', 0],
    ['debit', -1],
    ['debit', 1.5],
    ['debit', '11'],
    ['credit', 2 ** 53],
    ['credit', null],
    ['amount', 0],
    ['amount', -5],
    ['amount', 0.5],
    ['amount', '1110'],
    ['amount', Number(LIMIT_MINOR) + 1],
    ['currency', 643],
    ['details', null],
    ['details', 5],
    ['externalId', 17],
    ['initiator', 0],
    ['requestId', 'x'],
    ['hash', '0A'.repeat(32)],
    ['hash', '0a'.repeat(31)],
    ['hash', '0a'.repeat(33)],
    ['acceptedAt', 1.5],
    ['expiresAt', 'soon'],
    ['list', null],
    ['list', { id: 'x', size: 2 }],
    ['list', { id: COMMAND.id }],
    ['list', { id: COMMAND.id, size: 0 }],
    ['list', { id: COMMAND.id, size: 1.5 }],
    ['list', { id: COMMAND.id, size: MAX_ENVELOPE_COMMANDS + 1 }],
  ])('with %s = %j cannot be read, and the problem names the field', (field, value) => {
    const read = fromWire({ ...toWire(COMMAND), [field]: value });
    expect(read).toEqual({ ok: false, problem: expect.stringContaining(field) as string });
  });

  test.each<[string, Partial<Command>, RegExp | 'read']>([
    ['a hold', { kind: 'hold', terms: { expiresIn: 7_776_000 } }, 'read'],
    ['a hold for as long as is usual', { kind: 'hold' }, 'read'],
    ['a hold for longer than 90 days', { kind: 'hold', terms: { expiresIn: 7_776_001 } }, /terms/],
    ['a hold for no time', { kind: 'hold', terms: { expiresIn: 0 } }, /terms/],
    ['a hold of nothing', { kind: 'hold', terms: { expiresIn: 1 }, amountMinor: 0n }, /amount/],
    ['a capture of all', { kind: 'capture', amountMinor: 0n }, 'read'],
    ['a capture that is not the last', { kind: 'capture', terms: { isFinal: false } }, 'read'],
    ['a capture with more to say', { kind: 'capture', terms: { isFinal: false, tip: 1 } }, /terms/],
    ['a release of all', { kind: 'release', amountMinor: 0n }, 'read'],
    ['a release with terms', { kind: 'release', terms: {} }, /terms/],
    ['a transfer with terms', { terms: { expiresIn: 1 } }, /terms/],
  ])('%s is read as its kind says', (_what, changes, expected) => {
    const read = fromWire(travelled(toWire({ ...COMMAND, ...changes })));
    if (expected === 'read') expect(read).toEqual({ ok: true, command: { ...COMMAND, ...changes } });
    else expect(read).toEqual({ ok: false, problem: expect.stringMatching(expected) as string });
  });

  test.each([null, undefined, 5, 'text', [], [COMMAND.id]])('%j is not a command', (data) => {
    expect(fromWire(data).ok).toBe(false);
  });
});

describe('an envelope', () => {
  test('arrives with its commands in order', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 20 }), (commands) => {
        expect(fromEnvelope(travelled(toEnvelope(commands)))).toEqual({ commands, problems: [] });
      }),
    );
  });

  test('carries the version that says what a worker must know of, because old workers look at it', () => {
    expect(toEnvelope([COMMAND])).toEqual({ v: 1, commands: [toWire(COMMAND)] });
    expect(toEnvelope([COMMAND, FREEZING]).v).toBe(1);
    // Whoever knows only the first version would apply the items of a list one by one.
    expect(toEnvelope([COMMAND, ITEM])).toEqual({ v: 2, commands: [toWire(COMMAND), toWire(ITEM)] });
    expect(packEnvelope([toWire(ITEM)]).v).toBe(2);
    // Or would apply what is about a claim as if it were about none.
    expect(packEnvelope([toWire({ ...COMMAND, claimId: COMMAND.id })]).v).toBe(3);
    expect(packEnvelope([toWire({ ...COMMAND, terms: { final: true } })]).v).toBe(3);
    // Or does not know the kind at all.
    expect(packEnvelope([toWire({ ...COMMAND, kind: 'release' })]).v).toBe(4);
    expect(ENVELOPE_VERSION).toBe(4);
  });

  test('of the first version may carry a list all the same: this worker knows what it is', () => {
    const { commands } = fromEnvelope({ v: 1, commands: [toWire(ITEM)] });
    expect(commands).toEqual([ITEM]);
  });

  test('with an unreadable item of a list keeps the others as items of a list that is not whole', () => {
    const sound = { ...ITEM, id: '01931b5e-7c1a-7000-8000-00000000002b' };
    const { commands, problems } = fromEnvelope({ v: 2, commands: [{ ...toWire(ITEM), amount: -1 }, toWire(sound)] });
    expect(commands).toEqual([sound]);
    expect(problems).toEqual([expect.stringContaining('command 0: ')]);
  });

  test('with commands that cannot be read keeps the others, in order, and says which ones and why', () => {
    const junk = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        5,
        'text',
        [],
        {},
        { ...toWire(COMMAND), amount: -1 },
        { ...toWire(COMMAND), id: 'x' },
      ),
      fc.record({ kind: fc.string() }),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(anyCommand.map(toWire), junk), { maxLength: 20 }), (sent) => {
        const readable = sent.filter((data) => fromWire(data).ok);
        const { commands, problems } = fromEnvelope(travelled({ v: 1, commands: sent }));
        expect(commands.map(toWire)).toEqual(readable);
        const unreadable = sent.flatMap((data, index) => (fromWire(data).ok ? [] : [index]));
        expect(problems.map((problem) => /^command (\d+): /.exec(problem)?.[1])).toEqual(unreadable.map(String));
      }),
    );
  });

  test('of a newer version is refused whole, because it could be misread', () => {
    const { commands, problems } = fromEnvelope({ ...toEnvelope([COMMAND]), v: ENVELOPE_VERSION + 1 });
    expect(commands).toEqual([]);
    expect(problems).toEqual([expect.stringMatching(/version 5 is newer than this worker's 4: upgrade the workers/)]);
  });

  test('longer than the bound is read all the same, so that nothing in it is stranded', () => {
    const full = fromEnvelope(travelled(toEnvelope(numbered(MAX_ENVELOPE_COMMANDS))));
    expect(full.problems).toEqual([]);
    expect(full.commands).toEqual(numbered(MAX_ENVELOPE_COMMANDS));
    const over = { v: 1, commands: numbered(MAX_ENVELOPE_COMMANDS + 1).map(toWire) };
    expect(fromEnvelope(over)).toEqual({ commands: numbered(MAX_ENVELOPE_COMMANDS + 1), problems: [] });
  });

  test('is never made larger than a worker reads', () => {
    expect(() => toEnvelope(numbered(MAX_ENVELOPE_COMMANDS + 1))).toThrow(/501 commands/);
  });

  test.each([null, undefined, 5, 'text', [], {}, { v: 1 }, { v: '1', commands: [] }, { v: 1, commands: {} }])(
    '%j is not an envelope, and one problem says so',
    (data) => {
      const { commands, problems } = fromEnvelope(data);
      expect(commands).toEqual([]);
      expect(problems).toEqual([expect.stringContaining('not an envelope')]);
    },
  );
});

describe('names', () => {
  test('a queue and its keys are named by the partition, the keys on one node of a cluster', () => {
    expect(queueName(3)).toBe('ledger-3');
    expect(queuePrefix(3)).toBe('{ledger-3}');
  });

  test('a sweep job id is one that BullMQ takes: not all digits, no colon', () => {
    const jobIds = [0, 1, 11, 255].flatMap(sweepJobIds);
    for (const jobId of jobIds) expect(jobId).not.toMatch(/^\d+$|:/);
    expect(new Set(jobIds).size).toBe(40);
  });
});
