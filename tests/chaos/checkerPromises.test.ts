/**
 * The checker on what a stored operation owes its clients: the request it was decided for, the reason for which it was
 * rejected, lists that are kept in one piece, wallets that are frozen when they should be. Every rule is broken here on
 * fabricated histories and rows.
 */
import { describe, expect, it } from 'vitest';
import { ANN, BOB, answered, applied, frozenWorld, listWorld, look, operation, row } from './fabricated.ts';
import { rulesOf, soundWorld } from './fabricated.ts';
import type { World } from './fabricated.ts';

const rent = (world: World) => world.history.operations[1]!;
const rentRow = (world: World) => world.books.operations[1]!;
const UNAVAILABLE = { status: 503, code: 'unavailable' };

describe('the request that an operation is stored for', () => {
  const reports = (rule: string, how: string, breakIt: (world: World) => void) =>
    it(`is reported as ${rule} when ${how}`, () => {
      const world = soundWorld();
      breakIt(world);
      expect(rulesOf(world)).toContain(rule);
    });

  it.each([
    ['unavailable', 503],
    ['overloaded', 503],
    ['invalid_request', 400],
    ['wallet_not_found', 404],
    ['idempotency_key_reused', 422],
  ])('was told %s: refused-but-stored, whatever the others were told', (code, status) => {
    const world = soundWorld();
    rent(world).attempts.unshift(answered(90, 95, { status, code }));
    rentRow(world).requestId = 'the request of 90';
    rent(world).attempts[1]!.result = { ...applied('rent', ANN, 70), isReplay: true, requestId: 'the request of 100' };
    expect(rulesOf(world)).toContain('refused-but-stored');
  });
  reports('replay-mark', 'a first and only answer says replayed', (world) => {
    rent(world).attempts[0] = answered(100, 150, { ...applied('rent', ANN, 70), isReplay: true });
  });
  reports('replay-mark', 'the outcome of another request is not marked', (world) => {
    rent(world).attempts.push(answered(300, 310, applied('rent', ANN, 70)));
  });
  reports('replay-mark', 'a stored rejection is not marked', ({ history }) => {
    const told = { status: 422, code: 'insufficient_funds', operationId: 'dream' };
    history.operations[2]!.attempts.push(answered(300, 310, told));
  });
  reports('replay-mark', 'a promise is marked', (world) => {
    const told = { status: 202, operationId: 'rent', word: 'PENDING', isReplay: true };
    rent(world).attempts.unshift(answered(90, 95, told));
  });
  reports('request-id', 'an answer carries none', (world) => {
    rent(world).attempts[0]!.result = applied('rent', ANN, 70);
  });
  reports('request-id', 'two requests have the same', (world) => {
    rent(world).attempts.unshift(
      answered(90, 95, { status: 503, code: 'outcome_unknown', requestId: 'the request of 100' }),
    );
  });
  reports('request-id', 'it is nobody’s', (world) => {
    rentRow(world).requestId = 'nobody’s';
    rent(world).attempts[0] = answered(100, 150, { ...applied('rent', ANN, 70), isReplay: true });
  });
  reports('request-id', 'it is that of another body', (world) => {
    rent(world).clash = { walletId: BOB, amountMinor: 31, details: 'another rent' };
    rent(world).attempts.push(answered(90, 95, { status: 422, code: 'idempotency_key_reused' }, { which: 'clash' }));
    rentRow(world).requestId = 'the request of 90';
    rent(world).attempts[0]!.result = { ...applied('rent', ANN, 70), isReplay: true, requestId: 'the request of 100' };
  });
  it('may be one whose answer was lost, and then the next answer is a replay', () => {
    const world = soundWorld();
    rent(world).attempts = [
      answered(90, 95, { lost: 'timeout' }),
      answered(100, 150, { ...applied('rent', ANN, 70), isReplay: true }),
    ];
    rentRow(world).requestId = 'lost';
    expect(rulesOf(world)).toEqual(['lost-in-peace']);
  });
});

describe('a rejection', () => {
  const REASONS = ['internal_error', 'expired', 'balance_limit_exceeded', 'wallet_not_found', 'nonsense'];
  it.each([...REASONS, 'wallet_frozen', 'list_rejected'])('of a promised payment as %s is undeserved', (reason) => {
    const world = soundWorld();
    const told = { status: 200, operationId: 'thrown', word: 'REJECTED', reason };
    world.history.operations.push(
      operation('thrown', 'transfer', ANN, BOB, 1, [
        answered(300, 310, { status: 202, operationId: 'thrown', word: 'PENDING' }),
        answered(400, 410, told, { what: 'ask' }),
      ]),
    );
    const thrown = row('thrown', 'transfer', ANN, BOB, 1, [null, null], 350, 300);
    world.books.operations.push({ ...thrown, status: 'rejected', reason });
    expect(rulesOf(world)).toEqual(['undeserved-rejection']);
  });

  it('is undeserved also when its texts were thrown away with it', () => {
    const world = soundWorld();
    Object.assign(world.books.operations[2]!, { reason: 'internal_error', details: null });
    expect(rulesOf(world)).toContain('undeserved-rejection');
  });

  it('of a deposit for want of money is undeserved', () => {
    const world = soundWorld();
    const told = { status: 422, code: 'insufficient_funds', operationId: 'alms' };
    world.history.operations.push(operation('alms', 'deposit', 1, BOB, 1, [answered(300, 310, told)]));
    const alms = row('alms', 'deposit', 1, BOB, 1, [null, null], 305, 300);
    world.books.operations.push({ ...alms, status: 'rejected', reason: 'insufficient_funds' });
    expect(rulesOf(world)).toEqual(['undeserved-rejection']);
  });
});

