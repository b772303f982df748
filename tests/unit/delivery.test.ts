/** Which of what is known about an operation is an answer to whoever waits for it. */
import { describe, expect, test } from 'vitest';
import { createDelivery } from '../../api/submission/delivery.ts';
import type { End, SentEnvelope } from '../../api/submission/delivery.ts';
import type { Command } from '../../shared/ledger/command.ts';
import type { LedgerQueue } from '../../shared/queue/ledgerQueue.ts';
import type { KnownOutcome } from '../../shared/store/ledger/readOutcomes.ts';
import { command } from '../support/ledger.ts';

const ANOTHER_HASH = 'ff'.repeat(32);

/** An envelope of `commands` that was sent, and a delivery to which `known` is all that the store says. */
function sent(commands: readonly Command[], known: readonly KnownOutcome[] | Error) {
  const ends = new Map<string, End>();
  const envelope: SentEnvelope = {
    ...{ jobId: 'e-1', arrivedAtMs: 0, sentAtMs: 0, lookedUpAtMs: 0, isHandled: false, ring: () => undefined },
    commands: commands.map((each) => ({
      ...{ command: each, arrivedAtMs: 0, state: 'sent' as const, hasWaiter: true },
      onEnd: (end) => ends.set(each.id, end),
    })),
  };
  const readOutcomes = (ids: readonly string[]) =>
    known instanceof Error
      ? Promise.reject(known)
      : Promise.resolve(new Map(known.filter(({ id }) => ids.includes(id)).map((one) => [one.id, one])));
  const delivery = createDelivery({
    ...{ queue: {} as LedgerQueue, isQueueAway: () => false, neverSent: () => false },
    ...{ reportQueueFailure: () => undefined, readOutcomes },
  });
  const states = () => envelope.commands.map(({ state }) => state);
  return { envelope, delivery, ends, states };
}

describe('whoever waits for an operation', () => {
  const asked = command();
  const own = { id: asked.id, requestHash: asked.requestHash };

  test('is not answered by the promise of this very request: it is not decided yet', async () => {
    const { envelope, delivery, ends, states } = sent([asked], [{ ...own, state: 'pending' }]);
    expect(await delivery.settle(envelope)).toBe(false);
    expect([ends.size, states()]).toEqual([0, ['sent']]);
  });

  test('is answered by the promise of another request under the same id: it wins', async () => {
    const promise: KnownOutcome = { id: asked.id, requestHash: ANOTHER_HASH, state: 'pending' };
    const { envelope, delivery, ends, states } = sent([asked], [promise]);
    expect(await delivery.settle(envelope)).toBe(true);
    expect([ends.get(asked.id), states()]).toEqual([promise, ['settled']]);
  });

  test.each<KnownOutcome>([
    { ...own, state: 'applied', requestId: 'r', balanceMinor: 5n, heldMinor: 0n, result: null },
    { ...own, state: 'rejected', requestId: 'r', reason: 'insufficient_funds' },
    {
      ...own,
      requestHash: ANOTHER_HASH,
      state: 'applied',
      requestId: 'r',
      balanceMinor: 5n,
      heldMinor: 0n,
      result: null,
    },
  ])('is answered by what is stored, whoever asked for it: $state', async (outcome) => {
    const { envelope, delivery, ends } = sent([asked], [outcome]);
    expect(await delivery.settle(envelope)).toBe(true);
    expect(ends.get(asked.id)).toEqual(outcome);
  });

  test('is answered once, and apart from the others of its envelope', async () => {
    const other = command({ id: '00000000-0000-4000-8000-0000000000ff' });
    const outcome: KnownOutcome = {
      ...own,
      state: 'applied',
      requestId: 'r',
      balanceMinor: 5n,
      heldMinor: 0n,
      result: null,
    };
    const { envelope, delivery, ends, states } = sent(
      [asked, other],
      [outcome, { ...own, id: other.id, state: 'pending' }],
    );
    expect(await delivery.settle(envelope)).toBe(false);
    expect(states()).toEqual(['settled', 'sent']);
    ends.clear();
    expect(await delivery.settle(envelope)).toBe(false);
    expect(ends.size).toBe(0);
  });

  test('waits on when the store cannot be read', async () => {
    const { envelope, delivery, ends } = sent([asked], new Error('away'));
    expect([await delivery.settle(envelope), ends.size]).toEqual([false, 0]);
  });
});
