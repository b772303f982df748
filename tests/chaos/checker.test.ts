/**
 * The checker itself: it accepts a sound history, and every rule is broken once on fabricated histories and rows, so that
 * it is known to fail. A judge that never objects would make every chaos run green.
 */
import { describe, expect, it } from 'vitest';
import { ANN, BOB, answered, applied, entry, fault, look, operation, row, rulesOf, soundWorld } from './fabricated.ts';
import type { World } from './fabricated.ts';

/** Ann's gift, rent and dream, in the order of `soundWorld`. */
function parts({ history: { operations }, books }: World) {
  return { gift: operations[0]!, rent: operations[1]!, dream: operations[2]!, rows: books.operations, books };
}

describe('the checker', () => {
  it('finds nothing in a sound history', () => {
    expect(rulesOf(soundWorld())).toEqual([]);
  });

  it('accepts what may happen to careful clients: doubt, promises, replays and a refused second body', () => {
    const world = soundWorld();
    const { gift, rent, dream } = parts(world);
    world.history.faults.push(fault('api-kill', -50, 100, 'api0'));
    gift.attempts.unshift(
      answered(-30, -1, { lost: 'reset' }),
      answered(-20, -2, { status: 503, code: 'outcome_unknown' }),
    );
    rent.attempts.unshift(answered(90, 99, { status: 202, operationId: 'rent', word: 'PENDING' }));
    rent.attempts.push(answered(300, 310, { status: 200, operationId: 'rent', word: 'OK' }, { what: 'ask' }));
    rent.attempts.push(answered(320, 330, { ...applied('rent', ANN, 70), isReplay: true }));
    dream.clash = { walletId: BOB, amountMinor: 501, details: 'another dream' };
    dream.attempts.push(answered(300, 310, { status: 422, code: 'idempotency_key_reused' }, { which: 'clash' }));
    expect(rulesOf(world)).toEqual([]);
  });

  const reports = (rule: string, how: string, breakIt: (world: World) => void) =>
    it(`reports ${rule} when ${how}`, () => {
      const world = soundWorld();
      breakIt(world);
      expect(rulesOf(world)).toContain(rule);
    });

  reports('doubled', 'a key has two operations', ({ books }) => {
    books.operations.push({ ...row('again', 'transfer', ANN, BOB, 30, [3, 2], 145, 100), details: 'rent' });
  });
  reports('doubled', 'an operation is posted twice', ({ books }) => {
    books.entries.push(entry(ANN, 3, 'rent', -30, 40), entry(BOB, 2, 'rent', 30, 60));
  });
  reports('applied-missing', 'a 200 is not in the database', ({ books }) => {
    books.operations.splice(1, 1);
  });
  reports('applied-missing', 'a 200 told another balance', (world) => {
    parts(world).rent.attempts[0]!.result = applied('rent', ANN, 71);
  });
  reports('applied-missing', 'a 200 told another operation', (world) => {
    parts(world).rent.attempts[0]!.result = applied('gift', ANN, 70);
  });
  reports('applied-missing', 'a 200 told another wallet', (world) => {
    parts(world).rent.attempts[0]!.result = applied('rent', BOB, 30);
  });
  reports('promise-broken', 'a 202 has no outcome', ({ history }) => {
    history.operations.push(
      operation('lost', 'transfer', ANN, BOB, 1, [
        answered(300, 310, { status: 202, operationId: 'lost', word: 'PENDING' }),
      ]),
    );
  });
  reports('promise-broken', 'a promised operation is not found', (world) => {
    const { rent } = parts(world);
    rent.attempts.push(answered(300, 310, { status: 404, code: 'operation_not_found' }, { what: 'ask' }));
  });
  reports('rejection-not-kept', 'a rejected operation was applied after all', (world) => {
    parts(world).rent.attempts.push(
      answered(300, 310, { status: 422, code: 'insufficient_funds', operationId: 'rent' }),
    );
  });
  reports('rejection-not-kept', 'a rejection has another reason', (world) => {
    parts(world).rows[2]!.reason = 'wallet_frozen';
  });
  reports('rejection-not-kept', 'a rejection moved money', ({ books }) => {
    books.entries.push(entry(ANN, 3, 'dream', -500, -430));
  });
  reports('answers-differ', 'an asked outcome is not the stored one', (world) => {
    const { rent } = parts(world);
    const result = { status: 200, operationId: 'rent', word: 'REJECTED', reason: 'insufficient_funds' };
    rent.attempts.push(answered(300, 310, result, { what: 'ask' }));
  });
  reports('answers-differ', 'a known outcome is pending again', (world) => {
    const { rent } = parts(world);
    rent.attempts.push(answered(300, 310, { status: 202, operationId: 'rent', word: 'PENDING' }));
  });
  reports('wrongly-refused', 'a key is called used by the only body it had', (world) => {
    parts(world).rent.attempts.push(answered(300, 310, { status: 422, code: 'idempotency_key_reused' }));
  });
  reports('applied-missing', 'another body under a used key is taken for the first', (world) => {
    const { rent } = parts(world);
    rent.clash = { walletId: BOB, amountMinor: 31, details: 'another rent' };
    rent.attempts.push(answered(300, 310, applied('rent', ANN, 70), { which: 'clash' }));
  });
  reports('refused-but-stored', 'what was refused as never begun is there', (world) => {
    const { rent } = parts(world);
    rent.attempts = [answered(100, 150, { status: 503, code: 'unavailable' })];
  });
  reports('not-sent', 'nobody has sent an operation', ({ history }) => {
    history.operations.splice(1, 1);
  });
  reports('not-sent', 'an operation has another amount than was sent', (world) => {
    parts(world).rent.own.amountMinor = 31;
  });
  reports('status-not-allowed', 'a 500', (world) => {
    parts(world).rent.attempts.push(answered(300, 310, { status: 500, code: 'internal' }));
  });
  reports('status-not-allowed', 'a 404 about a wallet that is there', (world) => {
    parts(world).rent.attempts.push(answered(300, 310, { status: 404, code: 'wallet_not_found' }));
  });
  reports('status-not-allowed', 'a 401 to a reader', ({ history }) => {
    history.reads[1]!.result = { status: 401, code: 'unauthenticated' };
  });
  reports('sequence', 'a number is missing', ({ books }) => {
    books.entries[2]!.seq = 3;
  });
  reports('sequence', 'a wallet counts more entries than it has', ({ books }) => {
    books.wallets[1]!.version = 3;
  });
  reports('running-balance', 'a balance is not the running sum', ({ books }) => {
    books.entries[2]!.balanceAfterMinor = 71;
  });
  reports('running-balance', 'a wallet has another balance than its last entry', ({ books }) => {
    books.wallets[1]!.balanceMinor = 71;
  });
  reports('entries', 'an operation has one side only', ({ books }) => {
    books.entries.pop();
  });
  reports('entries', 'an entry belongs to no operation', ({ books }) => {
    books.entries.push(entry(BOB, 2, 'nothing', 5, 35));
  });
  reports('overdraft', 'a customer was below zero', ({ books }) => {
    books.entries[2]!.balanceAfterMinor = -1;
  });
  reports('books-not-zero', 'money was made', ({ books }) => {
    books.wallets[2]!.balanceMinor = 31;
  });
  reports('pending-left', 'a promise is left', ({ books }) => {
    books.pendingIds.push('dream');
  });
  reports('order', 'what was known before comes later', (world) => {
    const { gift, rent } = parts(world);
    gift.attempts = [answered(200, 250, applied('gift', ANN, 100))];
    rent.attempts = [answered(100, 150, applied('rent', ANN, 70))];
  });
  reports('rejected-with-funds', 'there was enough all the while', (world) => {
    const { dream, rows } = parts(world);
    dream.own.amountMinor = rows[2]!.amountMinor = 70;
  });
  reports('read-not-a-state', 'a balance was shown that never was', ({ history }) => {
    history.reads[0] = look(60, 70, [[1, 'gift', 100, 99]]);
  });
  reports('read-went-back', 'a reader saw less than before', ({ history }) => {
    history.reads.push(look(180, 190, [[1, 'gift', 100, 100]]));
  });
  reports('read-stale', 'a reader saw less than was known', ({ history }) => {
    history.reads[1] = look(160, 170, [[1, 'gift', 100, 100]]);
  });

  describe('two bodies under one key', () => {
    /** Another body was promised by a 202 sent at `sentAtMs`, and the first one, decided at 140, took the key. */
    const promisedAnother = (sentAtMs: number) => {
      const world = soundWorld();
      const { rent } = parts(world);
      rent.clash = { walletId: BOB, amountMinor: 31, details: 'another rent' };
      const promise = { status: 202, operationId: 'rent', word: 'PENDING' };
      rent.attempts.push(answered(sentAtMs, sentAtMs + 45, promise, { which: 'clash' }));
      return rulesOf(world);
    };

    it('are a violation when both are under way at the moment of the decision', () => {
      expect(promisedAnother(105)).toEqual(['promise-broken']);
    });

    it('are a violation when the second is sent after the first was decided', () => {
      expect(promisedAnother(5_000)).toContain('promise-broken');
    });

    it('are a violation when the second was answered before the first was decided', () => {
      expect(promisedAnother(20)).toContain('promise-broken');
    });
  });
});