describe('a movement without a key', () => {
  const keyless = (world: World, rows: number) => {
    const tea = operation('tea', 'transfer', ANN, BOB, 1_000, []);
    const told = { status: 422, code: 'insufficient_funds', operationId: 'tea' };
    world.history.operations.push({ ...tea, identity: 'none', attempts: [answered(300, 350, told)] });
    for (let index = 0; index < rows; index++) {
      const rejected = { status: 'rejected', reason: 'insufficient_funds', details: 'tea' };
      const id = index === 0 ? 'tea' : `tea ${index}`;
      world.books.operations.push({ ...row(id, 'transfer', ANN, BOB, 1_000, [null, null], 340, 300), ...rejected });
    }
    return world;
  };

  it('is judged like any other', () => {
    expect(rulesOf(keyless(soundWorld(), 1))).toEqual([]);
  });
  it('is reported as doubled when one request is stored twice', () => {
    expect(rulesOf(keyless(soundWorld(), 2))).toContain('doubled');
  });
});

describe('an atomic list', () => {
  const reports = (rule: string, how: string, breakIt: (world: World) => void) =>
    it(`is reported as ${rule} when ${how}`, () => {
      const world = listWorld();
      breakIt(world);
      expect(rulesOf(world)).toContain(rule);
    });
  const refuse = (world: World, index: number, reason: string) => {
    const name = `pair.${index}`;
    Object.assign(
      world.books.operations.find(({ id }) => id === name)!,
      {
        ...{ status: 'rejected', reason, debitSeq: null, creditSeq: null },
      },
    );
    const told = { status: 422, code: reason, operationId: name };
    world.history.operations.find((each) => each.name === name)!.attempts = [answered(300, 350, told)];
  };

  it('is sound when all of it is applied', () => {
    expect(rulesOf(listWorld())).toEqual([]);
  });
  it('is sound when its second item was too much after the first, and the first went down with it', () => {
    const world = listWorld({ status: 'rejected', reason: 'list_rejected', debitSeq: null, creditSeq: null });
    for (const item of world.history.operations.slice(3)) item.own.amountMinor = 40;
    for (const stored of world.books.operations.slice(3)) stored.amountMinor = 40;
    refuse(world, 1, 'insufficient_funds');
    expect(rulesOf(world)).toEqual([]);
  });
  it('is reported as rejected-with-funds when the whole of it could be paid', () => {
    const world = listWorld({ status: 'rejected', reason: 'list_rejected', debitSeq: null, creditSeq: null });
    refuse(world, 1, 'insufficient_funds');
    expect(rulesOf(world)).toEqual(['rejected-with-funds']);
  });
  it('is reported as list-torn when all of it was rejected on account of the others', () => {
    const world = listWorld({ status: 'rejected', reason: 'list_rejected', debitSeq: null, creditSeq: null });
    expect(rulesOf(world)).toEqual(['list-torn']);
  });
  reports('list-torn', 'one item is rejected and the other is not', (world) => {
    refuse(world, 1, 'insufficient_funds');
  });
  reports('list-torn', 'one item is not there', ({ books }) => {
    books.operations.pop();
  });
  reports('list-torn', 'its items are in another order', ({ books }) => {
    const [first, second] = books.operations.slice(3);
    [first!.debitSeq, second!.debitSeq] = [4, 3];
  });
  reports('list-torn', 'somebody saw the half of it', ({ history }) => {
    history.reads.push(
      look(360, 370, [
        [3, 'pair.0', -10, 60],
        [2, 'rent', -30, 70],
      ]),
    );
  });
});

describe('a frozen wallet', () => {
  const reports = (rule: string, how: string, breakIt: (world: World) => void) =>
    it(`is reported as ${rule} when ${how}`, () => {
      const world = frozenWorld();
      breakIt(world);
      expect(rulesOf(world)).toContain(rule);
    });

  it('is sound when it is refused, and thawed at the end', () => {
    expect(rulesOf(frozenWorld())).toEqual([]);
  });
  reports('frozen-ignored', 'it pays', (world) => {
    rent(world).attempts = [answered(400, 450, applied('rent', ANN, 70))];
    Object.assign(rentRow(world), { appliedAtMs: 440, requestId: 'the request of 400' });
  });
  reports('frozen-ignored', 'it stays frozen', ({ books }) => {
    books.wallets[1]!.isFrozen = true;
  });
  reports('frozen-ignored', 'it was never frozen', ({ history, books }) => {
    history.operations = history.operations.filter(({ name }) => name !== 'unfreeze');
    books.operations = books.operations.filter(({ id }) => id !== 'unfreeze');
  });
  reports('undeserved-rejection', 'it is refused after it was thawed', ({ history, books }) => {
    history.operations.find(({ name }) => name === 'tea')!.attempts = [
      answered(600, 650, { status: 422, code: 'wallet_frozen', operationId: 'tea' }),
    ];
    Object.assign(books.operations.at(-1)!, { appliedAtMs: 640, requestId: 'the request of 600' });
  });
  reports('applied-missing', 'a freeze was answered as a thaw', ({ history }) => {
    const [attempt] = history.operations.find(({ name }) => name === 'freeze')!.attempts;
    Object.assign(attempt!.result, { isFrozen: false });
  });
  reports('refused-but-stored', 'the order was told that it changed nothing', ({ history }) => {
    history.operations.find(({ name }) => name === 'freeze')!.attempts = [answered(300, 350, UNAVAILABLE)];
  });
});
