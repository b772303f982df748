/**
 * The ledger's one decision over random books and random lists of commands. A failing property prints its seed and path;
 * give both to `fc.assert` to see the same case again.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../shared/ledger/decide.ts';
import type { Decision, LedgerState } from '../../shared/ledger/decide.ts';
import { inUnits } from '../../shared/ledger/command.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { KINDS, REASONS_OF_ANY, isMovement } from '../../shared/ledger/kinds.ts';
import { LIMIT_MINOR } from '../../shared/ledger/money.ts';
import { anyBook, anyCommands } from '../support/anyLedger.ts';
import { NOTHING, NOW_MS, after, reasons } from '../support/ledger.ts';

/** Freezes the commands, the maps' values and, by refusing writes, the maps themselves. */
function frozen(state: LedgerState): LedgerState {
  const sealed = <T extends object>(collection: T): T =>
    new Proxy(collection, {
      get(target, name) {
        if (['set', 'add', 'delete', 'clear'].includes(String(name))) throw new Error(`${String(name)} on an input`);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  for (const each of state.wallets.values()) Object.freeze(each);
  return Object.freeze({
    wallets: sealed(state.wallets),
    // `new Set(other)` reads the iterator of a proxy like that of a set.
    storedIds: sealed(state.storedIds),
    promisedHashes: sealed(state.promisedHashes),
  });
}

const byId = (a: { id: bigint }, b: { id: bigint }) => Number(a.id - b.id);

/** Runs a property over decisions, and refuses to pass on a sample that has not met every outcome there is. */
function forAnyDecision(property: (commands: Command[], state: LedgerState, decision: Decision) => void): void {
  const seen = new Set<string>();
  fc.assert(
    fc.property(anyBook, anyCommands, (state, commands) => {
      const decision = decide(commands, state, NOW_MS);
      for (const reason of reasons(decision)) seen.add(reason);
      for (const { command: one, status } of decision.outcomes) {
        if (status === 'applied') seen.add(one.list && one.list.size > 1 ? 'applied in a list' : `applied ${one.kind}`);
      }
      property(commands, state, decision);
    }),
    { numRuns: 500 },
  );
  const applied = ['applied', 'applied deposit', 'applied transfer', 'applied freeze', 'applied unfreeze'];
  const { deposit, transfer, freeze } = KINDS;
  const named = [deposit, transfer, freeze].flatMap((kind) => kind.reasons);
  const refused = new Set(
    [...named, ...REASONS_OF_ANY, 'list_rejected'].filter((reason) => reason !== 'internal_error'),
  );
  expect([...seen].sort()).toEqual([...applied, 'applied in a list', ...refused].sort());
}

const moves = ({ kind }: Command) => isMovement(kind);
const withoutList = (one: Command): Command => {
  const single = { ...one };
  delete single.list;
  return single;
};

describe('for any book and any commands', () => {
  test('money is neither made nor lost, per operation and in all', () => {
    forAnyDecision((_commands, state, { outcomes, entries, wallets }) => {
      const sums = new Map<string, bigint>();
      for (const entry of entries) {
        sums.set(entry.operationId, (sums.get(entry.operationId) ?? 0n) + entry.amountMinor);
      }
      expect([...sums.values()].every((sum) => sum === 0n)).toBe(true);
      const rows = outcomes.map(({ command: one, status }) => (status === 'applied' ? (moves(one) ? 2 : 1) : 0));
      expect(entries).toHaveLength(rows.reduce<number>((sum, each) => sum + each, 0));
      const before = wallets.reduce((sum, each) => sum + state.wallets.get(each.id)!.balanceMinor, 0n);
      expect(wallets.reduce((sum, each) => sum + each.balanceMinor, 0n)).toBe(before);
    });
  });

  test('a refusal is one that its kind, or any command, is documented to have', () => {
    forAnyDecision((_commands, _state, { outcomes }) => {
      for (const outcome of outcomes) {
        if (outcome.status === 'applied') continue;
        const { kind, list } = outcome.command;
        const documented = [...KINDS[kind].reasons, ...REASONS_OF_ANY, ...(list ? ['list_rejected'] : [])];
        expect(documented, kind).toContain(outcome.reason);
      }
    });
  });

  test('every wallet is numbered without gaps and its balances are the running sum of its entries', () => {
    forAnyDecision((_commands, state, { outcomes, entries, wallets }) => {
      for (const changed of wallets) {
        let { version, balanceMinor } = state.wallets.get(changed.id)!;
        for (const entry of entries.filter((each) => each.walletId === changed.id)) {
          expect(entry.seq).toBe(version + 1n);
          expect(entry.balanceAfterMinor).toBe(balanceMinor + entry.amountMinor);
          ({ seq: version, balanceAfterMinor: balanceMinor } = entry);
        }
        const { isFrozen } = changed;
        expect(changed).toEqual({ ...state.wallets.get(changed.id)!, version, balanceMinor, isFrozen });
      }
      const touched = outcomes.flatMap(({ command: one, status }) =>
        status === 'applied' ? [one.debitWalletId, one.creditWalletId] : [],
      );
      expect(new Set(touched)).toEqual(new Set(wallets.map((each) => each.id)));
    });
  });

  test('an applied outcome names the two entries that it made, with its amount', () => {
    forAnyDecision((_commands, _state, { outcomes, entries }) => {
      const entryAt = new Map(entries.map((entry) => [`${entry.walletId}/${entry.seq}`, entry]));
      for (const outcome of outcomes) {
        if (outcome.status !== 'applied') continue;
        const { debitSeq, creditSeq } = outcome;
        const { id, debitWalletId, creditWalletId, amountMinor } = outcome.command;
        if (moves(outcome.command)) {
          const [debit, credit] = [`${debitWalletId}/${debitSeq}`, `${creditWalletId}/${creditSeq}`];
          expect(entryAt.get(debit)).toMatchObject({ operationId: id, amountMinor: -amountMinor });
          expect(entryAt.get(credit)).toMatchObject({ operationId: id, amountMinor });
        } else {
          expect(debitSeq).toBe(creditSeq);
          expect(entryAt.get(`${debitWalletId}/${debitSeq}`)).toMatchObject({ operationId: id, amountMinor: 0n });
        }
      }
    });
  });

  test('no customer wallet goes below what it holds, and no wallet past fifteen digits', () => {
    forAnyDecision((_commands, state, { entries }) => {
      for (const entry of entries) {
        const { kind, heldMinor } = state.wallets.get(entry.walletId)!;
        if (kind === 'customer') expect(entry.balanceAfterMinor).toBeGreaterThanOrEqual(heldMinor);
        expect(entry.balanceAfterMinor).toBeLessThanOrEqual(LIMIT_MINOR);
        expect(entry.balanceAfterMinor).toBeGreaterThanOrEqual(-LIMIT_MINOR);
      }
    });
  });

  test('no frozen wallet pays, and every wallet ends as the last applied freezing left it', () => {
    forAnyDecision((_commands, state, { outcomes, wallets }) => {
      const isFrozen = new Map([...state.wallets.values()].map((each) => [each.id, each.isFrozen]));
      for (const { command: one, status } of outcomes) {
        if (status !== 'applied') continue;
        if (moves(one)) expect(isFrozen.get(one.debitWalletId)).toBe(false);
        else isFrozen.set(one.debitWalletId, one.kind === 'freeze');
      }
      for (const each of wallets) expect(each.isFrozen).toBe(isFrozen.get(each.id));
    });
  });

  test('every id gets one outcome, in order, unless it has one or another body was promised', () => {
    forAnyDecision((commands, state, { outcomes }) => {
      const expected = new Map<string, Command>();
      for (const one of commands) {
        const promised = state.promisedHashes.get(one.id) ?? one.requestHash;
        const dropped = state.storedIds.has(one.id) || expected.has(one.id) || promised !== one.requestHash;
        if (!dropped) expected.set(one.id, one);
      }
      expect(outcomes.map((outcome) => outcome.command)).toEqual([...expected.values()]);
    });
  });

  test('money moves only between wallets of the command, of one currency, in the right direction', () => {
    forAnyDecision((_commands, state, { outcomes }) => {
      for (const { command: one, status } of outcomes) {
        if (status !== 'applied' || !moves(one)) continue;
        const debit = state.wallets.get(one.debitWalletId)!;
        const credit = state.wallets.get(one.creditWalletId)!;
        expect(debit.kind).toBe(one.kind === 'deposit' ? 'settlement' : 'customer');
        expect(credit.kind).toBe('customer');
        expect([debit.currency, credit.currency]).toEqual([one.currency, one.currency]);
        expect(debit.id).not.toBe(credit.id);
      }
    });
  });

  test('a list is what its items would be one by one if all of them are there and none is refused, and nothing otherwise', () => {
    forAnyDecision((commands, given) => {
      let state = given;
      for (const unit of inUnits(commands)) {
        const decision = decide(unit, state, NOW_MS);
        if (unit[0]?.list) {
          const open = decision.outcomes.map((outcome) => outcome.command);
          const apart = decide(open.map(withoutList), state, NOW_MS);
          const isWhole = open.every(({ list }) => list?.size === open.length);
          const isApplied = isWhole && !reasons(apart).some((reason) => reason !== 'applied');
          expect(reasons(decision)).toEqual(
            reasons(apart).map((reason) => (isApplied || reason !== 'applied' ? reason : 'list_rejected')),
          );
          const { entries, wallets } = isApplied ? apart : NOTHING;
          expect({ entries: decision.entries, wallets: decision.wallets }).toEqual({ entries, wallets });
        }
        state = after(state, decision);
      }
    });
  });

  test('deciding in two parts, cut anywhere but inside a list, is deciding at once', () => {
    fc.assert(
      fc.property(anyBook, anyCommands, fc.nat(), (state, commands, cut) => {
        const units = inUnits(commands);
        const at = cut % (units.length + 1);
        const whole = decide(commands, state, NOW_MS);
        const first = decide(units.slice(0, at).flat(), state, NOW_MS);
        const second = decide(units.slice(at).flat(), after(state, first), NOW_MS);
        expect([...first.outcomes, ...second.outcomes]).toEqual(whole.outcomes);
        expect([...first.entries, ...second.entries]).toEqual(whole.entries);
        const changed = new Map([...first.wallets, ...second.wallets].map((each) => [each.id, each]));
        expect([...changed.values()].sort(byId)).toEqual([...whole.wallets].sort(byId));
      }),
      { numRuns: 500 },
    );
  });

  test('deciding again what was decided changes nothing', () => {
    forAnyDecision((commands, state, decision) => {
      expect(decide(commands, after(state, decision), NOW_MS)).toEqual(NOTHING);
    });
  });

  test('the inputs are only read, and the same inputs decide the same', () => {
    fc.assert(
      fc.property(anyBook, anyCommands, (state, commands) => {
        const expected = decide(commands, state, NOW_MS);
        const copy = structuredClone({ state, commands });
        for (const one of commands) Object.freeze(one);
        expect(decide(Object.freeze(commands), frozen(state), NOW_MS)).toEqual(expected);
        expect({ state, commands }).toEqual(copy);
      }),
    );
  });
});
