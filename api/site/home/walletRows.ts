/**
 * The list of a wallet's page: what is under way first, then what has happened and what was refused, by time. A payment
 * is one row from the moment it is sent: *sending*, and then an operation or *not sent*, with the reason.
 */
import type {
  PendingMovement,
  RefusedMovement,
  WalletEntry,
  WalletPage,
} from '../../../shared/store/ledger/readWalletPage.ts';
import { PROBLEMS } from '../../../shared/problems.ts';
import { printerFor } from '../../html/printAmount.ts';
import type { PrintAmount } from '../../html/printAmount.ts';
import { shorten } from '../../html/shorten.ts';
import type { Words } from '../../html/shorten.ts';
import { KIND_WORDS } from '../kindWords.ts';
import { newsOf } from '../wordings.ts';

interface RowView {
  id: string;
  state: 'pending' | 'applied' | 'rejected';
  title: string;
  amount: string;
  isIncoming: boolean;
  at: Date;
  note: string;
  details: Words | null;
  /** What a page that has shown it as under way says of it now. */
  news: string | undefined;
}

export function rowsOf(wallet: WalletPage, isFirst: boolean): RowView[] {
  const print = printerFor(wallet.currency);
  const { currency } = wallet;
  const newsFor = (row: WalletEntry | RefusedMovement, state: 'applied' | 'rejected', amountMinor: bigint) => {
    const reason = 'reason' in row ? row.reason : null;
    return newsOf({ kind: row.kind, state, reason, amountMinor, currency, creditWalletId: row.counterpartyWalletId });
  };
  const rows = wallet.entries.map((entry) => entryRow(entry, print, newsFor(entry, 'applied', -entry.amountMinor)));
  // Entries stay in the order of their numbers, whatever the times say.
  for (const refused of wallet.refused) {
    const row = refusedRow(refused, print, newsFor(refused, 'rejected', refused.amountMinor));
    const older = rows.findIndex(({ at }) => at < row.at);
    rows.splice(older === -1 ? rows.length : older, 0, row);
  }
  const pending = isFirst ? wallet.pending.map((each) => pendingRow(each, print)) : [];
  return [...pending, ...rows];
}

function pendingRow(pending: PendingMovement, print: PrintAmount): RowView {
  return {
    id: pending.operationId,
    state: 'pending',
    title: `${KIND_WORDS[pending.kind].doing} to wallet ${pending.counterpartyWalletId}`,
    amount: print(-pending.amountMinor, { signed: true }),
    isIncoming: false,
    at: pending.acceptedAt,
    note: 'On its way',
    details: wordsOf(pending),
    news: undefined,
  };
}

function entryRow(entry: WalletEntry, print: PrintAmount, news: string): RowView {
  const isIncoming = entry.amountMinor > 0n;
  return {
    id: entry.operationId,
    state: 'applied',
    title: KIND_WORDS[entry.kind].row[isIncoming ? 'credit' : 'debit'](entry.counterpartyWalletId),
    amount: print(entry.amountMinor, { signed: true }),
    isIncoming,
    at: entry.createdAt,
    note: `Balance ${print(entry.balanceAfterMinor)}`,
    details: wordsOf(entry),
    news: isIncoming ? undefined : news,
  };
}

function refusedRow(refused: RefusedMovement, print: PrintAmount, news: string): RowView {
  return {
    id: refused.operationId,
    state: 'rejected',
    title: `${KIND_WORDS[refused.kind].failed} to wallet ${refused.counterpartyWalletId}. ${PROBLEMS[refused.reason].title}.`,
    amount: print(refused.amountMinor),
    isIncoming: false,
    at: refused.acceptedAt,
    note: 'Nothing has left',
    details: wordsOf(refused),
    news,
  };
}

function wordsOf({ details }: Pick<WalletEntry, 'details'>): Words | null {
  return details === null ? null : shorten(details);
}
