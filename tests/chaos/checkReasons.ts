/**
 * Whether what was rejected deserved it. In a run a movement may be rejected because the payer has not enough money
 * (judged in `checkOrder.ts`), because its wallet is frozen, or because another item of its list was rejected; there is
 * no other reason that the clients of a run give. A payment that was promised and then thrown away as `internal_error` is
 * as lost as one that is not there.
 */
import type { OperationRow } from './books.ts';
import type { Case, Evidence, Violation } from './evidence.ts';
import { groupBy } from './evidence.ts';
import { createFreezings } from './freezings.ts';
import type { Freezings } from './freezings.ts';

export function checkReasons(evidence: Evidence): Violation[] {
  const freezings = createFreezings(evidence.cases);
  return [
    ...evidence.books.operations.flatMap((row) => {
      const each = evidence.caseOfRow.get(row.id);
      const says = undeserved(row, each, freezings);
      return says === undefined
        ? []
        : [{ rule: 'undeserved-rejection', says, operation: each?.operation, rows: [row] }];
    }),
    ...evidence.cases.flatMap((each) => (paidWhileFrozen(each, freezings) ? [ignoredFreeze(each)] : [])),
    ...[...evidence.lists].flatMap(([name, items]) => checkList(name, items)),
    ...checkWallets(evidence, freezings),
  ];
}

/** Also of a row that no client knows again: its own texts may have been thrown away with it. */
function undeserved(row: OperationRow, each: Case | undefined, freezings: Freezings): string | undefined {
  const { status, kind, reason } = row;
  if (status !== 'rejected') return undefined;
  if (reason === 'insufficient_funds' && kind === 'transfer') return undefined;
  if (reason === 'list_rejected' && each?.operation.list !== undefined) return undefined;
  if (reason !== 'wallet_frozen') return `a ${kind} was thrown away as ${reason}`;
  if (each && freezings.mayBeFrozen(row.debitWalletId, each.firstSentMs, each.knownMs)) return undefined;
  return `it was rejected as wallet_frozen, and wallet ${row.debitWalletId} was not frozen`;
}

function paidWhileFrozen({ operation, stands, firstSentMs, knownMs }: Case, freezings: Freezings): boolean {
  if (operation.kind !== 'transfer' || !stands) return false;
  // A list is rejected for the first item that cannot be: the others say nothing of their own.
  const { status, reason } = stands.row;
  if (status !== 'applied' && reason !== 'insufficient_funds') return false;
  return freezings.isCertainlyFrozen(operation.payerWalletId, firstSentMs, knownMs);
}

function ignoredFreeze({ operation, stands }: Case): Violation {
  const says = 'the payer was frozen before it was sent until after it was decided';
  return { rule: 'frozen-ignored', says, operation, rows: [stands?.row] };
}

/** All of it or nothing, in one piece: nothing else of the payer's comes between two items. */
function checkList(name: string, items: readonly Case[]): Violation[] {
  const stored = items.flatMap(({ stands }) => stands?.row ?? []);
  if (stored.length === 0) return [];
  const torn = (says: string): Violation[] => {
    return [{ rule: 'list-torn', says: `of list ${name} ${says}`, operation: items[0]?.operation, rows: stored }];
  };
  if (stored.length < items.length) return torn(`${stored.length} of ${items.length} items are stored`);
  const applied = stored.filter(({ status }) => status === 'applied');
  if (applied.length === 0) {
    const isDeserved = stored.some(({ reason }) => reason !== 'list_rejected');
    return isDeserved ? [] : torn('every item is rejected on account of the others');
  }
  if (applied.length < items.length) return torn(`${applied.length} of ${items.length} items are applied`);
  const firstSeq = applied[0]?.debitSeq ?? NaN;
  const isInOnePiece = applied.every(({ debitSeq }, index) => debitSeq === firstSeq + index);
  return isInOnePiece ? [] : torn('the items are not next to each other, in order');
}

/** After the last order, whose outcome is known as that of all before it, a wallet is as it says. */
function checkWallets({ books, cases }: Evidence, freezings: Freezings): Violation[] {
  const orders = groupBy(
    cases.filter(({ operation }) => operation.kind === 'freeze' || operation.kind === 'unfreeze'),
    ({ operation }) => operation.payerWalletId,
  );
  return books.wallets.flatMap((wallet) => {
    const last = orders.get(wallet.id)?.at(-1);
    const shouldBe = last?.operation.kind === 'freeze';
    if (wallet.isFrozen === shouldBe || (last && !freezings.isKnown(wallet.id))) return [];
    const says = `wallet ${wallet.id} is ${wallet.isFrozen ? '' : 'not '}frozen after ${last?.operation.kind ?? 'no order'}`;
    return [{ rule: 'frozen-ignored', says, operation: last?.operation, rows: [wallet] }];
  });
}
