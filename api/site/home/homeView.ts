/** What the start page shows: a wallet, what is under way out of it, what has happened, and the form to send more. */
import { randomUUID } from 'node:crypto';
import type { OperationView } from '../../../shared/store/ledger/operationView.ts';
import type { WalletPage } from '../../../shared/store/ledger/readWalletPage.ts';
import type { Role } from '../../http/route.ts';
import { nextBefore } from '../../wallets/ownWallet.ts';
import { viewPaymentForm } from '../payment/paymentForm.ts';
import type { Answered } from '../payment/answered.ts';
import { printerFor } from '../../html/printAmount.ts';
import type { PageData } from '../render.ts';
import { rowsOf } from './walletRows.ts';
import { newsOf, WORDINGS } from '../wordings.ts';

interface HomeFacts {
  wallet: WalletPage;
  role: Role;
  /** What has just been sent. */
  sent: OperationView | undefined;
  /** Differs whenever what the page shows does. */
  mark: string;
  isFirst: boolean;
  /** What somebody who runs the service, on this machine, needs next. */
  hint: 'pay-in' | 'second-person' | undefined;
  answered: Answered | undefined;
}

export function viewHome({ wallet, role, sent, mark, isFirst, hint, answered }: HomeFacts): PageData {
  const wording = WORDINGS[role === 'bank' ? 'bank' : 'customer'];
  const print = printerFor(wallet.currency);
  const availableMinor = wallet.balanceMinor - wallet.heldMinor;
  const leftMinor = availableMinor - wallet.pendingOutMinor;
  return {
    title: answered?.why === 'refused' ? `Error: ${wording.title}` : wording.title,
    heading: wording.title,
    loggedIn: true,
    scripts: ['/assets/page.js', '/assets/wallet.js'],
    ...{ mark, isFirst, hint, isBank: role === 'bank' },
    walletId: wallet.walletId,
    currency: wallet.currency,
    isFrozen: wallet.isFrozen,
    balance: print(wallet.balanceMinor),
    available: print(availableMinor),
    pendingOut: wallet.pendingOutMinor > 0n ? print(wallet.pendingOutMinor) : undefined,
    left: print(leftMinor),
    isTooMuch: role !== 'bank' && leftMinor < 0n,
    news: sent ? [{ id: sent.id, state: sent.state, text: newsOf(sent) }] : [],
    rows: rowsOf(wallet, isFirst),
    unlisted: isFirst ? wallet.pendingCount - wallet.pending.length : 0,
    isEmpty: wallet.entries.length === 0,
    nextBefore: nextBefore(wallet),
    formTitle: wording.form,
    form: viewPaymentForm({ walletId: wallet.walletId, currency: wallet.currency, availableMinor }, wording, {
      key: randomUUID(),
      answered,
    }),
    frozenWords: wording.frozen,
  };
}
