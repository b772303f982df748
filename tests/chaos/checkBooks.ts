/** The books by themselves: numbers without gaps, balances that are the running sum, nothing made and nothing lost. */
import type { EntryRow, OperationRow, WalletRow } from './books.ts';
import type { Evidence, Violation } from './evidence.ts';
import { groupBy } from './evidence.ts';

export function checkBooks(evidence: Evidence): Violation[] {
  const { books, entriesOfWallet, entriesOfOperation, caseOfRow } = evidence;
  const operationIds = new Set(books.operations.map(({ id }) => id));
  const walletIds = new Set(books.wallets.map(({ id }) => id));
  const strays = books.entries.filter(
    (entry) => !operationIds.has(entry.operationId) || !walletIds.has(entry.walletId),
  );
  return [
    ...books.wallets.flatMap((wallet) => checkWallet(wallet, entriesOfWallet.get(wallet.id) ?? [])),
    ...books.operations.flatMap((row) =>
      checkSides(row, entriesOfOperation.get(row.id) ?? []).map((violation) => ({
        ...violation,
        operation: caseOfRow.get(row.id)?.operation,
      })),
    ),
    ...strays.map((entry) => ({ rule: 'entries', says: 'an entry belongs to nothing', rows: [entry] })),
    ...checkSums(books.wallets),
    ...books.pendingIds.map((id) => ({ rule: 'pending-left', says: `operation ${id} is still only promised` })),
  ];
}

function checkWallet(wallet: WalletRow, entries: readonly EntryRow[]): Violation[] {
  const violations: Violation[] = [];
  const report = (rule: string, says: string, rows: unknown[]) => violations.push({ rule, says, rows });
  let balance = 0;
  entries.forEach((entry, index) => {
    if (entry.seq !== index + 1)
      report('sequence', `wallet ${wallet.id} has number ${entry.seq} in place ${index + 1}`, [entry]);
    balance += entry.amountMinor;
    if (entry.balanceAfterMinor !== balance) {
      report('running-balance', `wallet ${wallet.id} should have ${balance} after number ${entry.seq}`, [entry]);
    }
    if (wallet.kind === 'customer' && entry.balanceAfterMinor < 0) {
      report('overdraft', `customer wallet ${wallet.id} was below zero`, [entry]);
    }
  });
  if (wallet.version !== entries.length)
    report('sequence', `wallet ${wallet.id} has ${entries.length} entries`, [wallet]);
  if (wallet.balanceMinor !== balance)
    report('running-balance', `wallet ${wallet.id} should have ${balance}`, [wallet]);
  if (wallet.kind === 'customer' && wallet.balanceMinor < 0) report('overdraft', 'a customer is below zero', [wallet]);
  return violations;
}

/** An applied movement has taken from one wallet what it gave to the other; an applied freezing is one row that moves nothing. */
function checkSides(row: OperationRow, entries: readonly EntryRow[]): Violation[] {
  const isThere = (walletId: number, seq: number | null, amountMinor: number) =>
    entries.some((entry) => entry.walletId === walletId && entry.seq === seq && entry.amountMinor === amountMinor);
  const sides =
    isThere(row.debitWalletId, row.debitSeq, row.amountMinor === 0 ? 0 : -row.amountMinor) &&
    isThere(row.creditWalletId, row.creditSeq, row.amountMinor);
  const isMovement = row.kind === 'deposit' || row.kind === 'transfer';
  const rows = row.status !== 'applied' ? 0 : isMovement ? 2 : 1;
  const isSound = entries.length === rows && (rows === 0 || sides);
  return isSound
    ? []
    : [{ rule: 'entries', says: `an operation that is ${row.status} has other entries`, rows: [row, ...entries] }];
}

function checkSums(wallets: readonly WalletRow[]): Violation[] {
  return [...groupBy(wallets, ({ currency }) => currency)].flatMap(([currency, group]) => {
    const sum = group.reduce((total, { balanceMinor }) => total + balanceMinor, 0);
    return sum === 0 ? [] : [{ rule: 'books-not-zero', says: `all balances in ${currency} make ${sum}, not zero` }];
  });
}
