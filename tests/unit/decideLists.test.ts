/** Atomic lists, by example: all items or none, whatever is wrong with one of them and however they are delivered. */
import { describe, expect, test } from 'vitest';
import { decide } from '../../shared/ledger/decide.ts';
import type { Decision } from '../../shared/ledger/decide.ts';
import type { Command } from '../../shared/ledger/command.ts';
import {
  ANNA,
  BORIS,
  NOTHING,
  NOW_MS,
  after,
  command,
  freeze,
  listed,
  reasons,
  unfreeze,
  usualBook,
} from '../support/ledger.ts';

describe('an atomic list', () => {
  const reasonsIn = (commands: Command[], state = usualBook()) => reasons(decide(commands, state, NOW_MS));

  test('of which nothing is refused is applied as its items would be one by one', () => {
    const items = [
      command({ amountMinor: 600n }),
      command({ amountMinor: 400n }),
      command({ debitWalletId: BORIS, creditWalletId: ANNA, amountMinor: 1_000n }),
    ];
    const plain = ({ outcomes, ...rest }: Decision) => ({
      ...rest,
      outcomes: outcomes.map((outcome) => ({ ...outcome, command: outcome.command.id })),
    });
    const decision = decide(listed(items), usualBook(), NOW_MS);
    expect(reasons(decision)).toEqual(['applied', 'applied', 'applied']);
    expect(plain(decision)).toEqual(plain(decide(items, usualBook(), NOW_MS)));
  });

  test('of which one item is refused changes nothing: that item has its own reason, the others list_rejected', () => {
    const items = [command({ amountMinor: 600n }), command({ amountMinor: 401n }), command({ amountMinor: 400n })];
    const decision = decide(listed(items), usualBook(), NOW_MS);
    expect(reasons(decision)).toEqual(['list_rejected', 'insufficient_funds', 'list_rejected']);
    expect([decision.entries, decision.wallets]).toEqual([[], []]);
  });

  test('that is refused leaves the balances to those after it as those before it left them', () => {
    const refused = listed([command({ amountMinor: 500n }), command({ amountMinor: 501n })]);
    const commands = [command({ amountMinor: 400n }), ...refused, command({ amountMinor: 600n })];
    const decision = decide(commands, usualBook(), NOW_MS);
    expect(reasons(decision)).toEqual(['applied', 'list_rejected', 'insufficient_funds', 'applied']);
    expect(decision.wallets.map(({ balanceMinor }) => balanceMinor)).toEqual([0n, 1_000n]);
    expect(decision.entries.map(({ seq }) => seq)).toEqual([2n, 1n, 3n, 2n]);
  });

  test('of several refused items gives each its own reason', () => {
    const items = [command({ creditWalletId: 99n }), command({ amountMinor: 1_001n }), command({ currency: 'USD' })];
    expect(reasonsIn(listed(items))).toEqual(['wallet_not_found', 'insufficient_funds', 'currency_mismatch']);
  });

  test('of which an item has expired is refused whole', () => {
    const items = [command(), command({ expiresAtMs: NOW_MS - 1 })];
    expect(reasonsIn(listed(items))).toEqual(['list_rejected', 'expired']);
  });

  test('of a wallet that is frozen before it is refused, and of one that is thawed before it applied', () => {
    const items = () => listed([command(), command()]);
    expect(reasonsIn([freeze(ANNA), ...items(), unfreeze(ANNA), ...items()])).toEqual([
      ...['applied', 'wallet_frozen', 'wallet_frozen'],
      ...['applied', 'applied', 'applied'],
    ]);
  });

  test('that is refused does not leave a wallet frozen that one of its items froze', () => {
    const refused = listed([freeze(ANNA), command()]);
    expect(reasonsIn([...refused, command()])).toEqual(['list_rejected', 'wallet_frozen', 'applied']);
  });

  test('of one item is decided like that item alone', () => {
    expect(reasonsIn(listed([command()]))).toEqual(['applied']);
    expect(reasonsIn(listed([command({ amountMinor: 1_001n })]))).toEqual(['insufficient_funds']);
  });

  test('of which an item is missing is refused, wherever it is missing', () => {
    for (const missing of [0, 1, 2]) {
      const items = listed([command(), command(), command()]);
      items.splice(missing, 1);
      expect(reasonsIn(items)).toEqual(['list_rejected', 'list_rejected']);
    }
  });

  test('cut in two by another command is refused, both parts, and that command applied', () => {
    const [first, last] = listed([command(), command()]) as [Command, Command];
    expect(reasonsIn([first, command(), last])).toEqual(['list_rejected', 'applied', 'list_rejected']);
  });

  test('mixed item by item with another list is refused, both', () => {
    const [a1, a2] = listed([command(), command()]) as [Command, Command];
    const [b1, b2] = listed([command(), command()]) as [Command, Command];
    expect(reasonsIn([a1, b1, a2, b2])).toEqual(Array.from({ length: 4 }, () => 'list_rejected'));
    expect(reasonsIn([a1, a2, b1, b2])).toEqual(Array.from({ length: 4 }, () => 'applied'));
  });

  test('beside another list keeps its own outcome', () => {
    const poor = listed([command({ amountMinor: 1_000n }), command()]);
    const fine = listed([command({ amountMinor: 999n }), command({ amountMinor: 1n })]);
    expect(reasonsIn([...poor, ...fine])).toEqual(['list_rejected', 'insufficient_funds', 'applied', 'applied']);
  });

  test('with the same id twice inside is not the list that it says it is, and is refused', () => {
    const one = command();
    expect(reasonsIn(listed([one, command(), { ...one }]))).toEqual(['list_rejected', 'list_rejected']);
  });

  test('of more or other items than it says is refused', () => {
    expect(reasonsIn(listed([command(), command()], 1))).toEqual(['list_rejected', 'list_rejected']);
    const [first, last] = listed([command(), command()]) as [Command, Command];
    expect(reasonsIn([first, { ...last, list: { ...last.list!, size: 3 } }])).toEqual([
      'list_rejected',
      'list_rejected',
    ]);
  });

  test('delivered twice in one envelope, side by side or apart, is applied once', () => {
    const items = listed([command({ amountMinor: 300n }), command({ amountMinor: 400n })]);
    const copy = items.map((item) => ({ ...item }));
    for (const commands of [
      [...items, ...copy],
      [...items, command(), ...copy],
      [items[0]!, items[1]!, copy[1]!, copy[0]!],
      [items[0]!, copy[0]!, items[1]!, copy[1]!],
    ]) {
      const { outcomes, entries } = decide(commands, usualBook(), NOW_MS);
      const ofList = outcomes.filter(({ command: { id } }) => items.some((item) => item.id === id));
      expect(ofList.map(({ command: { id }, status }) => [id, status])).toEqual(items.map(({ id }) => [id, 'applied']));
      expect(entries.filter(({ amountMinor }) => amountMinor === -300n)).toHaveLength(1);
    }
  });

  test('delivered again after it was decided leaves no trace', () => {
    for (const items of [
      listed([command(), command()]),
      listed([command({ amountMinor: 1_000n }), command({ amountMinor: 1_000n })]),
    ]) {
      const state = usualBook();
      expect(decide(items, after(state, decide(items, state, NOW_MS)), NOW_MS)).toEqual(NOTHING);
    }
  });

  test('of which a single under the same id was decided before is refused, and the single keeps its outcome', () => {
    const single = command();
    const others = [command(), command()];
    const items = listed([others[0]!, single, others[1]!]);
    expect(reasonsIn([single, ...items])).toEqual(['applied', 'list_rejected', 'list_rejected']);
    const stored = usualBook({ storedIds: new Set([single.id]) });
    expect(decide(items, stored, NOW_MS).outcomes.map((outcome) => [outcome.command.id, outcome.status])).toEqual(
      others.map(({ id }) => [id, 'rejected']),
    );
    expect(reasonsIn(items, stored)).toEqual(['list_rejected', 'list_rejected']);
  });

  test('comes before a single under the same id that is behind it: the single is dropped', () => {
    const single = command();
    expect(reasonsIn([...listed([single, command()]), single])).toEqual(['applied', 'applied']);
  });

  test('of which another body is promised under an id is refused, and that id waits for what was promised', () => {
    const [first, last] = listed([command(), command()]) as [Command, Command];
    const state = usualBook({ promisedHashes: new Map([[last.id, 'b'.repeat(64)]]) });
    const decision = decide([first, last], state, NOW_MS);
    expect(decision.outcomes).toEqual([{ command: first, status: 'rejected', reason: 'list_rejected' }]);
    expect([decision.entries, decision.wallets]).toEqual([[], []]);
  });

  test('of which this very body is promised under an id is applied, late as it may be', () => {
    const items = listed([command(), command()]);
    const promisedHashes = new Map(items.map(({ id, requestHash }) => [id, requestHash]));
    const late = decide(items, usualBook({ promisedHashes }), NOW_MS + 86_400_000);
    expect(reasons(late)).toEqual(['applied', 'applied']);
  });
});
